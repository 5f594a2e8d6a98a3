// Package engine has all that differs between SQLite, MariaDB, MySQL and PostgreSQL: dialects as
// data (dialect*.go, catalog.go), drivers and database URLs, classes of errors, the lock of
// migrations, and SQLite's shared commits. No other package asks for an engine's name.
package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"time"
)

// Settings are what an engine is opened with.
type Settings struct {
	StatementTimeout time.Duration // the server ends statements after this
	Connections      int           // at most; 0: the engine's own default
	ReadOnly         bool          // nothing can be written
	Logger           *slog.Logger  // of warnings
}

func (o Settings) size(pool *sql.DB) {
	n := o.Connections
	if n == 0 {
		n = 32
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxIdleTime(5 * time.Minute)
}

// serve makes the engine of a connector: on gives it a pool for all work, and serve adds a pool of
// one connection to ask whether the server answers.
func (o Settings) serve(connector driver.Connector, on func(*sql.DB) *Engine) *Engine {
	pool, probe := sql.OpenDB(&patientConnector{Connector: connector}), sql.OpenDB(connector)
	o.size(pool)
	probe.SetMaxOpenConns(1)
	probe.SetConnMaxIdleTime(5 * time.Minute)
	e := on(pool)
	e.Probe = probe
	e.Close = func() error { return errors.Join(probe.Close(), pool.Close()) }
	return e
}

// Engine is an opened database: its pools, and what differs between engines beside statements.
type Engine struct {
	Dialect        Dialect
	Reader, Writer *sql.DB        // the same pool except on SQLite
	Probe          *sql.DB        // has a connection that no other work takes, to ask whether the server answers
	WriteOptions   sql.TxOptions  // of transactions that write
	Snapshot       *sql.TxOptions // of transactions that only read, in one snapshot
	Groups         *GroupCommit   // lets small transactions share a commit; nil where each commits by itself
	Given          bool           // the pool is the caller's: a statement that is cancelled goes on in the server, and only a transaction undoes it
	OneConnection  bool           // Reader and Writer have one connection: whoever reads keeps all others waiting
	Close          func() error   // closes all connections but those of a pool of the caller's

	classify       func(error) ErrClass
	jobInError     func(error) (int64, bool)
	recognize      func(context.Context, *Engine) error // finds out the product; nil where the URL tells it
	withSchemaLock func(context.Context, *Engine, func(Querier) error) error

	mend          func(context.Context, *Engine) error // nil where nothing can break
	mendStatement string

	// nil where there are no rights to lack
	writeObstacles     func(ctx context.Context, e *Engine, tables []string) ([]Obstacle, error)
	migrationObstacles func(context.Context, *Engine) ([]Obstacle, error)

	logger *slog.Logger
	log    *sqliteLog // nil where there is no write-ahead log to keep small
	turns  turns      // of BeginWrite
}

// BeginWrite begins a transaction that writes, outside of [Engine.Groups]. Only one goroutine at a
// time may have one. Call EndWrite after it: on SQLite the transaction keeps other processes from
// writing.
func (e *Engine) BeginWrite(ctx context.Context) (*sql.Tx, error) {
	if e.Dialect.InProcess {
		return e.turns.begin(ctx, e.Writer, &e.WriteOptions)
	}
	return e.Writer.BeginTx(ctx, &e.WriteOptions)
}

// EndWrite lets other processes write for a while, if this one has kept them from it for a long
// time.
func (e *Engine) EndWrite() { e.turns.end() }

// serverSnapshot is for engines with a server.
var serverSnapshot = &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}

// opens has the functions that open an engine, by [Dialect.Name].
var opens = map[string]func(context.Context, Target, Settings) (*Engine, error){
	"sqlite": openSQLite, "mysql": openMySQL, "postgres": openPostgres,
}

// Open makes the pools of a target. It connects to no server; see [Engine.Recognize].
func Open(ctx context.Context, t Target, o Settings) (*Engine, error) {
	e, err := opens[t.engine](ctx, t, o)
	if err != nil {
		return nil, err
	}
	e.logger = o.Logger
	return e, nil
}

// Recognize asks the server which product it is, where several speak one protocol, and sets the
// dialect.
func (e *Engine) Recognize(ctx context.Context) error {
	if e.recognize == nil {
		return nil
	}
	return e.recognize(ctx, e)
}

// Version is the engine's own name for its release.
func (e *Engine) Version(ctx context.Context) (string, error) {
	return AskText(ctx, e.Reader, e.Dialect.Catalog.Version)
}

// Mend repairs the server after an error of [ClassBroken]. It returns the statement that an
// administrator can run if it fails.
func (e *Engine) Mend(ctx context.Context) (statement string, err error) {
	if e.mend == nil {
		return "", nil
	}
	return e.mendStatement, e.mend(ctx, e)
}

// Querier is what *sql.DB and *sql.Tx have in common.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// EachRow runs a query and calls each for every row.
func EachRow(ctx context.Context, q Querier, query string, each func(*sql.Rows) error) error {
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

// AskText runs a query that gives one value.
func AskText(ctx context.Context, q Querier, query string) (string, error) {
	var text string
	err := EachRow(ctx, q, query, func(rows *sql.Rows) error { return rows.Scan(&text) })
	return text, err
}

// Sleep returns after the pause, or with the cause of the context's end.
func Sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
