package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/go-sql-driver/mysql"
)

// mysqlDriverConn is what the driver's connections can do.
type mysqlDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// How many prepared statements a connection keeps. With 32 connections of each of five jobdb
// servers they stay below the default of MySQL and MariaDB, 16,382 on a server. Each of their
// arguments takes a kilobyte there.
const (
	mysqlStatements = 96     // all of the access layer's own and the most recent searches
	mysqlArguments  = 16_384 // of all statements together
	// mysqlPrepared is how many arguments a search may have to be prepared. Longer ones differ in
	// the lengths of their lists, so they are rarely used again.
	mysqlPrepared = 128
)

type mysqlConn struct {
	mysqlDriverConn
	network net.Conn

	host   driver.Connector
	node   *galeraNode // nil: not a node of a cluster, or one that is used whether it is in step or not
	id     string      // CONNECTION_ID()
	server string      // to which id belongs: a proxy may lead to another one next time
	killed bool        // it was ended in the server

	isolation  sql.IsolationLevel // of the session, once it was set
	statements map[string]*mysqlStatement
	recent     []string // their texts, the last used last
	arguments  int      // of all of them
}

type mysqlStatement struct {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
	arguments int
}

// IsValid keeps a connection from use after it was killed.
func (c *mysqlConn) IsValid() bool { return !c.killed && c.mysqlDriverConn.IsValid() }

// ResetSession keeps a connection from further use while its node isn't in step: there may be others.
func (c *mysqlConn) ResetSession(ctx context.Context) error {
	if err := c.mysqlDriverConn.ResetSession(ctx); err != nil {
		return err
	}
	if !c.inStep(ctx) {
		return driver.ErrBadConn
	}
	return nil
}

var mysqlIsolation = map[sql.IsolationLevel]string{sql.LevelReadCommitted: "READ COMMITTED", sql.LevelRepeatableRead: "REPEATABLE READ"}

// refused gives the connection up when its node refuses everything. Its error makes the pool try on
// another connection, which leads to another node if the URL names one.
func (c *mysqlConn) refused(err error) error {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) && e.Number == notReady {
		c.killed = true
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return err
}

// BeginTx sets the session's isolation level only when it changes. The driver would set it before
// every transaction, which costs a round trip.
func (c *mysqlConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	level := sql.IsolationLevel(options.Isolation)
	if level != c.isolation {
		name, known := mysqlIsolation[level]
		if !known {
			return nil, errors.New("no transaction here is " + level.String())
		}
		if _, err := c.mysqlDriverConn.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL "+name, nil); err != nil {
			return nil, err
		}
		c.isolation = level
	}
	options.Isolation = driver.IsolationLevel(sql.LevelDefault)
	tx, err := c.mysqlDriverConn.BeginTx(ctx, options)
	if err != nil {
		return nil, c.refused(err)
	}
	return &boundedTx{tx, c.network}, nil
}

// QueryContext runs a query, prepared when it has arguments. The server may be at work until the
// last row has come.
func (c *mysqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	done := c.killOnCancel(ctx)
	rows, err := c.query(ctx, query, args)
	if err != nil {
		done()
		return nil, c.refused(err)
	}
	return &mysqlRows{rows, done}, nil
}

func (c *mysqlConn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 || len(args) > mysqlPrepared {
		return c.mysqlDriverConn.QueryContext(ctx, query, args)
	}
	statement, err := c.statement(ctx, query, len(args))
	if err != nil {
		return nil, err
	}
	if statement == nil {
		return c.mysqlDriverConn.QueryContext(ctx, query, args)
	}
	return statement.QueryContext(ctx, args)
}

type mysqlRows struct {
	driver.Rows
	done func()
}

// Close ends the rows, and killOnCancel's watch over the query.
func (r *mysqlRows) Close() error {
	defer r.done()
	return r.Rows.Close()
}

// ExecContext runs a statement, prepared when it has arguments.
func (c *mysqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	defer c.killOnCancel(ctx)()
	result, err := c.exec(ctx, query, args)
	return result, c.refused(err)
}

func (c *mysqlConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return c.mysqlDriverConn.ExecContext(ctx, query, args)
	}
	statement, err := c.statement(ctx, query, len(args))
	if err != nil {
		return nil, err
	}
	if statement == nil {
		return c.mysqlDriverConn.ExecContext(ctx, query, args)
	}
	return statement.ExecContext(ctx, args)
}

// tooManyStatements is the server's error when all its connections together have
// max_prepared_stmt_count prepared statements.
const tooManyStatements = 1461

// statement returns a prepared statement, and closes the least recently used ones if there are too
// many. It is nil when the server takes no more statements; then this connection closes all its
// own, because others may need theirs more, and does without.
func (c *mysqlConn) statement(ctx context.Context, query string, arguments int) (*mysqlStatement, error) {
	if s := c.statements[query]; s != nil {
		if i := slices.Index(c.recent, query); i >= 0 {
			c.recent = append(slices.Delete(c.recent, i, i+1), query)
		}
		return s, nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) && refused.Number == tooManyStatements {
		return nil, c.forget(0, 0)
	}
	if err != nil {
		return nil, err
	}
	queries, canQuery := stmt.(driver.StmtQueryContext)
	execs, canExec := stmt.(driver.StmtExecContext)
	if !canQuery || !canExec {
		return nil, errors.Join(errors.New("the MySQL driver lacks what jobdb needs of it"), stmt.Close())
	}
	err = c.forget(mysqlStatements-1, max(0, mysqlArguments-arguments))
	s := &mysqlStatement{stmt, queries, execs, arguments}
	c.statements[query] = s
	c.recent = append(c.recent, query)
	c.arguments += arguments
	return s, err
}

// forget closes the least recently used statements until there are so few, with so few arguments.
func (c *mysqlConn) forget(statements, arguments int) (err error) {
	for len(c.recent) > statements || c.arguments > arguments && len(c.recent) > 0 {
		oldest := c.recent[0]
		c.recent = slices.Delete(c.recent, 0, 1)
		c.arguments -= c.statements[oldest].arguments
		err = errors.Join(err, c.statements[oldest].Close())
		delete(c.statements, oldest)
	}
	return err
}
