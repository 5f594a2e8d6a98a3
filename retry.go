package jobdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"jobdb/internal/engine"
)

const (
	maxTries       = 30
	maxPause       = 500 * time.Millisecond
	maxInterrupted = 3 // of statements that somebody else ends: it may be an administrator, who means it
)

// untilUninterrupted repeats a read that somebody else ended before it gave a row. A request to
// PostgreSQL to cancel can come late, and end the query after the one that was meant.
func (db *DB) untilUninterrupted(ctx context.Context, run func() (*session, error)) error {
	for try := 1; ; try++ {
		s, err := run()
		if s.gaveRow || try == maxInterrupted || ctx.Err() != nil || db.classOf(err) != engine.ClassInterrupted {
			return err
		}
		db.retries.interrupted.Add(1)
		db.options.Logger.WarnContext(ctx, "a query was ended by somebody else, trying again", "try", try, "error", err)
	}
}

// transact runs fn in a transaction, again if it loses against another one, at most maxTries times.
func (db *DB) transact(ctx context.Context, fn func(*session) error) error {
	if err := db.usable(ctx); err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := withContext(ctx, db.runOnce(ctx, fn))
		if db.classOf(err) == engine.ClassFull {
			db.full.Store(systemClock().UnixNano())
		}
		if err == nil || !db.runAgain(ctx, try, err) {
			return db.publicError(err)
		}
		if try == maxTries {
			return &UnavailableError{Err: fmt.Errorf("gave up after %d tries: %w", try, err)}
		}
		pause := min(maxPause, time.Millisecond<<min(try, 20))
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// runAgain reports whether a transaction that failed was certainly not committed, and may succeed
// next time.
func (db *DB) runAgain(ctx context.Context, try int, err error) bool {
	class := db.classOf(err)
	switch {
	case class == engine.ClassRetry || errors.Is(err, engine.ErrLost):
		db.retries.lost.Add(1)
		db.options.Logger.DebugContext(ctx, "transaction lost against another one, trying again", "try", try, "error", err)
		return true
	case class == engine.ClassInterrupted:
		if commit := (*commitError)(nil); try == maxInterrupted || errors.As(err, &commit) {
			return false
		}
		db.retries.interrupted.Add(1)
		db.options.Logger.WarnContext(ctx, "transaction ended by somebody else, trying again", "try", try, "error", err)
		return true
	case class == engine.ClassBroken:
		db.retries.broken.Add(1)
		db.mend(ctx, err)
		return true
	}
	return false
}

// mend repairs the server after an error of [engine.ClassBroken], or logs what an administrator has
// to do.
func (db *DB) mend(ctx context.Context, broken error) {
	if !db.mending.TryLock() {
		return // another is at it
	}
	defer db.mending.Unlock()
	statement, err := db.engine.Mend(ctx)
	if err == nil {
		db.options.Logger.WarnContext(ctx, "the database server kept half of a trigger and refused changes; it was made to read it anew",
			"statement", statement, "error", broken)
		return
	}
	if db.mendingTold.CompareAndSwap(false, true) {
		time.AfterFunc(time.Minute, func() { db.mendingTold.Store(false) })
		db.options.Logger.ErrorContext(ctx, "the database server keeps half of a trigger and refuses changes; an administrator must run the statement",
			"statement", statement, "error", broken, "refused", err)
	}
}
