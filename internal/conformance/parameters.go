package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// What parameters, their archive and heartbeats promise.
var parameterTests = []conformanceTest{
	{"JobParameters", testJobParameters},
	{"OptimizerParameters", func(f *fixture) { testParameters(f, f.SetOptimizerParameters, f.OptimizerParameters) }},
	{"ArchiveJobParameters", testArchive},
	{"ArchiveParameters", testArchiveParameters},
	{"AddHeartbeatData", testAddHeartbeatData},
	{"Heartbeats", testHeartbeats},
	{"HeartbeatsAlone", testHeartbeatsAlone},
	{"HeartbeatsBound", testHeartbeatsBound},
	{"ParametersBounds", testParametersBounds},
}

func testJobParameters(f *fixture) {
	f.equal("a table of parameters", f.HasJobParameters(), !f.traits.NoParameters)
	if f.traits.NoParameters {
		testNoParameters(f)
		return
	}
	testParameters(f, f.SetJobParameters, f.JobParameters)
	ids := f.addPlainJobs(2)
	f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {"CPU": "1", "it's?": "2", "c": "3"}, ids[1]: {"c": "4"}}))
	some, err := f.JobParametersNamed(f.ctx, append(ids, missingID), []string{"cpu", "it's?", "CPU ", "c", "\x00", strings.Repeat("x", 101)})
	f.ok(err)
	f.equal("some parameters", some, named{ids[0]: {"it's?": "2", "c": "3"}, ids[1]: {"c": "4"}})
	none, err := f.JobParametersNamed(f.ctx, ids, nil)
	f.ok(err)
	f.equal("none of them", none, named{})
}

// Without a table of parameters to set none is no error, and a job is rescheduled and deleted like
// any other.
func testNoParameters(f *fixture) {
	ids := f.addPlainJobs(1)
	_, err := f.JobParameters(f.ctx, ids)
	f.refused(err, jobdb.ErrSchema, "JobParameters")
	f.refused(f.SetJobParameters(f.ctx, named{ids[0]: {"a": "1"}}), jobdb.ErrSchema, "JobParameters")
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Parameters.a", Operator: "eq", Value: "1"}}}
	search, err := request.Parse(f.Limits())
	f.ok(err)
	search.Scope.VO = f.vo
	_, err = f.Search(f.ctx, search)
	f.refused(err, jobdb.ErrInvalidQuery, "JobParameters")
	for range 100 { // the bounds are looked at now and then
		f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {}}))
	}
	f.ok(f.ArchiveJobParameters(f.ctx, ids))
	archived, err := f.ArchivedJobParameters(f.ctx, ids)
	f.ok(err)
	f.equal("the archive", len(archived), 0)
	deleted, err := f.DeleteJobs(f.ctx, ids)
	f.ok(err)
	f.equal("jobs deleted", deleted, int64(1))
}

type named = map[jobdb.JobID]map[string]string

func testParameters(f *fixture, set func(context.Context, named) error, get func(context.Context, []jobdb.JobID) (named, error)) {
	ids := f.addPlainJobs(3)
	f.ok(set(f.ctx, named{ids[0]: {"b": "1", "a": "", "é ": "'\"\\"}, ids[1]: {"b": "2"}, ids[2]: {}}))
	f.ok(set(f.ctx, named{ids[0]: {"b": "new", "c": "3"}}))
	f.ok(set(f.ctx, nil))
	want := named{ids[0]: {"a": "", "b": "new", "c": "3", "é ": "'\"\\"}, ids[1]: {"b": "2"}}
	for _, c := range []struct {
		values named
		class  error
		about  string
	}{
		{named{ids[0]: {"b": "lost"}, missingID: {"b": "x"}}, jobdb.ErrNotFound, asJSON(missingID)},
		{named{ids[0]: {"b": "lost", strings.Repeat("n", 101): "x"}}, jobdb.ErrInvalidValue, "Name"},
		{named{ids[0]: {"b": "lost", "z": "a\x00b"}}, jobdb.ErrInvalidValue, "Value"},
	} {
		f.refused(set(f.ctx, c.values), c.class, c.about)
	}
	got, err := get(f.ctx, append(ids, missingID))
	f.ok(err)
	f.equal("parameters", got, want)

	// Names that only a collation holds equal are never overwritten.
	f.equalKeys(set(f.ctx, named{ids[1]: {"B": "other"}}))
	kept := map[string]string{"b": "2"}
	if err := set(f.ctx, named{ids[1]: {"b ": "other"}}); f.traits.SpacesCount {
		f.ok(err)
		kept["b "] = "other"
	} else {
		f.equalKeys(err)
	}
	f.equalKeys(set(f.ctx, named{ids[2]: {"cpu": "1", "CPU": "2"}}))
	if f.traits.EqualKeys {
		got, err = get(f.ctx, ids[1:])
		f.ok(err)
		f.equal("parameters", got, named{ids[1]: kept})
	}
}

