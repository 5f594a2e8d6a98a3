package engine

import (
	"context"
	"database/sql"
	"time"
)

// SQLite has one writer at a time, in all processes together. A writer that finds the file locked
// polls it, and SQLite's own polling gets slower and slower: beside a process that writes without a
// pause it may find no gap for seconds. So jobdb polls every millisecond or two. A process that has
// held the lock for long leaves it to others for a while, if there have been others lately.
const (
	busyTimeout = 10 * time.Second // how long a writer waits for the lock of another process
	lockStep    = 2                // milliseconds that SQLite itself waits
	otherLock   = time.Millisecond // a lock that takes longer to get was another's

	longTurn = 10 * time.Millisecond
	maxRest  = 10 * time.Millisecond

	// A process that hasn't waited for another one for this time has the file to itself, and
	// doesn't rest.
	alone = 2 * time.Second
)

// turns has the times of this process's turns.
type turns struct {
	began, rested time.Time // when the last turn began; until when others get theirs
	waited        time.Time // when another process had the lock
}

// begin begins a transaction that writes, after a rest if others are due.
func (t *turns) begin(ctx context.Context, pool *sql.DB, options *sql.TxOptions) (*sql.Tx, error) {
	now := time.Now() //nolint:forbidigo // waits go by the system's clock
	if err := Sleep(ctx, t.rested.Sub(now)); err != nil {
		return nil, err
	}
	asked := time.Now() //nolint:forbidigo // as above
	for end := now.Add(busyTimeout); ; {
		tx, err := pool.BeginTx(ctx, options)
		now = time.Now() //nolint:forbidigo // as above
		if now.Sub(asked) > otherLock {
			t.waited = now
		}
		if err == nil || classifySQLite(err) != ClassRetry || now.After(end) {
			t.began = now
			return tx, err
		}
		if err := Sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// end is called after a transaction.
func (t *turns) end() {
	now := time.Now() //nolint:forbidigo // as above
	if held := now.Sub(t.began); held > longTurn && now.Sub(t.waited) < alone {
		t.rested = now.Add(min(held/4, maxRest))
	}
}
