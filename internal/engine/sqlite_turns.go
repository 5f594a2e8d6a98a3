package engine

import (
	"context"
	"database/sql"
	"time"
)

// SQLite has one writer at a time, in whatever process. One that finds the file locked looks again and
// again, and SQLite's own waiting looks less and less often: beside a process that writes without a
// pause it finds no gap for seconds. So ours look every millisecond or two, and who has held the lock
// for long leaves it alone for a while if others have been there lately.
const (
	busyTimeout = 10 * time.Second // how long a writer waits for the lock of another process
	lockStep    = 2                // milliseconds that SQLite waits by itself
	otherLock   = time.Millisecond // a lock that takes longer to get was another's

	longTurn = 10 * time.Millisecond
	maxRest  = 10 * time.Millisecond

	// Who hasn't waited for another process for so long has the file to itself, and doesn't rest.
	alone = 2 * time.Second
)

// turns are those of this process.
type turns struct {
	began, rested time.Time // the last turn's beginning; until when others may take theirs
	waited        time.Time // when another process had the lock
}

// begin begins a transaction that writes, when it is this process's turn.
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
