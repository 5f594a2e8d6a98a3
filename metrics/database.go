package metrics

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jobdb"
)

// taskMetrics count the tasks of a database.
type taskMetrics struct {
	time   *prometheus.HistogramVec
	errors *prometheus.CounterVec
	engine atomic.Pointer[string]
}

func newTaskMetrics() *taskMetrics {
	unknown := ""
	m := &taskMetrics{time: newHistogram(tasks), errors: newCounter(taskErrs)}
	m.engine.Store(&unknown)
	return m
}

// TaskDone is for [jobdb.Hooks].
func (r *Registry) TaskDone(task string, took time.Duration, err error) {
	engine := *r.tasks.engine.Load()
	r.tasks.time.WithLabelValues(task, engine).Observe(took.Seconds())
	if err != nil {
		r.tasks.errors.WithLabelValues(task, engine, errorClass(err)).Inc()
	}
}

// errorClass is an error as a label.
func errorClass(err error) string {
	for _, class := range []struct {
		err  error
		name string
	}{
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "timeout"},
		{jobdb.ErrInvalidQuery, "invalid"},
		{jobdb.ErrInvalidValue, "invalid"},
		{jobdb.ErrNotFound, "not_found"},
		{jobdb.ErrConflict, "conflict"},
		{jobdb.ErrFull, "full"},
		{jobdb.ErrUnavailable, "unavailable"},
		{jobdb.ErrSchema, "schema"},
	} {
		if errors.Is(err, class.err) {
			return class.name
		}
	}
	return "other"
}

// Build says which program runs.
type Build struct{ Version, Revision, Go string }

// WatchDatabase tells the numbers of a database, without asking it anything.
func (r *Registry) WatchDatabase(db *jobdb.DB, b Build) {
	engine := db.Engine()
	r.tasks.engine.Store(&engine)
	metrics := []Metric{
		build, poolSize, poolOpen, poolWaits, poolWaitTime, retries, commits, committed, logSize, diskFull, clockAway, folded, foldedAt,
	}
	r.registry.MustRegister(collector{metrics, func(ch chan<- prometheus.Metric) {
		tell(ch, build, 1, b.Version, b.Revision, b.Go, engine, string(db.Schema()))
		stats := db.Stats()
		for name, pool := range stats.Pools {
			tellPool(ch, name, pool)
		}
		for cause, n := range stats.Retries {
			tell(ch, retries, float64(n), cause)
		}
		if engine == "sqlite" {
			tell(ch, commits, float64(stats.Commits))
			tell(ch, committed, float64(stats.CommittedTransactions))
			tell(ch, logSize, float64(stats.LogSize))
		}
		tell(ch, diskFull, number(db.Full()))
		tell(ch, clockAway, db.ClockDifference().Seconds())
		if !stats.FoldedAt.IsZero() {
			tell(ch, folded, float64(stats.Folded))
			tell(ch, foldedAt, seconds(stats.FoldedAt))
		}
	}})
}

func tellPool(ch chan<- prometheus.Metric, name string, pool sql.DBStats) {
	tell(ch, poolSize, float64(pool.MaxOpenConnections), name)
	tell(ch, poolOpen, float64(pool.InUse), name, "used")
	tell(ch, poolOpen, float64(pool.Idle), name, "idle")
	tell(ch, poolWaits, float64(pool.WaitCount), name)
	tell(ch, poolWaitTime, pool.WaitDuration.Seconds(), name)
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Keys is the health of the keys that tokens are verified with.
type Keys struct {
	Keys    int
	Fetched time.Time // zero where they don't change
}

// WatchKeys tells the health of the keys.
func (r *Registry) WatchKeys(state func() Keys) {
	r.registry.MustRegister(collector{[]Metric{keys, keysTime}, func(ch chan<- prometheus.Metric) {
		now := state()
		tell(ch, keys, float64(now.Keys))
		tell(ch, keysTime, seconds(now.Fetched))
	}})
}

const (
	readEvery = 30 * time.Second // the numbers that are read from the database
	readShare = 50               // of the time it may be asked for them: one part
	// maxSeries is how many combinations of VO, status and site are told.
	maxSeries = 2000
)

// reading is what was read from the database.
type reading struct {
	jobs    []jobsOf
	backlog jobdb.Backlog
	at      time.Time
	took    time.Duration
}

type jobsOf struct {
	vo, status, site string
	count            int64
}

// ReadDatabase reads numbers of jobs and commands from the database until ctx ends. It does so every 30
// seconds, and less often where it takes long. waits are the stores to which changes are copied.
func (r *Registry) ReadDatabase(ctx context.Context, db *jobdb.DB, waits map[string]func(context.Context) (int64, error), failed func(error)) {
	var last atomic.Pointer[reading]
	metrics := []Metric{jobs, commands, commandTime, heartbeat, unfolded, readAt, readTime}
	r.registry.MustRegister(collector{metrics, func(ch chan<- prometheus.Metric) {
		if now := last.Load(); now != nil {
			now.tell(ch)
		}
	}})
	r.registry.MustRegister(collector{[]Metric{waiting}, func(ch chan<- prometheus.Metric) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		for store, count := range waits {
			if n, err := count(ctx); err == nil {
				tell(ch, waiting, float64(n), store)
			}
		}
	}})
	for {
		now, err := read(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed(err)
		default:
			last.Store(now)
		}
		select {
		case <-time.After(max(readEvery, readShare*now.took)):
		case <-ctx.Done():
			return
		}
	}
}

