package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"jobdb"
)

const (
	writerCount  = 16
	writerRounds = 7
)

// smallWrite is a transaction that writes one job. The turn makes each of them change something.
type smallWrite func(d *database, id jobdb.JobID, turn int) comparison

// smallWrites are those that are measured.
var smallWrites = []smallWrite{
	func(d *database, id jobdb.JobID, turn int) comparison {
		return d.setStatuses(&statusChanges{ids: []jobdb.JobID{id}, turn: turn})
	},
	func(d *database, id jobdb.JobID, _ int) comparison { return d.addHeartbeatData([]jobdb.JobID{id}) },
	func(d *database, id jobdb.JobID, turn int) comparison {
		commands := []jobdb.Command{{JobID: id, Command: "Peek", Arguments: fmt.Sprint(turn)}}
		c := d.setJobCommands([]jobdb.JobID{id})
		c.before = nil
		c.ours = func(ctx context.Context) (int64, error) { return 1, d.db.SetJobCommands(ctx, commands) }
		c.bare = func(ctx context.Context) (int64, error) {
			return 1, d.bare.write(ctx, func(t *bareTx) error { return t.setCommands(ctx, []jobdb.JobID{id}, commands) })
		}
		return c
	},
}

// writersContender is a copy of the database, and a way to write to it.
type writersContender struct {
	name     string // "ours", or the journal with which the bare driver writes
	path     string
	database *database
	turn     atomic.Int64
}

// operation is what this contender does of a comparison.
func (w *writersContender) operation(c comparison) operation {
	if w.database.db != nil {
		return c.ours
	}
	return c.bare
}

// writersResult is how many transactions a second each contender made, the medians of the rounds.
type writersResult struct {
	method                       string
	ours, byDefault, wal         float64
	low, ratio, high, ratioToWAL float64 // of the rounds: ours in relation to the default pragmas (with quartiles), and to WAL
}

// runWriters measures 16 writers of small transactions on SQLite: ours, which share commits, beside
// a commit for each.
func runWriters(ctx context.Context, s settings) error {
	results, err := measureWriters(ctx, s, s.jobs[0])
	if err != nil {
		return err
	}
	return s.publish("writers", "", writersTable(s.jobs[0], results))
}

