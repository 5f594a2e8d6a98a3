package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"jobdb"
)

// This file copies parameters to elsewhere, by way of the outbox.
var outboxTests = []conformanceTest{
	{"Outbox", testOutbox},
	{"OutboxOrder", testOutboxOrder},
	{"OutboxLimits", testOutboxLimits},
	{"OutboxOfAll", testOutboxOfAll},
	{"NoOutbox", testNoOutbox},
}

// withOutbox is the fixture with a database of its own that has an outbox; false where there is none.
func (f *fixture) withOutbox() (*fixture, bool) {
	own := f.alone(jobdb.Options{ParametersOutbox: true})
	return own, own.HasParametersOutbox()
}

// Changes of parameters wait in the outbox in the order in which they were made, with the types of
// their values, once they are committed and until they are removed.
func testOutbox(f *fixture) {
	f, ok := f.withOutbox()
	if f.equal("outbox of our own schema", ok, f.Schema() == jobdb.SchemaOurs); !ok {
		return
	}
	ids := f.addPlainJobs(3)
	before := time.Now()
	values := map[string]any{"text": "a<b>é\u2028😀", "number": json.Number("12.50"), "list": []any{true, "x"}, "empty": ""}
	f.ok(f.SetJobParameterValues(f.ctx, map[jobdb.JobID]map[string]any{ids[0]: values, ids[1]: {}}))
	f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {"text": "b"}, ids[1]: {"n": "1"}}))
	failed := errors.New("no")
	f.refused(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		return errors.Join(tx.SetJobParameters(ctx, named{ids[2]: {"a": "1"}}), failed)
	}), failed)
	f.refused(f.SetJobParameters(f.ctx, named{ids[2]: {"a": "1"}, missingID: {"a": "1"}}), jobdb.ErrNotFound)
	f.refused(f.SetJobParameterValues(f.ctx, map[jobdb.JobID]map[string]any{ids[2]: {"a": func() {}}}), jobdb.ErrInvalidValue, "no JSON")
	f.ok(f.ArchiveJobParameters(f.ctx, ids[:1]))
	f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {"again": "1"}}))
	_, err := f.DeleteJobs(f.ctx, []jobdb.JobID{ids[1], missingID})
	f.ok(err)
	f.ok(f.SetOptimizerParameters(f.ctx, named{ids[2]: {"o": "1"}}))

	waiting, err := f.WaitingJobs(f.ctx, 10, 1<<20)
	f.ok(err)
	f.equal("jobs that wait", waiting, map[jobdb.JobID]string{ids[0]: f.vo, ids[1]: f.vo})
	changes, _, err := f.ParametersChanges(f.ctx, ids, 1<<30)
	f.ok(err)
	var numbers []int64
	got := map[jobdb.JobID][]map[string]any{}
	for _, id := range ids {
		for _, c := range changes[id] {
			if c.JobID != id || c.VO != f.vo || c.Time.Before(before.Add(-time.Second)) || c.Time.After(time.Now().Add(time.Second)) {
				f.t.Errorf("a change of %d in %s: %+v", id, f.vo, c)
			}
			numbers = append(numbers, c.ID)
			got[id] = append(got[id], c.Values)
		}
	}
	f.equal("changes", got, map[jobdb.JobID][]map[string]any{
		ids[0]: {values, {"text": "b"}, nil, {"again": "1"}}, ids[1]: {{"n": "1"}, nil},
	})
	f.waiting(6)
	f.ok(f.RemoveParametersChanges(f.ctx, numbers[:4]))
	waiting, err = f.WaitingJobs(f.ctx, 10, 1<<20)
	f.ok(err)
	f.equal("jobs that still wait", waiting, map[jobdb.JobID]string{ids[1]: f.vo})
	f.ok(f.RemoveParametersChanges(f.ctx, numbers))
	f.waiting(0)
	stored, err := f.JobParameters(f.ctx, ids)
	f.ok(err)
	f.equal("the table", stored, named{ids[0]: {"again": "1"}})

	// A number is never given again: who removes late removes nothing that is new.
	f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {"x": "1"}}))
	changes, _, err = f.ParametersChanges(f.ctx, ids, 1<<30)
	f.ok(err)
	if n := changes[ids[0]][0].ID; n <= slices.Max(numbers) {
		f.t.Errorf("the number %d after %d", n, slices.Max(numbers))
	}
}

// waiting wants so many changes in the outbox.
func (f *fixture) waiting(want int64) {
	f.t.Helper()
	n, err := f.CountParametersChanges(f.ctx)
	f.ok(err)
	f.equal("changes that wait", n, want)
}

// When many change one job at once, the last change in the outbox is what the table has.
func testOutboxOrder(f *fixture) {
	f, ok := f.withOutbox()
	if !ok {
		return
	}
	ids := f.addPlainJobs(2)
	const writers, rounds = 6, 15
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for r := range rounds {
				text := fmt.Sprint(w, ".", r)
				if err := f.SetJobParameters(f.ctx, named{ids[0]: {"x": text}, ids[1]: {"x": text}}); err != nil {
					f.t.Errorf("set a parameter: %v", err)
				}
			}
		})
	}
	done.Wait()
	changes, _, err := f.ParametersChanges(f.ctx, ids, 1<<30)
	f.ok(err)
	stored, err := f.JobParameters(f.ctx, ids)
	f.ok(err)
	for _, id := range ids {
		f.equal("changes of a job", len(changes[id]), writers*rounds)
		f.equal("the last change", changes[id][len(changes[id])-1].Values, map[string]any{"x": stored[id]["x"]})
	}
}

