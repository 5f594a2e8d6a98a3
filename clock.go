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
	machine     func() time.Time
	measured    atomic.Pointer[clockReading] // nil: the machine's time is taken as it is
	logged      time.Duration                // the difference that was logged last; used by readClock only
	mutex       sync.Mutex
	steps       []clockStep  // of the last [ReplyLifetime], in their order
	lastReading clockReading // of the monotonic clock and the machine's, which is SQLite's; zero: none yet
}

// clockStep is a moment at which somebody set the clock that the database's times come from.
type clockStep struct {
	at time.Time // by the machine's clock
	by time.Duration
}

// clockReading is the time of both clocks at one moment.
type clockReading struct {
	machine, database time.Time
	within            time.Duration // the error is at most this
}

// at is the database's time when the machine's clock says now. The time since the reading is
// measured by the machine's monotonic clock, so setting the machine's time doesn't change it.
func (r *clockReading) at(now time.Time) time.Time { return r.database.Add(now.Sub(r.machine)) }

func (c *databaseClock) now() time.Time {
	now := c.machine()
	if r := c.measured.Load(); r != nil {
		return r.at(now)
	}
	return now
}

// noteMachineStep records a step if the machine's clock, which SQLite's times come from, was set
// since the last call.
func (c *databaseClock) noteMachineStep() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	r, last := clockReading{machine: systemClock(), database: c.machine().Round(0)}, c.lastReading
	if by := r.database.Sub(last.at(r.machine)); !last.machine.IsZero() && by.Abs() > minClockStep {
		c.addStep(c.machine(), by)
	}
	c.lastReading = r
}

// addStep records a step. The caller holds the mutex.
func (c *databaseClock) addStep(at time.Time, by time.Duration) {
	c.steps = append(slices.DeleteFunc(c.steps, func(s clockStep) bool { return at.Sub(s.at) > ReplyLifetime }), clockStep{at, by})
}

// maxStepAhead is by how much a row of the last [ReplyLifetime] may look older than it is, because
// the clock was set ahead since.
func (c *databaseClock) maxStepAhead() (most time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now, sum := c.machine(), time.Duration(0)
	for _, step := range slices.Backward(c.steps) {
		if now.Sub(step.at) > ReplyLifetime {
			break
		}
		sum += step.by
		most = max(most, sum)
	}
	return most
}

// Now returns the time that this DB writes into rows, in UTC. It is the database server's time; on
// SQLite, and with an [Options.Clock] that isn't corrected, it is the time of that clock.
func (db *DB) Now() time.Time { return db.now() }

// ClockDifference returns how far the machine's clock is ahead of the database server's; it is
// negative when the machine's is behind.
func (db *DB) ClockDifference() time.Duration {
	return db.clock.machine().Round(0).Sub(db.clock.now()).Round(time.Millisecond)
}

const (
	clockSamples = 3           // the quickest one counts
	minClockStep = time.Second // less is drift; the rest is logged
)

// readClock compares the clocks, and logs a difference that is new.
func (db *DB) readClock(ctx context.Context) error {
	if !db.options.CorrectClock {
		return nil
	}
	if db.dialect.Catalog.Now == "" {
		db.clock.noteMachineStep()
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
	// A difference within the measurement's error is ignored, or the time would jump to and fro.
	last := db.clock.measured.Load()
	if last == nil {
		db.clock.measured.Store(best)
	} else if by := best.database.Sub(last.at(best.machine)); by.Abs() > best.within {
		if by.Abs() > minClockStep { // else it is the clocks' drift
			db.clock.mutex.Lock()
			db.clock.addStep(best.machine, by)
			db.clock.mutex.Unlock()
		}
		db.clock.measured.Store(best)
	}
	if ahead := db.ClockDifference(); (ahead - db.clock.logged).Abs() > minClockStep {
		db.clock.logged = ahead
		db.options.Logger.WarnContext(ctx, "this machine's clock and the database server's differ; the database server's counts", "ahead", ahead)
	}
	return nil
}