func measureWriters(ctx context.Context, s settings, jobs int) (results []writersResult, err error) {
	folder, err := os.MkdirTemp(s.folder, "jobdb_bench_writers")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // what stays does no harm
	contenders, err := openWriters(ctx, s, folder, jobs)
	defer func() {
		for _, w := range contenders {
			err = errors.Join(err, w.close())
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, write := range smallWrites {
		method := write(contenders[0].database, 1, 0).method
		if !s.methods.MatchString(method) {
			continue
		}
		r, err := measureWrite(ctx, s, contenders, write)
		if err != nil {
			return results, fmt.Errorf("%s: %w", method, err)
		}
		r.method = method
		log.Printf("%-28s %6.0f a second, default pragmas %6.0f, WAL %6.0f: %.1f times (%.1f–%.1f)",
			method, r.ours, r.byDefault, r.wal, r.ratio, r.low, r.high)
		results = append(results, r)
	}
	return results, nil
}

// openWriters fills one database, copies it for each contender and opens the copies: ours, SQLite
// as it is by default, and with a write-ahead log.
func openWriters(ctx context.Context, s settings, folder string, jobs int) ([]*writersContender, error) {
	d, err := openDatabase(ctx, s, "sqlite", jobs)
	if err != nil {
		return nil, err
	}
	defer d.close(s.keep) //nolint:errcheck // it is only copied
	if _, err := d.db.FoldCounts(ctx); err != nil {
		return nil, err
	}
	var contenders []*writersContender
	for _, name := range []string{"ours", "delete", "wal"} {
		path := filepath.Join(folder, name+".db")
		if err := d.exec(ctx, "VACUUM INTO ?", path); err != nil {
			return contenders, err
		}
		w := &writersContender{name: name, path: path, database: &database{engine: "sqlite", jobs: jobs, ids: d.ids}}
		if name == "ours" {
			w.database.db, err = jobdb.Open(ctx, "sqlite:"+path, jobdb.Options{FoldInterval: -1})
		} else {
			w.database.bare, err = openPlain(ctx, path, name)
		}
		if err != nil {
			return contenders, err
		}
		contenders = append(contenders, w)
	}
	return contenders, nil
}

// openPlain opens a file with the settings that SQLite has by default, and that journal. It checks
// that it is durable.
func openPlain(ctx context.Context, path, journal string) (*bareDB, error) {
	db, err := sql.Open(plainDriver, "file:"+path+plainOptions)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var mode, synchronous string
	err = errors.Join(
		db.QueryRowContext(ctx, "PRAGMA journal_mode="+journal).Scan(&mode),
		db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous),
	)
	if err == nil && (mode != journal || synchronous != "2") {
		err = fmt.Errorf("the file has journal_mode=%s and synchronous=%s", mode, synchronous)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bareDB{engine: "sqlite", writer: db, reader: db, texts: map[string]string{}, statements: map[string]*sql.Stmt{}}, nil
}

func (w *writersContender) close() error {
	if w.database.db != nil {
		return w.database.db.Close()
	}
	return w.database.bare.close()
}

// measureWrite lets the contenders write in turns; who begins changes with every round. The first
// round only warms up.
func measureWrite(ctx context.Context, s settings, contenders []*writersContender, write smallWrite) (writersResult, error) {
	rates := make([][]float64, len(contenders))
	var ratios, toWAL []float64
	for round := range writerRounds + 1 {
		rate := make([]float64, len(contenders))
		for i := range contenders {
			i = (i + round) % len(contenders)
			n, took, err := contenders[i].load(ctx, write, s.budget)
			if err == nil && round > 0 {
				err = s.samples.write(contenders[i].benchmark(write), []sample{rateSample(n, took)})
			}
			if err != nil {
				return writersResult{}, err
			}
			rate[i] = float64(n) / took.Seconds()
		}
		if round == 0 {
			continue
		}
		for i := range contenders {
			rates[i] = append(rates[i], rate[i])
		}
		ratios, toWAL = append(ratios, rate[0]/rate[1]), append(toWAL, rate[0]/rate[2])
	}
	r := writersResult{ours: median(rates[0]), byDefault: median(rates[1]), wal: median(rates[2]), ratioToWAL: median(toWAL)}
	r.low, r.ratio, r.high = quartiles(ratios)
	return r, nil
}

func (w *writersContender) benchmark(write smallWrite) string {
	method := write(w.database, 1, 0).method
	return benchmarkName(method, w.database.engine, w.database.jobs, "writers", writerCount, w.name)
}

// load lets all writers write until the time is over, each to jobs of its own, and counts the
// transactions.
func (w *writersContender) load(ctx context.Context, write smallWrite, budget time.Duration) (int64, time.Duration, error) {
	var done atomic.Int64
	failures := make([]error, writerCount)
	var all sync.WaitGroup
	start := time.Now()
	for writer := range writerCount {
		all.Go(func() {
			for time.Since(start) < budget && failures[writer] == nil {
				turn := int(w.turn.Add(1))
				id := w.database.ids[turn%len(w.database.ids)]
				if failures[writer] = w.writeOnce(ctx, write(w.database, id, turn)); failures[writer] == nil {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return done.Load(), time.Since(start), errors.Join(failures...)
}

func (w *writersContender) writeOnce(ctx context.Context, c comparison) error {
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return err
		}
	}
	n, err := w.operation(c)(ctx)
	if err == nil && n == 0 {
		return errors.New("nothing was written")
	}
	return err
}

func writersTable(jobs int, results []writersResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %d writers, SQLite, %s jobs | transactions a second | on default pragmas | times | with a write-ahead log | times |\n",
		writerCount, withCommas(jobs))
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.1f (%.1f–%.1f) | %.0f | %.1f |\n",
			r.method, r.ours, r.byDefault, r.ratio, r.low, r.high, r.wal, r.ratioToWAL)
	}
	return b.String() + "\n"
}