// The archive keeps the parameters of each run, also of those whose RescheduleCounter was there
// before; where it has room for one cycle, the last.
// Parameters that are kept elsewhere are archived, too, whatever they are called and however long
// they are.
func testArchiveParameters(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{"RescheduleCounter": 3}, jobdb.Attributes{})
	archive := func(values map[string]string) { f.ok(f.ArchiveParameters(f.ctx, named{ids[0]: values, ids[1]: {}})) }
	archive(map[string]string{"CPU": "1", "cpu": "2", "": "", "a\x00": "x", strings.Repeat("x", 101): "x", "text": "a\x00" + strings.Repeat("y", 70_000)})
	archive(map[string]string{"CPU": "3"})
	f.refused(f.ArchiveParameters(f.ctx, named{ids[0]: {"lost": "x"}, missingID: {"lost": "x"}}), jobdb.ErrNotFound)
	all, err := f.ArchivedJobParameters(f.ctx, ids)
	f.ok(err)
	got := map[string]string{}
	for _, p := range all[ids[0]] {
		if strings.HasSuffix(p.Value, "yyyy") && len(p.Value) > 60_000 {
			p.Value = "long"
		}
		got[p.Name+" of "+asJSON(p.Cycle)] = p.Value
	}
	want := map[string]string{" of 3": "", "CPU of 3": "1", "cpu of 3": "2", "text of 3": "long", "CPU of 4": "3"}
	if f.traits.EqualKeys {
		delete(want, "cpu of 3")
	}
	if f.traits.OneCycle {
		delete(want, "CPU of 4")
		want["CPU of 3"] = "3"
	}
	f.equal("the archive", got, want)
	f.equal("jobs in the archive", len(all), 1)
}

func testArchive(f *fixture) {
	if f.traits.NoParameters {
		return // testNoParameters
	}
	ids := f.addJobs(jobdb.Attributes{"RescheduleCounter": 1}, jobdb.Attributes{})
	archive := func(values map[string]string) {
		f.ok(f.SetJobParameters(f.ctx, named{ids[0]: values}))
		f.ok(f.ArchiveJobParameters(f.ctx, []jobdb.JobID{ids[0], missingID}))
	}
	f.ok(f.SetJobParameters(f.ctx, named{ids[1]: {"mine": "kept"}}))
	archive(map[string]string{"b": "1", "Z": "1", "a": "1"})
	archive(map[string]string{"b": "2"})
	f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"RescheduleCounter": 2}}, jobdb.SetOptions{})
	archive(map[string]string{"b": "3"})
	f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"RescheduleCounter": 0}}, jobdb.SetOptions{})
	archive(map[string]string{"b": "4"})
	f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"RescheduleCounter": 9}}, jobdb.SetOptions{})
	archive(map[string]string{"b": "5"})

	left, err := f.JobParameters(f.ctx, ids)
	f.ok(err)
	f.equal("parameters left", left, named{ids[1]: {"mine": "kept"}})
	want := []jobdb.ArchivedParameter{{Name: "Z", Value: "1", Cycle: 1}, {Name: "a", Value: "1", Cycle: 1}, {Name: "b", Value: "1", Cycle: 1}}
	for i, cycle := range []int{2, 3, 4, 9} {
		want = append(want, jobdb.ArchivedParameter{Name: "b", Value: asJSON(i + 2), Cycle: cycle})
	}
	if f.traits.OneCycle {
		want = append(want[:2], want[6])
	}
	got, err := f.ArchivedJobParameters(f.ctx, ids)
	f.ok(err)
	f.equal("the archive", got, map[jobdb.JobID][]jobdb.ArchivedParameter{ids[0]: want})
}

