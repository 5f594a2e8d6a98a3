package demo

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// span is how long before the present a grid's first job is submitted.
const span = 4 * 24 * time.Hour

// submission is a job to come: when, and of which production.
type submission struct {
	at         time.Time
	production *production
}

// submissions are those of so many jobs until now, in the order of their times.
func submissions(r *rand.Rand, jobs int, now time.Time) []submission {
	all := make([]submission, 0, jobs)
	size := 10 + jobs/60 // of a production
	for number := 0; len(all) < jobs; number++ {
		before := 20*time.Minute + time.Duration(math.Pow(r.Float64(), 1.6)*float64(span)) // more of them lately
		p := newProduction(r, number, now.Add(-before), size)
		window := min(p.window, before)
		for range min(p.size, jobs-len(all)) {
			all = append(all, submission{p.begin.Add(time.Duration(r.Float64() * float64(window))), p})
		}
	}
	slices.SortStableFunc(all, func(a, b submission) int { return a.at.Compare(b.at) })
	return all
}

// fillBatch is how many jobs are stored in one transaction.
const fillBatch = 10_000

// Of so many jobs, the last ones, heartbeats and parameters are kept: a job may have hundreds.
const (
	maxBeating        = 1500
	maxWithParameters = 20_000
)

// The last hours of a grid of at most so many jobs are lived through, so that its counts over time
// are known. That of a larger one would take minutes.
const (
	livedThrough    = 6 * time.Hour
	maxLivedThrough = 10_000
)

// filler stores jobs by a clock that it sets itself: heartbeats are of the time at which they are
// stored.
type filler struct {
	db     *jobdb.DB
	seed   uint64
	random *rand.Rand
	now    time.Time             // the present of the grid
	clock  time.Time             // what db takes for the time
	lives  map[jobdb.JobID]*life // those that beat
	moving map[jobdb.JobID]*life // those that are stored before the present
}

// Fill stores so many jobs in the database of a URL, as they are at a time. The database must be
// empty. The same seed and time give the same jobs. progress is called with how many are stored.
func Fill(ctx context.Context, url string, jobs int, seed uint64, now time.Time, progress func(done int)) error {
	now = now.UTC().Truncate(time.Microsecond)
	f := &filler{
		seed:   seed,
		random: rand.New(rand.NewPCG(seed, 2026)), //nolint:gosec // nothing secret
		now:    now, clock: now, lives: map[jobdb.JobID]*life{}, moving: map[jobdb.JobID]*life{},
	}
	var err error
	if f.db, err = jobdb.Open(ctx, url, jobdb.Options{Clock: func() time.Time { return f.clock }, FoldInterval: -1}); err != nil {
		return err
	}
	return errors.Join(f.fill(ctx, jobs, progress), f.db.Close())
}

func (f *filler) fill(ctx context.Context, jobs int, progress func(done int)) error {
	if _, err := f.db.Migrate(ctx); err != nil {
		return err
	}
	all := submissions(f.random, jobs, f.now)
	if jobs <= maxLivedThrough {
		f.clock = f.now.Add(-livedThrough).Truncate(jobdb.SeriesInterval)
	}
	if err := f.liveThrough(ctx, all, progress); err != nil {
		return err
	}
	if err := inOrder(func() error { return f.settle(ctx) }, func() error { return f.beat(ctx) }); err != nil {
		return err
	}
	_, err := f.db.FoldCounts(ctx)
	return err
}

