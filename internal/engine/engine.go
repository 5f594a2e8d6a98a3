package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"
)

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

// Settings are what an engine is opened with.
type Settings struct {
	StatementTimeout time.Duration // the server ends statements after this
	Connections      int           // at most; 0: the engine's own default
	ReadOnly         bool
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

// Engine is an opened database: pools and what differs beside the text of statements.
type Engine struct {
	Dialect        Dialect
	Reader, Writer *sql.DB // the same pool except on SQLite
	WriteOptions   sql.TxOptions
	classify       func(error) ErrClass
	MissingKey     func(error) (int64, bool) // what a foreign key missed, by the error's own account; nil: errors don't tell
	Close          func() error

	recognize func(context.Context, *Engine) error // nil where the URL tells the product
}

// Recognize asks the server which product it is, where several speak one protocol, and sets the dialect.
func (e *Engine) Recognize(ctx context.Context) error {
	if e.recognize == nil {
		return nil
	}
	return e.recognize(ctx, e)
}

// Snapshot begins a transaction that reads one state of the database.
func (e *Engine) Snapshot(ctx context.Context) (*sql.Tx, error) {
	if e.Dialect.Name == "sqlite" { // any transaction of a reader is a snapshot
		return e.Reader.BeginTx(ctx, nil)
	}
	return e.Reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
}

// ErrLost is told to the members of a group whose transaction is gone
// through no fault of their own.
var ErrLost = errors.New("the transaction was lost")

// Querier is what *sql.DB and *sql.Tx have in common.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// ErrClass is what an engine's error means for the caller.
type ErrClass uint8

const (
	ClassOther ErrClass = iota
	ClassRetry
	ClassDuplicate
	ClassForeignKey
	ClassValue
	ClassUnavailable
	ClassCancelled
)

// ErrGaveUp is the class of errors of waiting for too long.
var ErrGaveUp = errors.New("gave up waiting")

// ClassOf is what an error means; a caller who went away is nobody's fault.
func (e *Engine) ClassOf(err error) ErrClass {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ClassOther
	}
	if errors.Is(err, ErrGaveUp) {
		return ClassUnavailable
	}
	return e.classify(err)
}

// networkClass tells errors of the connection from others.
func networkClass(err error) ErrClass {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ClassUnavailable
	}
	return ClassOther
}

func Sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var OpenEngine = map[string]func(context.Context, Target, Settings) (*Engine, error){
	"sqlite": openSQLite, "mysql": openMySQL, "postgres": openPostgres,
}
