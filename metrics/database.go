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

// TaskDone counts a task of the database. It is a Done of [jobdb.Hooks].
func (r *Registry) TaskDone(task string, took time.Duration, err error) {
	engine := *r.tasks.engine.Load()
	r.tasks.time.WithLabelValues(task, engine).Observe(took.Seconds())
	if err != nil {
		r.tasks.errors.WithLabelValues(task, engine, errorClass(err)).Inc()
	}
}

// errorClass is the label of an error.
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

// Build identifies the program that runs.
type Build struct{ Version, Revision, Go string }

// WatchDatabase exports the numbers that a DB has of itself. It sends no query to the database.
func (r *Registry) WatchDatabase(db *jobdb.DB, b Build) {
	engine := db.Engine()
	r.tasks.engine.Store(&engine)
	metrics := []Metric{
		build, poolSize, poolOpen, poolWaits, poolWaitTime, retries, commits, committed, logSize, diskFull, clockAway, folded, foldedAt,
	}
	r.registry.MustRegister(collector{metrics, func(ch chan<- prometheus.Metric) {
		send(ch, build, 1, b.Version, b.Revision, b.Go, engine, string(db.Schema()))
		stats := db.Stats()
		for name, pool := range stats.Pools {
			sendPool(ch, name, pool)
		}
		for cause, n := range stats.Retries {
			send(ch, retries, float64(n), cause)
		}
		if engine == "sqlite" {
			send(ch, commits, float64(stats.Commits))
			send(ch, committed, float64(stats.CommittedTransactions))
			send(ch, logSize, float64(stats.LogSize))
		}
		send(ch, diskFull, boolNumber(db.Full()))
		send(ch, clockAway, db.ClockDifference().Seconds())
		if !stats.FoldedAt.IsZero() {
			send(ch, folded, float64(stats.Folded))
			send(ch, foldedAt, seconds(stats.FoldedAt))
		}
	}})
}

func sendPool(ch chan<- prometheus.Metric, name string, pool sql.DBStats) {
	send(ch, poolSize, float64(pool.MaxOpenConnections), name)
	send(ch, poolOpen, float64(pool.InUse), name, "used")
	send(ch, poolOpen, float64(pool.Idle), name, "idle")
	send(ch, poolWaits, float64(pool.WaitCount), name)
	send(ch, poolWaitTime, pool.WaitDuration.Seconds(), name)
}

func boolNumber(is bool) float64 {
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

// WatchKeys exports the health of the keys.
func (r *Registry) WatchKeys(state func() Keys) {
	r.registry.MustRegister(collector{[]Metric{keys, keysTime}, func(ch chan<- prometheus.Metric) {
		now := state()
		send(ch, keys, float64(now.Keys))
		send(ch, keysTime, seconds(now.Fetched))
	}})
}

const (
	readEvery = 30 * time.Second // how often numbers are read from the database
	readShare = 50               // reading takes at most one part in so many of the time
	// maxSeries is how many combinations of VO, status and site are exported.
	maxSeries = 2000
)

// reading is what one read of the database returned.
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

// ReadDatabase reads numbers of jobs and commands from the database every 30 seconds, less often if
// that takes long, until ctx ends. waits returns, for each store that changes are copied to, how
// many wait. failed is called with the error of a read.
func (r *Registry) ReadDatabase(ctx context.Context, db *jobdb.DB, waits map[string]func(context.Context) (int64, error), failed func(error)) {
	var last atomic.Pointer[reading]
	metrics := []Metric{jobs, commands, commandTime, heartbeat, unfolded, readAt, readTime}
	r.registry.MustRegister(collector{metrics, func(ch chan<- prometheus.Metric) {
		if now := last.Load(); now != nil {
			now.send(ch)
		}
	}})
	r.registry.MustRegister(collector{[]Metric{waiting}, func(ch chan<- prometheus.Metric) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		for store, count := range waits {
			if n, err := count(ctx); err == nil {
				send(ch, waiting, float64(n), store)
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

// read reads the numbers. With an error, too, the reading says how long it took.
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

// readJobs reads the groups of jobs. It keeps the largest ones, and adds up the others.
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

// other is the label of groups that are added up.
const other = "other"

// bounded keeps the largest groups, and makes one group of the other jobs of each VO.
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

func (r *reading) send(ch chan<- prometheus.Metric) {
	for _, group := range r.jobs {
		send(ch, jobs, float64(group.count), group.vo, group.status, group.site)
	}
	for status, c := range r.backlog.Commands {
		send(ch, commands, float64(c.Commands), status)
		send(ch, commandTime, seconds(c.Oldest), status)
	}
	for vo, oldest := range r.backlog.Heartbeats {
		send(ch, heartbeat, seconds(oldest), vo)
	}
	send(ch, unfolded, float64(r.backlog.Unfolded))
	send(ch, readAt, seconds(r.at))
	send(ch, readTime, r.took.Seconds())
}
