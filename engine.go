package jobdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"
)

// eachRow runs a query and calls each for every row.
func eachRow(ctx context.Context, q querier, query string, each func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// askText runs a query that gives one value.
func askText(ctx context.Context, q querier, query string) (string, error) {
	var text string
	err := eachRow(ctx, q, query, func(rows *sql.Rows) error { return rows.Scan(&text) })
	return text, err
}

// settings are what an engine is opened with.
type settings struct {
	statementTime time.Duration // the server ends statements after this
	connections   int           // at most; 0: the engine's own default
	readOnly      bool
}

func (o settings) size(pool *sql.DB) {
	n := o.connections
	if n == 0 {
		n = 32
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxIdleTime(5 * time.Minute)
}

// engine is an opened database: pools and what differs beside the text of statements.
type engine struct {
	dialect        dialect
	reader, writer *sql.DB // the same pool except on SQLite
	writeOptions   sql.TxOptions
	classify       func(error) errClass
	missingKey     func(error) (int64, bool) // what a foreign key missed, by the error's own account; nil: errors don't tell
	close          func() error
}

// errLost is told to the members of a group whose transaction is gone
// through no fault of their own.
var errLost = errors.New("the transaction was lost")

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// errClass is what an engine's error means for the caller.
type errClass uint8

const (
	classOther errClass = iota
	classRetry
	classDuplicate
	classForeignKey
	classValue
	classUnavailable
	classCancelled
)

// errGaveUp is the class of errors of waiting for too long.
var errGaveUp = errors.New("gave up waiting")

// classOf is what an error means; a caller who went away is nobody's fault.
func (e *engine) classOf(err error) errClass {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return classOther
	}
	if errors.Is(err, errGaveUp) {
		return classUnavailable
	}
	return e.classify(err)
}

// networkClass tells errors of the connection from others.
func networkClass(err error) errClass {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return classUnavailable
	}
	return classOther
}
