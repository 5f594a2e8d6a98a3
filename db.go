package jobdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"
)

// Options are the settings of a database. The zero value has good defaults.
type Options struct {
	Clock             func() time.Time // where time comes from; default: the system
	Logger            *slog.Logger     // default: none
	Limits            Limits           // zero fields have their defaults
	CommandRedelivery time.Duration    // a Kill whose job beats this long after it was sent is sent again; 0: never
	StatementTime     time.Duration    // the server ends statements after this; default 10 minutes
	Connections       int              // at most; default 32 to a server, one a core to a SQLite file
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

var openEngine = map[string]func(context.Context, target, Options) (*engine, error){
	"sqlite": openSQLite, "mysql": openMySQL, "postgres": openPostgres,
}

// DB is a job database. Its methods are safe for use by many goroutines;
// each is a transaction of its own.
type DB struct {
	access
	*engine
	dialect *dialect
	schema  *schema
	options Options
	groups  *groupCommit // SQLite only
}

// Tx is a transaction, which [DB.Tx] hands to its function. It is for one
// goroutine. A method that fails in the database fails the transaction: later
// methods return the same error, and nothing of it is kept.
type Tx struct{ access }

// Open opens the database that url names: sqlite:PATH,
// mysql://user:password@host:port/name (also mariadb://, also several hosts
// separated by commas), postgres://…, or SQLAlchemy's form of these. It
// neither makes nor changes tables; see [DB.Migrate]. A database that can't be
// reached is [ErrUnavailable]. No error repeats the password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	t, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	e, err := openEngine[t.engine](ctx, t, options)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := &DB{engine: e, dialect: &e.dialect, options: options}
	db.access = access{db: db}
	if t.engine == "sqlite" {
		db.groups = newGroupCommit(e.writer)
	}
	if db.schema, err = probeSchema(ctx, e.reader, db.dialect); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", db.typed(err)), e.close())
	}
	return db, nil
}

// Close waits for running statements and closes all connections.
func (db *DB) Close() error { return db.close() }

// Ping asks the database for an answer.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ping the database: %w", db.typed(err))
	}
	return nil
}

// Engine is sqlite, mysql (MariaDB, too) or postgres.
func (db *DB) Engine() string { return db.dialect.name }

// Schema says who made this database.
func (db *DB) Schema() SchemaKind { return db.schema.kind }

// Limits are those that this database was opened with, defaults filled in.
func (db *DB) Limits() Limits { return db.options.Limits }

// access is the access layer: every method, on a [DB] as a transaction of
// its own and on a [Tx] as a part of it.
type access struct {
	db *DB
	tx *session // nil on a DB
}

