package jobdb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Options are the settings of a database. The zero value has good defaults.
type Options struct {
	HistoryURL        string           // of the database that has LoggingInfo; default: the same
	Clock             func() time.Time // where time comes from; default: the machine's clock, corrected
	CorrectClock      bool             // corrects a Clock that is given, too, by the database server's; see [DB.Now]
	Logger            *slog.Logger     // default: none
	Limits            Limits           // zero fields have their defaults
	CommandRedelivery time.Duration    // a command that nothing has confirmed is handed out again after this; 0: never
	CommandExpiry     time.Duration    // except commands that are older than this; a Kill never is; 0: none is
	StatementTimeout  time.Duration    // the server ends statements after this; default 10 minutes
	Connections       int              // at most; default 32 on a server, on SQLite 8 or the number of cores, if that is larger
	FoldInterval      time.Duration    // how often counts of jobs are folded; default 1 s, negative: never, see [DB.FoldCounts]
	ReadOnly          bool             // nothing can be written
	Hooks             Hooks            // are called while the DB works; default: none
	ParametersOutbox  bool             // keeps changes of parameters, to be copied elsewhere; see [DB.WaitingJobs]; on our own schema only
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock, o.CorrectClock = systemClock, true
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 10 * time.Minute
	}
	if o.FoldInterval == 0 {
		o.FoldInterval = time.Second
	}
	o.Limits = o.Limits.withDefaults()
	return o
}

func (o Options) settings() engine.Settings {
	return engine.Settings{StatementTimeout: o.StatementTimeout, Connections: o.Connections, ReadOnly: o.ReadOnly, Logger: o.Logger}
}

// DB is a job database. Its methods are safe for use by many goroutines; each is a transaction of
// its own.
type DB struct {
	access
	engine  *engine.Engine
	dialect *engine.Dialect
	schema  *schema.Facts
	options Options
	target  engine.Target       // what the URL names; of no engine with [OpenDB]
	groups  *engine.GroupCommit // SQLite only
	history *DB                 // has LoggingInfo; often this one
	logging *tables.Table       // LoggingInfo, as this one's connections call it

	closed        atomic.Bool
	full          atomic.Int64 // when a change last failed for want of room, Unix nanoseconds; 0: the last one had some; see [DB.Full]
	crowded       crowdedJobs  // whose parameters are looked at before each change of them
	counted       atomic.Bool  // counts of jobs are kept and complete
	unswept       atomic.Int64 // differences folded since counts that are zero were deleted
	folded        atomic.Int64 // differences, since the DB was opened
	foldedAt      atomic.Int64 // when FoldCounts last left none behind; Unix microseconds
	retries       retries
	folding       sync.WaitGroup // foldLoop
	cancelFolding context.CancelFunc
	clock         databaseClock

	watching       sync.WaitGroup // watch
	cancelWatching context.CancelFunc
	newer          []string               // migrations of a newer jobdb; touched by watch only
	outdated       atomic.Pointer[string] // why this program must not go on

	mending     sync.Mutex  // held while the server is mended
	mendingTold atomic.Bool // a failure to mend it was logged within the last minute

	// sameServer says that history is in another database of the MariaDB server that has this one,
	// so that one transaction reaches both.
	sameServer bool
}

// factsOf returns the facts of the database that has the table t. The history may be in another
// database that the same connections reach, with other collations and less precise times.
func (db *DB) factsOf(t *tables.Table) *schema.Facts {
	if t.Name == tables.LoggingInfo.Name {
		return db.history.schema
	}
	return db.schema
}

// Ping checks that the database answers. It has a connection of its own for this, unless the pool
// was given to [OpenDB]. A database that this program must not use is a [SchemaError].
func (db *DB) Ping(ctx context.Context) error {
	if err := cmp.Or(db.misused(ctx), db.refusal()); err != nil {
		return err
	}
	var one int
	if err := db.engine.Probe.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ping the database: %w", db.publicError(err))
	}
	return nil
}

// fullTime is how long a database counts as full after a change that failed.
const fullTime = 30 * time.Second

// Full reports whether the last change failed for want of room ([ErrFull]), at most 30 seconds ago.
// After that it is false even if no change has succeeded: a server that is sent no requests because
// it reports that it is full could never find out that there is room again.
func (db *DB) Full() bool { return db.lacksRoom() || db.history.lacksRoom() }

func (db *DB) lacksRoom() bool {
	at := db.full.Load()
	return at > 0 && systemClock().Sub(time.Unix(0, at)) < fullTime
}

// PingHistory checks that the database with the histories of jobs, which may be another one,
// answers and still has their table.
func (db *DB) PingHistory(ctx context.Context) error {
	h := db.history
	if err := h.misused(ctx); err != nil {
		return err
	}
	text := "SELECT 1 FROM " + tables.LoggingInfo.Quoted() + " WHERE 1 = 0"
	if err := engine.EachRow(ctx, h.engine.Probe, text, func(*sql.Rows) error { return nil }); err != nil {
		return fmt.Errorf("ping the history: %w", h.publicError(err))
	}
	return nil
}

// Engine returns sqlite, mysql (for MariaDB, too) or postgres.
func (db *DB) Engine() string { return db.dialect.Name }

// Schema returns who made this database.
func (db *DB) Schema() schema.Kind { return db.schema.Kind }

// HasWholeSeconds reports whether the database cuts or rounds times to seconds, as live ones do on
// servers. All updates of a job in one second have the same time there.
func (db *DB) HasWholeSeconds() bool { return db.schema.WholeSeconds }

// Limits returns the limits that this database was opened with, defaults filled in.
func (db *DB) Limits() Limits { return db.options.Limits }

// now is the database's time: UTC, cut to microseconds, which is what every engine can keep.
func (db *DB) now() time.Time { return db.clock.now().UTC().Truncate(time.Microsecond) }