// Several jobs beat in one call; a second beat in one tick overwrites what it repeats.
func testAddHeartbeatData(f *fixture) {
	ids := f.addPlainJobs(2)
	f.ok(f.AddHeartbeatData(f.ctx, named{ids[0]: {"Vsize": "1", "LoadAverage": "2.5"}, ids[1]: {"Vsize": "1024"}}))
	f.ok(f.AddHeartbeatData(f.ctx, named{ids[0]: {"Vsize": "2", "CPUConsumed": "3"}}))
	f.ok(f.AddHeartbeatData(f.ctx, nil))
	now := f.stored(noon)
	want := map[jobdb.JobID][]jobdb.Heartbeat{
		ids[0]: {{Name: "CPUConsumed", Value: "3", Time: now}, {Name: "LoadAverage", Value: "2.5", Time: now}, {Name: "Vsize", Value: "2", Time: now}},
		ids[1]: {{Name: "Vsize", Value: "1024", Time: now}},
	}
	for _, c := range []struct {
		data  named
		class error
		about string
	}{
		{named{ids[0]: {"Vsize": "9", "StandardOutput": "x"}}, jobdb.ErrInvalidQuery, "StandardOutput"},
		{named{ids[0]: {"vsize": "9"}}, jobdb.ErrInvalidQuery, "vsize"},
		{named{ids[0]: {"Vsize": "9"}, missingID: {"Vsize": "9"}}, jobdb.ErrNotFound, asJSON(missingID)},
		{named{ids[0]: {"Vsize": "\x00"}}, jobdb.ErrInvalidValue, "Vsize"},
	} {
		f.refused(f.AddHeartbeatData(f.ctx, c.data), c.class, c.about)
	}
	got, err := f.Heartbeats(f.ctx, append(ids, missingID), 0)
	f.ok(err)
	f.equal("heartbeats", got, want)
	f.equal("the column HeartBeatTime", f.attributes(ids[0], "HeartBeatTime"), map[string]any{"HeartBeatTime": nil})
}

// The last times of each job are read, the latest first.
func testHeartbeats(f *fixture) {
	ids := f.addPlainJobs(2)
	for i := range 4 {
		f.ok(f.AddHeartbeatData(f.ctx, named{ids[0]: {"Vsize": asJSON(i), "LoadAverage": "x"}}))
		if i == 1 {
			f.ok(f.AddHeartbeatData(f.ctx, named{ids[1]: {"Vsize": "only"}}))
		}
		f.clock.advance(time.Second)
	}
	second := func(i int) time.Time { return f.stored(noon.Add(time.Duration(i) * time.Second)) }
	got, err := f.Heartbeats(f.ctx, ids, 2)
	f.ok(err)
	f.equal("the last two", got, map[jobdb.JobID][]jobdb.Heartbeat{
		ids[0]: {
			{Name: "LoadAverage", Value: "x", Time: second(3)},
			{Name: "Vsize", Value: "3", Time: second(3)},
			{Name: "LoadAverage", Value: "x", Time: second(2)},
			{Name: "Vsize", Value: "2", Time: second(2)},
		},
		ids[1]: {{Name: "Vsize", Value: "only", Time: second(1)}},
	})
}

// Of one job alone the last times are the same as of it among others, whatever names it has at which.
func testHeartbeatsAlone(f *fixture) {
	ids := f.addPlainJobs(2)
	f.ok(f.AddHeartbeatData(f.ctx, named{ids[0]: {"Vsize": "1", "LoadAverage": "x"}}))
	raw := f.raw()
	for i, name := range []string{"Vsize", "Another", "Zeal"} {
		for k := range 5 {
			at := noon.Add(time.Duration(i-k*(i+1)) * time.Second).Format(time.DateTime)
			raw.exec(fmt.Sprintf(`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES (%d, '%s', 'v', '%s')`, ids[1], name, at))
		}
	}
	same := func() {
		for last := range 12 {
			both, err := f.Heartbeats(f.ctx, ids, last)
			f.ok(err)
			for _, id := range ids {
				alone, err := f.Heartbeats(f.ctx, []jobdb.JobID{id, id}, last)
				f.ok(err)
				f.equal(fmt.Sprintf("the last %d of %d", last, id), alone[id], both[id])
			}
		}
		none, err := f.Heartbeats(f.ctx, []jobdb.JobID{missingID}, 3)
		f.ok(err)
		f.equal("of a job that isn't there", len(none), 0)
	}
	same()
	for i := range 60 {
		at := noon.Add(time.Duration(i/2) * time.Second).Format(time.DateTime)
		raw.exec(fmt.Sprintf(`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES (%d, 'Name %d', 'v', '%s')`, ids[1], i, at))
	}
	same()
}