// What is taken out at once is bounded by jobs and by bytes, but is never nothing; the oldest come first.
func testOutboxLimits(f *fixture) {
	f, ok := f.withOutbox()
	if !ok {
		return
	}
	ids := f.addPlainJobs(4)
	for _, i := range []int{2, 0, 3, 1, 2} {
		f.ok(f.SetJobParameters(f.ctx, named{ids[i]: {"x": fmt.Sprintf("%0100d", i)}}))
	}
	for _, c := range []struct {
		jobs  int
		bytes int64
		want  []int
	}{{1, 1000, []int{2}}, {3, 1000, []int{2, 0, 3}}, {4, 1000, []int{2, 0, 3, 1}}, {4, 330, []int{2, 0}}, {4, 1, []int{2}}} {
		waiting, err := f.WaitingJobs(f.ctx, c.jobs, c.bytes)
		f.ok(err)
		want := map[jobdb.JobID]string{}
		for _, i := range c.want {
			want[ids[i]] = f.vo
		}
		if !maps.Equal(waiting, want) {
			f.t.Errorf("%d jobs or %d bytes: got %v, want %v", c.jobs, c.bytes, waiting, want)
		}
	}
	for range 98 { // of one job there are 100 now, of 108 bytes
		f.ok(f.SetJobParameters(f.ctx, named{ids[2]: {"x": fmt.Sprintf("%0100d", 2)}}))
	}
	for _, c := range []struct {
		jobs  []int
		bytes int64
		want  int
		all   bool
	}{{[]int{2}, 1 << 20, 64, false}, {[]int{2}, 1080, 11, false}, {[]int{2}, 1, 1, false}, {[]int{2, 0, 1, 3}, 1 << 20, 103, true}, {[]int{2, 0}, 108, 2, false}, {[]int{0}, 1, 1, true}} {
		var asked []jobdb.JobID
		for _, i := range c.jobs {
			asked = append(asked, ids[i])
		}
		changes, all, err := f.ParametersChanges(f.ctx, asked, c.bytes)
		f.ok(err)
		got := 0
		for _, ofJob := range changes {
			got += len(ofJob)
		}
		if got != c.want || all != c.all {
			f.t.Errorf("%d bytes of jobs %v: got %d changes, all %t; want %d, %t", c.bytes, c.jobs, got, all, c.want, c.all)
		}
	}
}

// What was stored while there was no outbox is put there, too.
func testOutboxOfAll(f *fixture) {
	f, ok := f.withOutbox()
	if !ok || f.traits.InMemory { // which nobody else can open
		return
	}
	ids := f.addPlainJobs(450)
	without := f.suite.opened(f.test, f.address, jobdb.Options{})
	set, want := named{}, map[jobdb.JobID]map[string]any{}
	for i, id := range ids {
		if i%2 == 0 {
			set[id] = map[string]string{"x": fmt.Sprint(i), "y": "é"}
			want[id] = map[string]any{"x": fmt.Sprint(i), "y": "é"}
		}
	}
	f.ok(without.SetJobParameters(f.ctx, set))
	f.waiting(0)
	jobs, err := f.QueueAllParameters(f.ctx)
	f.ok(err)
	f.equal("jobs", jobs, int64(len(set)))
	changes, _, err := f.ParametersChanges(f.ctx, ids, 1<<30)
	f.ok(err)
	got := map[jobdb.JobID]map[string]any{}
	for id, ofJob := range changes {
		f.equal("changes of a job", len(ofJob), 1)
		got[id] = ofJob[0].Values
	}
	f.equal("changes", got, want)
}

// Nothing is kept for a copy that nobody asked for.
func testNoOutbox(f *fixture) {
	f.equal("an outbox", f.HasParametersOutbox(), false)
	_, err := f.WaitingJobs(f.ctx, 1, 1)
	f.refused(err, jobdb.ErrSchema, "outbox")
	_, _, err = f.ParametersChanges(f.ctx, []jobdb.JobID{1}, 1)
	f.refused(err, jobdb.ErrSchema, "outbox")
	_, err = f.CountParametersChanges(f.ctx)
	f.refused(err, jobdb.ErrSchema, "outbox")
	f.refused(f.RemoveParametersChanges(f.ctx, []int64{1}), jobdb.ErrSchema, "outbox")
	_, err = f.QueueAllParameters(f.ctx)
	f.refused(err, jobdb.ErrSchema, "outbox")
	if f.traits.NoParameters || f.Schema() != jobdb.SchemaOurs {
		return
	}
	own := f.alone(jobdb.Options{})
	id := own.addPlainJobs(1)[0]
	own.ok(own.SetJobParameters(own.ctx, named{id: {"x": "1"}}))
	own.ok(own.ArchiveJobParameters(own.ctx, []jobdb.JobID{id}))
	own.equal("rows of the outbox", own.raw().number(`SELECT count(*) FROM "ParametersOutbox"`), int64(0))
}
