package jobdb

import (
	"context"
	"fmt"
	"slices"
	"sync"
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
	mutex    sync.Mutex
	leaps    []leap       // of the last [ReplyLifetime], in their order
	looked   clockReading // what the machine's clock, as the database's, said by time that nobody sets; zero: nobody has looked
}

// leap is a moment at which the time that the database is dated by was set.
type leap struct {
	at time.Time // by the machine's clock
	by time.Duration
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

// lookAtMachine enters that the machine's time was set since it was looked at last, which is the
// database's time on SQLite.
func (c *databaseClock) lookAtMachine() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	r, last := clockReading{machine: systemClock(), database: c.machine().Round(0)}, c.looked
	if by := r.database.Sub(last.at(r.machine)); !last.machine.IsZero() && by.Abs() > clockTold {
		c.leapt(c.machine(), by)
	}
	c.looked = r
}

// leapt enters that the time was set; the caller has the mutex.
func (c *databaseClock) leapt(at time.Time, by time.Duration) {
	c.leaps = append(slices.DeleteFunc(c.leaps, func(l leap) bool { return at.Sub(l.at) > ReplyLifetime }), leap{at, by})
}

// gained is by how much what was dated within the last [ReplyLifetime] may look older than it is,
// because the time was set ahead.
func (c *databaseClock) gained() (most time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now, sum := c.machine(), time.Duration(0)
	for _, l := range slices.Backward(c.leaps) {
		if now.Sub(l.at) > ReplyLifetime {
			break
		}
		sum += l.by
		most = max(most, sum)
	}
	return most
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
	if !db.options.CorrectClock {
		return nil
	}
	if db.dialect.Catalog.Now == "" {
		db.clock.lookAtMachine()
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
	last := db.clock.measured.Load()
	if last == nil {
		db.clock.measured.Store(best)
	} else if by := best.database.Sub(last.at(best.machine)); by.Abs() > best.within {
		if by.Abs() > clockTold { // else it is the clocks' drift
			db.clock.mutex.Lock()
			db.clock.leapt(best.machine, by)
			db.clock.mutex.Unlock()
		}
		db.clock.measured.Store(best)
	}
	if ahead := db.ClockDifference(); (ahead - db.clock.told).Abs() > clockTold {
		db.clock.told = ahead
		db.options.Logger.WarnContext(ctx, "this machine's clock and the database server's differ; the database server's counts", "ahead", ahead)
	}
	return nil
}
