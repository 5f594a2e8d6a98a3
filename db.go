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
	CorrectClock      bool             // corrects a Clock that is given, too, by that of the database's server; see [DB.Now]
	Logger            *slog.Logger     // default: none
	Limits            Limits           // zero fields have their defaults
	CommandRedelivery time.Duration    // a command is handed out again this long after it was, if nothing has confirmed it; 0: never
	CommandExpiry     time.Duration    // but not this long after it was set, unless it is a Kill; 0: always
	StatementTimeout  time.Duration    // the server ends statements after this; default 10 minutes
	Connections       int              // at most; default 32 to a server; to a SQLite file 8, or one a core
	FoldInterval      time.Duration    // how often counts of jobs are brought together; default 1 s, negative: never, see [DB.FoldCounts]
	ReadOnly          bool             // nothing can be written
	Hooks             Hooks            // are called while the DB works; default: none
	ParametersOutbox  bool             // changes of parameters wait to be copied elsewhere, see [DB.WaitingJobs]; on our own schema only
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

	mending     sync.Mutex  // held by who mends the server
	mendingTold atomic.Bool // that it can't be mended was said within the last minute

	// sameServer says that history is in another database of the MariaDB server that has this one,
	// so that one transaction reaches both.
	sameServer bool
}

// factsOf is what must be known of the database that has the table t. Its history may be in another
// one, with other collations and ticks, that the same connections reach.
func (db *DB) factsOf(t *tables.Table) *schema.Facts {
	if t.Name == tables.LoggingInfo.Name {
		return db.history.schema
	}
	return db.schema
}

// Ping asks the database for an answer, on a connection that nothing else takes unless the pool was
// given to [OpenDB]. One that this program must not use is a [SchemaError].
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

// Full reports whether the last change failed because there was no room for it ([ErrFull]), half a
// minute ago at most. So it is false again after the next change that succeeds, and when none has been
// tried for a while: a server that gets no requests since it isn't ready must find out that it is.
func (db *DB) Full() bool { return db.lacksRoom() || db.history.lacksRoom() }

func (db *DB) lacksRoom() bool {
	at := db.full.Load()
	return at > 0 && systemClock().Sub(time.Unix(0, at)) < fullTime
}

// PingHistory asks the database that has the histories of jobs, which may be another one, whether
// it still has them.
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

// Engine is sqlite, mysql (MariaDB, too) or postgres.
func (db *DB) Engine() string { return db.dialect.Name }

// Schema says who made this database.
func (db *DB) Schema() schema.Kind { return db.schema.Kind }

// HasWholeSeconds reports whether the database cuts or rounds times to seconds, as live ones do on
// servers. All updates of a job in one second have the same time there.
func (db *DB) HasWholeSeconds() bool { return db.schema.WholeSeconds }

// Limits are those that this database was opened with, defaults filled in.
func (db *DB) Limits() Limits { return db.options.Limits }

// now is the database's time: UTC, cut to microseconds, which is what every engine can keep.
func (db *DB) now() time.Time { return db.clock.now().UTC().Truncate(time.Microsecond) }