// liveThrough stores the jobs, in order, and moves them on from the time of the clock to the present.
func (f *filler) liveThrough(ctx context.Context, all []submission, progress func(done int)) error {
	for rest := all; ; f.clock = earlier(f.clock.Add(jobdb.SeriesInterval), f.now) {
		if err := f.move(ctx); err != nil {
			return err
		}
		for n := f.due(rest); n > 0; n = f.due(rest) {
			if err := f.store(ctx, f.newLives(rest[:n]), len(rest)); err != nil {
				return err
			}
			if rest = rest[n:]; n == fillBatch || len(rest) == 0 {
				progress(len(all) - len(rest))
			}
		}
		if !f.clock.Before(f.now) {
			return nil
		}
		if _, err := f.db.FoldCounts(ctx); err != nil { // or else each note adds up all changes
			return err
		}
		if _, err := f.db.NoteSeries(ctx); err != nil {
			return err
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// due is how many of the submissions to come are to be stored next.
func (f *filler) due(rest []submission) int {
	n, _ := slices.BinarySearchFunc(rest, f.clock, func(s submission, at time.Time) int {
		if s.at.After(at) {
			return 1
		}
		return -1
	})
	return min(n, fillBatch)
}

func (f *filler) newLives(some []submission) []*life {
	lives := make([]*life, len(some))
	for i, s := range some {
		s.production.made++
		lives[i] = newLife(f.random, s.production, s.production.made, s.at.Truncate(time.Microsecond))
		lives[i].until(f.now)
	}
	return lives
}

// move takes the jobs to where they are at the time of the clock.
func (f *filler) move(ctx context.Context) error {
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	for id, l := range f.moving {
		if l.movesBetween(f.clock.Add(-jobdb.SeriesInterval), f.clock) {
			attributes[id] = l.counted(f.clock)
		}
	}
	if len(attributes) == 0 {
		return nil
	}
	_, err := f.db.SetJobAttributes(ctx, attributes, jobdb.SetOptions{})
	return err
}

// settle gives the jobs that moved all that they have at the present. Their Status they have: to set
// it would set LastUpdateTime to the present, too.
func (f *filler) settle(ctx context.Context) error {
	if len(f.moving) == 0 {
		return nil
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	for id, l := range f.moving {
		attributes[id] = l.state(f.now)
		maps.Copy(attributes[id], l.counted(f.now)) // no EndExecTime, if it has been rescheduled
		delete(attributes[id], "Status")
	}
	_, err := f.db.SetJobAttributes(ctx, attributes, jobdb.SetOptions{})
	return err
}

// store makes jobs, with all that belongs to them but their heartbeats. fromEnd is how many are
// still to come, with these.
func (f *filler) store(ctx context.Context, lives []*life, fromEnd int) error {
	originals := make([]string, len(lives))
	for i, l := range lives {
		originals[i] = jdl.Compress(l.production.jdl(l.number))
	}
	return f.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		ids, err := tx.CreateJobs(ctx, originals)
		if err != nil {
			return err
		}
		jdls, attributes := map[jobdb.JobID]string{}, map[jobdb.JobID]jobdb.Attributes{}
		inputData, parameters := map[jobdb.JobID][]string{}, map[jobdb.JobID]map[string]string{}
		var history []jobdb.HistoryRecord
		for i, id := range ids {
			l := lives[i]
			jdls[id], attributes[id] = originals[i], l.state(f.clock)
			if f.clock.Before(f.now) {
				f.moving[id] = l
			}
			history = append(history, l.history(id)...)
			if files := l.production.inputFiles(l.number); len(files) > 0 {
				inputData[id] = files
			}
			if fromEnd-i <= maxWithParameters {
				own := rand.New(rand.NewPCG(f.seed, uint64(id))) //nolint:gosec // so that a second try gives the same
				parameters[id] = l.parameters(own, id, f.now)
			}
			if fromEnd-i <= maxBeating {
				f.lives[id] = l
			}
		}
		return inOrder(
			func() error { return tx.UpdateJobJDLs(ctx, jdls) },
			func() error { return tx.InsertJobAttributes(ctx, attributes) },
			func() error { return tx.InsertInputData(ctx, inputData) },
			func() error { return tx.InsertHistory(ctx, history) },
			func() error { return tx.SetJobParameters(ctx, parameters) },
		)
	})
}

// inOrder runs functions until one fails.
func inOrder(all ...func() error) error {
	for _, do := range all {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// beat stores the heartbeats of the last jobs, all of one time at once.
func (f *filler) beat(ctx context.Context) error {
	beats := map[time.Time]map[jobdb.JobID]map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(f.lives)) {
		l := f.lives[id]
		begin, end := l.beats(f.now)
		for at := end; !begin.IsZero() && !at.Before(begin); at = at.Add(-beatEvery) {
			if beats[at] == nil {
				beats[at] = map[jobdb.JobID]map[string]string{}
			}
			beats[at][id] = map[string]string{}
			for name, value := range l.measured(f.random, at.Sub(begin)) {
				beats[at][id][name] = number(value)
			}
		}
	}
	return f.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		for _, at := range slices.SortedFunc(maps.Keys(beats), time.Time.Compare) {
			f.clock = at
			if err := tx.AddHeartbeatData(ctx, beats[at]); err != nil {
				return err
			}
		}
		f.clock = f.now
		return nil
	})
}
