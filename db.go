package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

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
	history *DB          // has LoggingInfo; often this one
	logging *table       // LoggingInfo, as this one's connections call it

	counted atomic.Bool    // counts of jobs are kept and complete
	unswept atomic.Int64   // differences folded since counts that are zero were deleted
	folding sync.WaitGroup // keepCounts
	unfold  context.CancelFunc

	// oneServer says that history is in another database of the MariaDB
	// server that has this one, so that one transaction reaches both.
	oneServer bool
}

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
	db := &DB{engine: e, dialect: &e.dialect, options: options, logging: loggingInfo}
	db.access, db.history = access{db: db}, db
	if t.engine == "sqlite" {
		db.groups = newGroupCommit(e.writer)
	}
	schema, err := probeSchema(ctx, e.reader, db.dialect)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", db.typed(err)), e.close())
	}
	db.use(ctx, schema)
	if options.HistoryURL != "" && options.HistoryURL != url {
		if err := db.openHistory(ctx, t); err != nil {
			db.stopFolding()
			return nil, errors.Join(fmt.Errorf("open the history: %w", err), e.close())
		}
	}
	return db, nil
}

// use takes what was found out of the schema, and keeps its counts up until the DB is closed.
func (db *DB) use(ctx context.Context, s *schema) {
	db.stopFolding()
	db.schema = s
	db.counted.Store(s.counts && s.counted)
	if s.counts && !db.options.ReadOnly && db.options.FoldCounts > 0 {
		ctx, db.unfold = context.WithCancel(context.WithoutCancel(ctx))
		db.folding.Go(func() { db.keepCounts(ctx, db.options.FoldCounts) })
	}
}

func (db *DB) stopFolding() {
	if db.unfold != nil {
		db.unfold()
		db.folding.Wait()
	}
}

func (db *DB) openHistory(ctx context.Context, t target) error {
	options := db.options
	options.HistoryURL = ""
	history, err := Open(ctx, db.options.HistoryURL, options)
	if err != nil {
		return err
	}
	h, err := parseURL(db.options.HistoryURL)
	if err != nil {
		return errors.Join(err, history.Close())
	}
	db.history = history
	db.oneServer = t.engine == "mysql" && h.engine == "mysql" && t.user == h.user && slices.Equal(t.hosts, h.hosts)
	if db.oneServer {
		elsewhere := *loggingInfo
		elsewhere.database = h.name
		db.logging = &elsewhere
	}
	return nil
}

// Close waits for running statements and closes all connections.
func (db *DB) Close() error {
	db.stopFolding()
	if db.history != db {
		return errors.Join(db.history.Close(), db.close())
	}
	return db.close()
}

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
