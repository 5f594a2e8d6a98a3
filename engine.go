package jobdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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

// Options are the settings of a database. The zero value has good defaults.
type Options struct {
	HistoryURL        string           // of the database that has LoggingInfo; default: the same
	Clock             func() time.Time // where time comes from; default: the system
	Logger            *slog.Logger     // default: none
	Limits            Limits           // zero fields have their defaults
	CommandRedelivery time.Duration    // a Kill whose job beats this long after it was sent is sent again; 0: never
	StatementTime     time.Duration    // the server ends statements after this; default 10 minutes
	Connections       int              // at most; default 32 to a server, one a core to a SQLite file
	FoldCounts        time.Duration    // how often counts of jobs are brought together; default 1 s, negative: never, see [DB.FoldCounts]
	ReadOnly          bool             // nothing can be written
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = systemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StatementTime == 0 {
		o.StatementTime = 10 * time.Minute
	}
	if o.FoldCounts == 0 {
		o.FoldCounts = time.Second
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

func (o Options) size(pool *sql.DB) {
	n := o.Connections
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
	close          func() error
}

// errLost is told to the members of a group whose transaction is gone
// through no fault of their own.
var errLost = errors.New("the transaction was lost")

// missingKey is the job that a foreign key missed, by PostgreSQL's account.
func missingKey(err error) (JobID, bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "23503" {
		return 0, false
	}
	groups := missingKeyPattern.FindStringSubmatch(e.Detail)
	if groups == nil {
		return 0, false
	}
	id, err := strconv.ParseInt(groups[1], 10, 64)
	return JobID(id), err == nil
}

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

// networkClass tells errors of the connection from others.
func networkClass(err error) errClass {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return classUnavailable
	}
	return classOther
}
