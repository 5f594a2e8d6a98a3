package jobdb

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// systemClock is where time comes from unless [Options.Clock] says otherwise.
func systemClock() time.Time { return time.Now() }

// databaseClock tells the time of the database's server, so that all servers on one database agree
// on what was first, whatever their machines' clocks say.
type databaseClock struct {
	machine  func() time.Time
	measured atomic.Pointer[clockReading] // nil: the machine's time is taken as it is
	told     time.Duration                // the difference that the log told last; touched by its reader only
}

// clockReading is what both clocks said at one moment.
type clockReading struct {
	machine, database time.Time
	within            time.Duration // how exact that is
}

// at is the database's time when the machine's clock says now. What went by since the reading is
// told by the machine's monotonic clock, so that it doesn't matter when somebody sets its time.
func (r *clockReading) at(now time.Time) time.Time { return r.database.Add(now.Sub(r.machine)) }

func (c *databaseClock) now() time.Time {
	now := c.machine()
	if r := c.measured.Load(); r != nil {
		return r.at(now)
	}
	return now
}

// Now is the time by which this DB dates what it writes, in UTC: that of the database's server; on
// SQLite and with an [Options.Clock] that isn't corrected that clock's.
func (db *DB) Now() time.Time { return db.now() }

// ClockDifference is how far the machine's clock is ahead of the database server's, negative when it
// is behind.
func (db *DB) ClockDifference() time.Duration {
	return db.clock.machine().Round(0).Sub(db.clock.now()).Round(time.Millisecond)
}

const (
	clockSamples = 3           // of which the quickest counts
	clockTold    = time.Second // a difference that the log tells
)

// readClock compares the clocks, and tells of a difference that is new.
func (db *DB) readClock(ctx context.Context) error {
	if !db.options.CorrectClock || db.dialect.Catalog.Now == "" {
		return nil
	}
	var best *clockReading
	for range clockSamples {
		r := clockReading{machine: db.clock.machine()}
		if err := db.engine.Reader.QueryRowContext(ctx, db.dialect.Catalog.Now).Scan(&r.database); err != nil {
			return fmt.Errorf("ask the database for the time: %w", db.publicError(err))
		}
		r.within = db.clock.machine().Sub(r.machine) / 2
		r.machine = r.machine.Add(r.within)
		if best == nil || r.within < best.within {
			best = &r
		}
	}
	// What is as exact as the last reading would only make the time jump to and fro.
	if last := db.clock.measured.Load(); last == nil || last.at(best.machine).Sub(best.database).Abs() > best.within {
		db.clock.measured.Store(best)
	}
	if ahead := db.ClockDifference(); (ahead - db.clock.told).Abs() > clockTold {
		db.clock.told = ahead
		db.options.Logger.WarnContext(ctx, "this machine's clock and the database server's differ; the database server's counts", "ahead", ahead)
	}
	return nil
}
