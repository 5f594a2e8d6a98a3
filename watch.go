package jobdb

import (
	"context"
	"errors"
	"time"

	"jobdb/internal/engine"
)

// watchInterval is how often a DB looks at what may change around it.
const watchInterval = 10 * time.Second

// watch looks at the database's clock until ctx ends.
func (db *DB) watch(ctx context.Context) {
	for engine.Sleep(ctx, watchInterval) == nil {
		if err := db.readClock(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			db.options.Logger.WarnContext(ctx, "the database's clock can't be read", "error", err)
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
