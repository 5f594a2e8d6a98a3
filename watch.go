package jobdb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
)

// watchInterval is how often a DB looks at what may change around it.
const watchInterval = 5 * time.Second

// watch reads the database's clock and version until ctx ends.
func (db *DB) watch(ctx context.Context) {
	for engine.Sleep(ctx, watchInterval) == nil {
		err := errors.Join(db.readClock(ctx), db.lookForNewer(ctx))
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			db.options.Logger.WarnContext(ctx, "the database's clock and version can't be read", "error", err)
		}
	}
}

// startWatching begins to watch, until the DB is closed.
func (db *DB) startWatching(ctx context.Context) {
	ctx, db.cancelWatching = context.WithCancel(context.WithoutCancel(ctx))
	db.watching.Go(func() { db.watch(ctx) })
}

func (db *DB) stopWatching() {
	if db.cancelWatching != nil {
		db.cancelWatching()
		db.watching.Wait()
	}
}

// lookForNewer finds out whether a newer jobdb has migrated the database since it was opened. Most
// migrations leave older programs what they need, and they go on; after others they must end.
func (db *DB) lookForNewer(ctx context.Context) error {
	if db.schema.Kind != schema.KindOurs {
		return nil
	}
	names, ends, err := schema.Newer(ctx, db.engine.Reader, db.dialect)
	if err != nil || slices.Equal(names, db.newer) {
		return db.publicError(err)
	}
	db.newer = names
	if !ends {
		db.options.Logger.WarnContext(ctx, "a newer jobdb has migrated the database; this one goes on until it is replaced", "migrations", names)
		return nil
	}
	reason := "a newer jobdb has migrated the database (" + strings.Join(names, ", ") + ") so that this one must not go on; start the newer one"
	db.outdated.Store(&reason)
	db.options.Logger.ErrorContext(ctx, "the database is refused", "reason", reason)
	return nil
}

// refusal is why the database can't be used as it is now; nil: it can, as far as is known.
func (db *DB) refusal() error {
	if reason := db.outdated.Load(); reason != nil {
		return &SchemaError{Reason: *reason}
	}
	if db.schema.Refusal != "" {
		return &SchemaError{Reason: db.schema.Refusal}
	}
	return nil
}