// A job keeps the last of what it reports; older values go now and then.
func testHeartbeatsBound(f *fixture) {
	ids := f.addPlainJobs(2)
	raw, old := f.raw(), noon.AddDate(-1, 0, 0)
	for start := 0; start < jobdb.MaxHeartbeats; start += 500 {
		var rows []string
		for i := range 500 {
			at := old.Add(time.Duration(start+i) * time.Second).Format(time.DateTime)
			for _, id := range ids {
				rows = append(rows, fmt.Sprintf("(%d, 'Vsize', 'old', '%s')", id, at))
			}
		}
		raw.exec(`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES ` + strings.Join(rows, ", "))
	}
	count := func(id jobdb.JobID, rest string) int64 {
		return raw.number(`SELECT COUNT(*) FROM "HeartBeatLoggingInfo" WHERE "JobID" = ` + asJSON(id) + rest)
	}
	for written := int64(1); ; written++ {
		f.ok(f.AddHeartbeatData(f.ctx, named{ids[0]: {"Vsize": "new", "LoadAverage": "new"}}))
		f.clock.advance(time.Second)
		kept := count(ids[0], ` AND "Name" = 'Vsize'`)
		if f.Schema() != jobdb.SchemaOurs && kept == jobdb.MaxHeartbeats+written && written == 300 {
			break // nothing goes there
		}
		if kept == jobdb.MaxHeartbeats {
			f.equal("a database whose rows may go", f.Schema(), jobdb.SchemaOurs)
			f.equal("values that are new", count(ids[0], ` AND "Value" = 'new'`), 2*written)
			break
		} else if kept != jobdb.MaxHeartbeats+written || written > 2000 { // a chance of 10 to the -14th
			f.t.Fatalf("%d values are kept of %d", kept, jobdb.MaxHeartbeats+written)
		}
	}
	f.equal("values of the job that wrote none", count(ids[1], ""), int64(jobdb.MaxHeartbeats))
	beats, err := f.Heartbeats(f.ctx, ids[:1], 1)
	f.ok(err)
	f.equal("the last values", len(beats[ids[0]]), 2)
}

// A job has bounded parameters: in one piece or in many small ones it doesn't get many more.
func testParametersBounds(f *fixture) {
	if f.traits.NoParameters || f.traits.SmallTexts {
		f.test.Skip("there are no parameters, or no long ones")
	}
	ids := f.addPlainJobs(3)
	refused := func(what string, err error) {
		f.t.Helper()
		f.only(what, err, jobdb.ErrInvalidValue)
		f.refused(err, jobdb.ErrTooLarge, "may have")
	}
	set := func(id jobdb.JobID, values map[string]string) error {
		return f.SetJobParameters(f.ctx, map[jobdb.JobID]map[string]string{id: values})
	}
	names := func(prefix string, n int) map[string]string {
		values := map[string]string{}
		for i := range n {
			values[fmt.Sprint(prefix, i)] = "x"
		}
		return values
	}
	refused("a long value", set(ids[0], map[string]string{"a": strings.Repeat("x", jobdb.MaxParameterBytes+1)}))
	refused("many names", set(ids[0], names("n", jobdb.MaxParameters+1)))
	f.ok(set(ids[0], names("n", jobdb.MaxParameters)))
	f.ok(set(ids[0], names("n", jobdb.MaxParameters))) // the same again
	refused("more names", set(ids[0], names("other", 20)))
	some := func() (err error) {
		for i := 0; i < 500 && err == nil; i++ {
			err = set(ids[0], names(fmt.Sprint("small ", i, " "), 1))
		}
		return err
	}
	refused("names one by one", some())
	for range 50 {
		refused("another name", set(ids[0], names("another", 1)))
	}

	long := map[string]string{}
	for i := range 4 {
		long[fmt.Sprint(i)] = strings.Repeat("x", jobdb.MaxParameterBytes)
	}
	f.ok(set(ids[1], long))
	refused("more bytes", set(ids[1], map[string]string{"more": strings.Repeat("x", 100_000)}))
	err := f.SetJobParameters(f.ctx, map[jobdb.JobID]map[string]string{ids[0]: names("more", 20), ids[1]: {"more": strings.Repeat("x", 100_000)}, ids[2]: names("a", 1)})
	large := (*jobdb.ValueError)(nil)
	if errors.As(err, &large); large == nil || !slices.Equal(large.TooLarge, ids[:2]) {
		f.t.Errorf("two jobs with too much: %v", err)
	}
	f.ok(set(ids[1], map[string]string{"0": strings.Repeat("y", 100_000)}))
	f.ok(set(ids[1], map[string]string{"more": strings.Repeat("x", 100_000)}))

	both := map[jobdb.JobID]map[string]string{ids[0]: names("z", 30), ids[2]: {"a": "b"}}
	refused("one of two jobs", f.SetJobParameters(f.ctx, both))
	found, err := f.JobParameters(f.ctx, ids[2:])
	f.ok(err)
	f.equal("nothing is kept", len(found), 0)
	refused("optimizer parameters", f.SetOptimizerParameters(f.ctx, map[jobdb.JobID]map[string]string{ids[2]: names("n", 1001)}))
}