// session is where statements go: a pool, or one transaction.
type session struct {
	db     *DB
	q      querier
	inTx   bool
	failed error // the first error of a statement in a transaction
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// read runs one query.
func (a access) read(ctx context.Context, what string, fn func(*session) error) error {
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	if err := a.db.usable(); err != nil {
		return err
	}
	return a.db.explain(what, fn(&session{db: a.db, q: a.db.reader}))
}

// snapshot runs several queries that see one state of the database.
func (a access) snapshot(ctx context.Context, what string, fn func(*session) error) error {
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	if err := a.db.usable(); err != nil {
		return err
	}
	options := &sql.TxOptions{ReadOnly: a.db.dialect.name != "sqlite", Isolation: sql.LevelRepeatableRead}
	if a.db.dialect.name == "sqlite" {
		options = nil // any transaction of a reader is a snapshot
	}
	tx, err := a.db.reader.BeginTx(ctx, options)
	if err != nil {
		return a.db.explain(what, err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return a.db.explain(what, fn(&session{db: a.db, q: tx, inTx: true}))
}

// write runs statements that change rows, all or none.
func (a access) write(ctx context.Context, what string, fn func(*session) error) error {
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	return a.db.transact(ctx, func(s *session) error { return s.run(what, fn) })
}

// Tx runs fn in a transaction: all that it does through tx is kept when it
// returns nil, nothing when it returns an error, which Tx returns. A
// transaction that loses against another (deadlock, serialization or
// certification failure, lock wait, SQLITE_BUSY) is run again, at most 30 times with growing
// pauses, so fn must be safe to run again. fn must not use the DB itself.
func (db *DB) Tx(ctx context.Context, fn func(tx *Tx) error) error {
	return db.transact(ctx, func(s *session) error {
		err := fn(&Tx{access{db: db, tx: s}})
		if err == nil {
			return s.failed
		}
		return err
	})
}

func (db *DB) usable() error {
	switch db.schema.kind {
	case SchemaEmpty:
		return &SchemaError{Reason: `the database has no tables yet; run "jobdb migrate"`}
	case SchemaUnknown:
		return &SchemaError{Reason: `this is not a job database that jobdb can work on; "jobdb schema check" says why`}
	case SchemaOurs, SchemaDiracX, SchemaLegacy:
	}
	return nil
}

const (
	mostTries    = 30
	longestPause = 500 * time.Millisecond
)

// transact runs fn in a transaction until it doesn't lose against another one.
func (db *DB) transact(ctx context.Context, fn func(*session) error) error {
	if err := db.usable(); err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := db.once(ctx, fn)
		if err == nil || !errors.Is(err, errLost) && db.classOf(err) != classRetry {
			return db.typed(err)
		}
		if try == mostTries {
			return &UnavailableError{Err: fmt.Errorf("gave up after %d tries: %w", try, err)}
		}
		pause := min(longestPause, time.Millisecond<<min(try, 20))
		db.options.Logger.DebugContext(ctx, "transaction lost against another one, trying again", "try", try, "error", err)
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

func (db *DB) once(ctx context.Context, fn func(*session) error) error {
	if db.groups != nil {
		return db.groups.run(ctx, func(q querier) error { return fn(&session{db: db, q: q, inTx: true}) })
	}
	tx, err := db.writer.BeginTx(ctx, &db.writeOptions)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // says only that it was committed
	if err := fn(&session{db: db, q: tx, inTx: true}); err != nil {
		return err
	}
	return tx.Commit()
}

// run is one method in a transaction.
func (s *session) run(what string, fn func(*session) error) error {
	if s.failed != nil {
		return s.failed
	}
	return s.db.explain(what, fn(s))
}

// query runs one query and calls each for every row.
func (s *session) query(ctx context.Context, text string, args []any, each func(*sql.Rows) error) error {
	rows, err := s.q.QueryContext(ctx, s.db.dialect.rebind(text), args...)
	if err != nil {
		return s.fail(ctx, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return s.fail(ctx, rows.Err())
}

// exec runs one statement and returns how many rows it matched.
func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.q.ExecContext(ctx, s.db.dialect.rebind(text), args...)
	if err != nil {
		return 0, s.fail(ctx, err)
	}
	n, err := result.RowsAffected()
	return n, s.fail(ctx, err)
}

// fail notes the first error of a transaction. Engines tell a cancelled
// context in their own words; callers want the context's.
func (s *session) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(ctx.Err(), err)
	}
	if s.inTx && s.failed == nil {
		s.failed = err
	}
	return err
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

func (db *DB) classOf(err error) errClass {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return classOther
	}
	return db.classify(err)
}

// networkClass tells errors of the connection from others.
func networkClass(err error) errClass {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return classUnavailable
	}
	return classOther
}

// explain adds what was being done to errors that don't say it themselves.
func (db *DB) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	if isTyped(err) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

func isTyped(err error) bool {
	for _, class := range []error{ErrInvalidQuery, ErrInvalidValue, ErrNotFound, ErrConflict, ErrSchema} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// typed makes an engine's error one of this package's.
func (db *DB) typed(err error) error {
	if err == nil || isTyped(err) || errors.Is(err, ErrUnavailable) {
		return err
	}
	switch db.classOf(err) {
	case classUnavailable, classRetry:
		return &UnavailableError{Err: err}
	case classCancelled:
		return &UnavailableError{Err: fmt.Errorf("the statement took too long: %w", err)}
	case classDuplicate:
		return &ConflictError{What: "the row", Err: err}
	case classValue:
		return &ValueError{Column: "unknown", Reason: "the database refused it: " + err.Error()}
	case classOther, classForeignKey:
	}
	return err
}
