package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"jobdb"
)

// What a DB tells of itself, for metrics and traces.
var statsTests = []conformanceTest{
	{"Backlog", testBacklog},
	{"HooksAreCalled", testHooks},
}

func testBacklog(f *fixture) {
	at := &clock{at: noon}
	f = f.alone(jobdb.Options{Clock: at.now, FoldInterval: -1})
	ids := f.addJobs(
		jobdb.Attributes{"Status": "Running", "HeartBeatTime": noon.Add(time.Minute)},
		jobdb.Attributes{"Status": "Running", "HeartBeatTime": noon},
		jobdb.Attributes{"Status": "Running"},                                     // never heard of
		jobdb.Attributes{"Status": "Done", "HeartBeatTime": noon.Add(-time.Hour)}, // it needn't say any more
	)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], "Kill", "")}))
	at.advance(time.Minute)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[1], "Kill", ""), command(ids[2], "Kill", "")}))
	if got := f.take(ids[1]); len(got) != 1 {
		f.t.Fatalf("took %v", got)
	}
	got, err := f.Backlog(f.ctx)
	f.ok(err)
	want := jobdb.Backlog{
		Commands: map[string]jobdb.CommandBacklog{
			jobdb.CommandReceived: {Commands: 2, Oldest: f.stored(noon)},
			jobdb.CommandSent:     {Commands: 1, Oldest: f.stored(noon.Add(time.Minute))},
		},
		Heartbeats: map[string]time.Time{f.vo: f.stored(noon)},
		Unfolded:   got.Unfolded,
	}
	f.equal("the backlog", got, want)
	if f.Schema() != jobdb.SchemaOurs {
		f.equal("differences where there are no counts", got.Unfolded, int64(0))
		return
	}
	if got.Unfolded == 0 {
		f.t.Errorf("no difference waits after 4 jobs")
	}
	folded, err := f.FoldCounts(f.ctx)
	f.ok(err)
	f.equal("what was folded", folded, got.Unfolded)
	stats := f.Stats()
	f.equal("what was folded, as the statistics tell it", stats.Folded, folded)
	f.equal("when that was", stats.FoldedAt, at.now().Truncate(time.Microsecond))
	got, err = f.Backlog(f.ctx)
	f.ok(err)
	f.equal("what waits after that", got.Unfolded, int64(0))
}

// told is what the hooks of a DB were called with.
type told struct {
	mutex      sync.Mutex
	tasks      []string
	statements []string // with their tasks before them
	open       int      // statements that didn't end
	failed     int      // statements that ended with an error
}

func (h *told) hooks() jobdb.Hooks {
	return jobdb.Hooks{
		Done: func(task string, took time.Duration, err error) {
			h.mutex.Lock()
			defer h.mutex.Unlock()
			if err != nil {
				task += ", which failed"
			}
			if took < 0 {
				task += " before it began"
			}
			h.tasks = append(h.tasks, task)
		},
		Statement: func(_ context.Context, task, text string) func(error) {
			h.mutex.Lock()
			defer h.mutex.Unlock()
			h.statements = append(h.statements, task+": "+text)
			h.open++
			return func(err error) {
				h.mutex.Lock()
				defer h.mutex.Unlock()
				h.open--
				if err != nil {
					h.failed++
				}
			}
		},
	}
}

// Hooks are called for each task and each statement, alone and in transactions.
func testHooks(f *fixture) {
	h := &told{}
	f = f.alone(jobdb.Options{Hooks: h.hooks(), FoldInterval: -1})
	ids := f.addPlainJobs(2)
	h.mutex.Lock()
	h.tasks, h.statements = nil, nil
	h.mutex.Unlock()
	refused := errors.New("on purpose")
	err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if _, err := tx.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "LCG.CERN.ch"}}, jobdb.SetOptions{}); err != nil {
			return err
		}
		return refused
	})
	f.refused(err, refused)
	f.search(jobdb.SearchRequest{}, 1, 10)
	f.equal("tasks", h.tasks, []string{"set job attributes", "transaction, which failed", "search jobs"})
	if h.open != 0 || h.failed != 0 {
		f.t.Errorf("%d statements didn't end, and %d failed", h.open, h.failed)
	}
	for _, want := range []string{"set job attributes: UPDATE", "search jobs: SELECT"} {
		if !slices.ContainsFunc(h.statements, func(text string) bool { return strings.HasPrefix(text, want) }) {
			f.t.Errorf("no statement begins with %q:\n%s", want, strings.Join(h.statements, "\n"))
		}
	}
	for _, text := range h.statements {
		if strings.Contains(text, "CERN") {
			f.t.Errorf("a value is told: %s", text)
		}
	}
}