// read returns what it read, and how long it tried where that failed.
func read(ctx context.Context, db *jobdb.DB) (*reading, error) {
	began := clock()
	now := &reading{at: db.Now()}
	groups, err := grouped(db, "VO", "Status", "Site")
	if err == nil {
		err = now.readJobs(ctx, db, groups)
	}
	if err == nil {
		now.backlog, err = db.Backlog(ctx)
	}
	now.took = clock().Sub(began)
	return now, err
}

// grouped is a summary of all jobs.
func grouped(db *jobdb.DB, by ...string) (jobdb.Summary, error) {
	groups, err := jobdb.SummaryRequest{Grouping: by}.Parse(db.Limits())
	groups.Scope.AllVOs = true
	return groups, err
}

// readJobs keeps the largest groups, and adds the others up.
func (r *reading) readJobs(ctx context.Context, db *jobdb.DB, groups jobdb.Summary) error {
	summary, err := db.Summary(ctx, groups)
	if errors.Is(err, jobdb.ErrInvalidQuery) && len(groups.GroupBy) == 3 { // there are too many sites
		if groups, err = grouped(db, "VO", "Status"); err == nil {
			return r.readJobs(ctx, db, groups)
		}
	}
	if err != nil {
		return err
	}
	text := func(value any) string { s, _ := value.(string); return s }
	place := map[string]int{}
	for i, column := range summary.Columns {
		place[column.Name()] = i
	}
	all := make([]jobsOf, len(summary.Rows))
	for i, row := range summary.Rows {
		count, _ := row[len(row)-1].(int64)
		all[i] = jobsOf{text(row[place["VO"]]), text(row[place["Status"]]), other, count}
		if of, known := place["Site"]; known {
			all[i].site = text(row[of])
		}
	}
	r.jobs = bounded(all, maxSeries)
	return nil
}

// other stands for what isn't told apart.
const other = "other"

// bounded makes at most so many groups of all, and one for each VO: its other jobs.
func bounded(all []jobsOf, most int) []jobsOf {
	slices.SortStableFunc(all, func(a, b jobsOf) int { return cmp.Compare(b.count, a.count) })
	if len(all) <= most {
		return all
	}
	others := map[string]int64{}
	for _, group := range all[most:] {
		others[group.vo] += group.count
	}
	all = all[:most:most]
	for vo, count := range others {
		all = append(all, jobsOf{vo, other, other, count})
	}
	return all
}

func (r *reading) tell(ch chan<- prometheus.Metric) {
	for _, group := range r.jobs {
		tell(ch, jobs, float64(group.count), group.vo, group.status, group.site)
	}
	for status, c := range r.backlog.Commands {
		tell(ch, commands, float64(c.Commands), status)
		tell(ch, commandTime, seconds(c.Oldest), status)
	}
	for vo, oldest := range r.backlog.Heartbeats {
		tell(ch, heartbeat, seconds(oldest), vo)
	}
	tell(ch, unfolded, float64(r.backlog.Unfolded))
	tell(ch, readAt, seconds(r.at))
	tell(ch, readTime, r.took.Seconds())
}
