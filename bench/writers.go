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

// smallWrites are transactions of one job, done in both ways. The turn makes each of them change something.
var smallWrites = []func(w *world, id jobdb.JobID, turn int) comparison{
	func(w *world, id jobdb.JobID, turn int) comparison {
		return w.setStatuses(&statusChanges{ids: []jobdb.JobID{id}, turn: turn})
	},
	func(w *world, id jobdb.JobID, _ int) comparison { return w.addHeartbeatData([]jobdb.JobID{id}) },
	func(w *world, id jobdb.JobID, turn int) comparison {
		commands := []jobdb.Command{{JobID: id, Command: "Peek", Arguments: fmt.Sprint(turn)}}
		c := w.setJobCommands([]jobdb.JobID{id})
		c.before = nil
		c.ours = func(ctx context.Context) (int64, error) { return 1, w.db.SetJobCommands(ctx, commands) }
		c.bare = func(ctx context.Context) (int64, error) {
			return 1, w.bare.write(ctx, func(t *bareTx) error { return t.setCommands(ctx, []jobdb.JobID{id}, commands) })
		}
		return c
	},
}

// writerWay is a database of its own, and how it is written to.
type writerWay struct {
	path  string
	world *world
	side  func(comparison) side
	turn  atomic.Int64
}

// writersResult is how many transactions a second there were in each way, the medians of the rounds.
type writersResult struct {
	method                       string
	ours, byDefault, wal         float64
	low, ratio, high, ratioToWAL float64 // of the rounds: ours in relation to the default pragmas (with quartiles), and to WAL
}

// runWriters measures 16 writers of small transactions on SQLite: our group commit beside a commit for each transaction.
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
	ways, err := openWays(ctx, s, folder, jobs)
	defer func() {
		for _, way := range ways {
			err = errors.Join(err, way.close())
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, write := range smallWrites {
		method := write(ways[0].world, 1, 0).method
		if !s.methods.MatchString(method) {
			continue
		}
		r, err := inRounds(ctx, ways, write, s.budget)
		if err != nil {
			return results, fmt.Errorf("%s: %w", method, err)
		}
		r.method = method
		log.Printf("%-28s %6.0f a second, default pragmas %6.0f, WAL %6.0f: %.1f times (%.1f–%.1f)", method, r.ours, r.byDefault, r.wal, r.ratio, r.low, r.high)
		results = append(results, r)
	}
	return results, nil
}

// openWays fills one database, copies it for each way and opens the copies: ours, SQLite as it is by default, and with a write-ahead log.
func openWays(ctx context.Context, s settings, folder string, jobs int) ([]*writerWay, error) {
	w, err := openWorld(ctx, s, "sqlite", jobs)
	if err != nil {
		return nil, err
	}
	defer w.close(s.keep) //nolint:errcheck // it is only copied
	if _, err := w.db.FoldCounts(ctx); err != nil {
		return nil, err
	}
	var ways []*writerWay
	for _, mode := range []string{"ours", "delete", "wal"} {
		path := filepath.Join(folder, mode+".db")
		if err := w.exec(ctx, "VACUUM INTO ?", path); err != nil {
			return ways, err
		}
		way := &writerWay{path: path, world: &world{engine: "sqlite", jobs: jobs, ids: w.ids}, side: func(c comparison) side { return c.bare }}
		if mode == "ours" {
			way.side = func(c comparison) side { return c.ours }
			way.world.db, err = jobdb.Open(ctx, "sqlite:"+path, jobdb.Options{FoldInterval: -1})
		} else {
			way.world.bare, err = openPlain(ctx, path, mode)
		}
		if err != nil {
			return ways, err
		}
		ways = append(ways, way)
	}
	return ways, nil
}

// openPlain opens a file with the settings that SQLite has by default, durable, and that journal.
func openPlain(ctx context.Context, path, journal string) (*bareDB, error) {
	db, err := sql.Open(plainDriver, "file:"+path+plainOptions)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var mode, synchronous string
	err = errors.Join(db.QueryRowContext(ctx, "PRAGMA journal_mode="+journal).Scan(&mode), db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous))
	if err == nil && (mode != journal || synchronous != "2") {
		err = fmt.Errorf("the file has journal_mode=%s and synchronous=%s", mode, synchronous)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bareDB{engine: "sqlite", writer: db, reader: db, texts: map[string]string{}, statements: map[string]*sql.Stmt{}}, nil
}

func (way *writerWay) close() error {
	if way.world.db != nil {
		return way.world.db.Close()
	}
	return way.world.bare.close()
}

// inRounds lets the ways write in turns; who begins changes with every round. The first round only warms up.
func inRounds(ctx context.Context, ways []*writerWay, write func(*world, jobdb.JobID, int) comparison, budget time.Duration) (writersResult, error) {
	rates := make([][]float64, len(ways))
	var ratios, toWAL []float64
	measured := newProgress("16 writers", writerRounds+1, "rounds")
	for round := range writerRounds + 1 {
		rate := make([]float64, len(ways))
		for i := range ways {
			i = (i + round) % len(ways)
			n, took, err := ways[i].load(ctx, write, budget)
			if err != nil {
				return writersResult{}, err
			}
			rate[i] = float64(n) / took.Seconds()
		}
		measured.at(round + 1)
		if round == 0 {
			continue
		}
		for i := range ways {
			rates[i] = append(rates[i], rate[i])
		}
		ratios, toWAL = append(ratios, rate[0]/rate[1]), append(toWAL, rate[0]/rate[2])
	}
	r := writersResult{ours: median(rates[0]), byDefault: median(rates[1]), wal: median(rates[2]), ratioToWAL: median(toWAL)}
	r.low, r.ratio, r.high = quartiles(ratios)
	return r, nil
}

// load lets all writers write until the time is over, each to jobs of its own, and counts the transactions.
func (way *writerWay) load(ctx context.Context, write func(*world, jobdb.JobID, int) comparison, budget time.Duration) (int64, time.Duration, error) {
	var done atomic.Int64
	failures := make([]error, writerCount)
	var all sync.WaitGroup
	start := time.Now()
	for writer := range writerCount {
		all.Go(func() {
			for time.Since(start) < budget && failures[writer] == nil {
				turn := int(way.turn.Add(1))
				id := way.world.ids[turn%len(way.world.ids)]
				if failures[writer] = way.once(ctx, write(way.world, id, turn)); failures[writer] == nil {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return done.Load(), time.Since(start), errors.Join(failures...)
}

func (way *writerWay) once(ctx context.Context, c comparison) error {
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return err
		}
	}
	n, err := way.side(c)(ctx)
	if err == nil && n == 0 {
		return errors.New("nothing was written")
	}
	return err
}

func writersTable(jobs int, results []writersResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %d writers, SQLite, %s jobs | transactions a second | on default pragmas | times | with a write-ahead log | times |\n", writerCount, grouped(jobs))
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.1f (%.1f–%.1f) | %.0f | %.1f |\n", r.method, r.ours, r.byDefault, r.ratio, r.low, r.high, r.wal, r.ratioToWAL)
	}
	return b.String() + "\n"
}
