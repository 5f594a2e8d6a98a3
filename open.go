package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Open opens the database that url names: sqlite:PATH, sqlite::memory: (one of its own, empty,
// until it is closed: for tests; its methods take turns, as on a single connection),
// mysql://user:password@host:port/name (also mariadb://, also several hosts separated by commas),
// postgres://…, or SQLAlchemy's form of these. It neither makes nor changes tables; see
// [DB.Migrate]. A database that can't be reached is [ErrUnavailable]. No error repeats the
// password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	e, err := openEngine(ctx, t, options)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if options.HistoryURL == url {
		options.HistoryURL = ""
	}
	return open(ctx, e, t, options)
}

func openEngine(ctx context.Context, t engine.Target, options Options) (*engine.Engine, error) {
	e, err := engine.Open(ctx, t, options.settings())
	if errors.Is(err, engine.ErrUnreachable) {
		return nil, &UnavailableError{Err: err}
	}
	return e, err
}

// SQLiteDriver is the name of jobdb's SQLite driver in database/sql, for [OpenDB]. It is
// mattn/go-sqlite3 in programs built with cgo, else modernc.org/sqlite, with a function REGEXP.
const SQLiteDriver = engine.SQLiteDriver

// OpenDB opens a database on the caller's own pool of connections. The pool may be used for other
// things meanwhile, and [DB.Close] leaves it open. A [pgxpool.Pool] is given by pgx's
// stdlib.OpenDBFromPool. The pool's driver tells the engine. OpenDB checks that the connections are
// set as jobdb needs them, and an error says what to set:
//
//   - go-sql-driver/mysql: parseTime=true, clientFoundRows=true, loc=UTC, charset utf8mb4 and a sql_mode with ANSI_QUOTES and
//     STRICT_ALL_TABLES. Whether there is clientFoundRows is tried on a temporary table.
//   - pgx's stdlib: timezone=UTC.
//   - the driver named [SQLiteDriver], and no other: foreign keys enforced. A database in memory needs SetMaxOpenConns(1).
//     _txlock should stay deferred, or reading waits for writing.
//
// The pool's own limits hold instead of [Options.Connections], and no statement ends after
// [Options.StatementTimeout]. On MariaDB and MySQL a pool made by [Open] also remembers prepared
// statements, ends in the server what was cancelled, and keeps MariaDB from making tables of long
// lists (in_predicate_conversion_threshold = 0); on PostgreSQL it cancels in the server, too; on
// SQLite it writes on one connection and reads on others. None of this is done to a pool that is
// given.
//
// [pgxpool.Pool]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#Pool
func OpenDB(ctx context.Context, pool *sql.DB, options Options) (*DB, error) {
	options = options.withDefaults()
	e, err := engine.OnPool(ctx, pool, options.settings())
	if err != nil {
		err = fmt.Errorf("open the database: %w", err)
		if e != nil {
			err = (&DB{engine: e}).publicError(err)
		}
		return nil, err
	}
	return open(ctx, e, engine.Target{}, options)
}

// open makes a DB on an engine, and closes the engine if that fails.
func open(ctx context.Context, e *engine.Engine, t engine.Target, options Options) (*DB, error) {
	db := &DB{engine: e, dialect: &e.Dialect, options: options, groups: e.Groups, target: t, logging: tables.LoggingInfo}
	db.access, db.history = access{db: db}, db
	db.clock.machine = options.Clock
	var facts *schema.Facts
	err := e.Recognize(ctx)
	if err == nil {
		facts, err = schema.Probe(ctx, e.Reader, db.dialect)
	}
	if err == nil {
		err = db.readClock(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", db.publicError(err)), e.Close())
	}
	db.useSchema(ctx, facts)
	if options.HistoryURL != "" {
		if err := db.openHistory(ctx, t); err != nil {
			db.stopFolding()
			db.stopWatching()
			return nil, errors.Join(fmt.Errorf("open the history: %w", err), e.Close())
		}
	}
	return db, nil
}

// useSchema sets the facts of the schema, and starts the work in the background that goes on until
// the DB is closed: folding of counts, where there are any, and watching.
func (db *DB) useSchema(ctx context.Context, s *schema.Facts) {
	db.stopFolding()
	db.stopWatching()
	db.schema = s
	db.counted.Store(s.Counts && s.Counted)
	if s.Counts && !db.options.ReadOnly && db.options.FoldInterval > 0 {
		ctx, db.cancelFolding = context.WithCancel(context.WithoutCancel(ctx))
		db.folding.Go(func() { db.foldLoop(ctx, db.options.FoldInterval) })
	}
	db.startWatching(ctx)
}

func (db *DB) stopFolding() {
	if db.cancelFolding != nil {
		db.cancelFolding()
		db.folding.Wait()
	}
}

func (db *DB) openHistory(ctx context.Context, t engine.Target) error {
	options := db.options
	options.HistoryURL = ""
	options.Clock, options.CorrectClock = db.now, false // one clock
	history, err := Open(ctx, db.options.HistoryURL, options)
	if err != nil {
		return err
	}
	h, err := engine.ParseURL(db.options.HistoryURL)
	if err != nil {
		return errors.Join(err, history.Close())
	}
	db.history = history
	db.sameServer = engine.SameServer(t, h)
	if db.sameServer {
		elsewhere := *tables.LoggingInfo
		elsewhere.Database = h.Name
		db.logging = &elsewhere
	}
	return nil
}

// Close waits for running statements and closes all connections. Methods called later return
// [ErrClosed].
func (db *DB) Close() error {
	db.closed.Store(true)
	db.stopFolding()
	db.stopWatching()
	if db.history != db {
		return errors.Join(db.history.Close(), db.engine.Close())
	}
	return db.engine.Close()
}
