package jobdb

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

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

// now is the database's time: UTC, cut to microseconds, which is what every
// engine can keep.
func (db *DB) now() time.Time { return db.options.Clock().UTC().Truncate(time.Microsecond) }
