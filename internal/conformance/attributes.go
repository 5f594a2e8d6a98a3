package conformance

import (
	"maps"
	"slices"
	"time"

	"jobdb"
)

// What SetJobAttributes and SetProperties promise: what they change, how many rows, and what stays
// as it is.
var attributeTests = []conformanceTest{
	{"SetJobAttributes", testSetJobAttributes},
	{"SetAttributesAt", testSetAttributesAt},
	{"SetAttributesKeepFinal", testSetAttributesKeepFinal},
	{"SetProperties", testSetProperties},
}

func (f *fixture) set(changes map[jobdb.JobID]jobdb.Attributes, options jobdb.SetOptions) int64 {
	f.t.Helper()
	changed, err := f.SetJobAttributes(f.ctx, changes, options)
	f.ok(err)
	return changed
}

// Each job has its own columns; LastUpdateTime moves where Status is set, and only there.
func testSetJobAttributes(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{"LastUpdateTime": noon.Add(-time.Hour)}, jobdb.Attributes{"LastUpdateTime": noon.Add(-time.Hour)}, jobdb.Attributes{})
	f.clock.advance(time.Minute)
	changed := f.set(map[jobdb.JobID]jobdb.Attributes{
		ids[0]: {"Status": "Running", "Site": "a"}, ids[1]: {"MinorStatus": "m"}, missingID: {"Status": "Lost"},
	}, jobdb.SetOptions{})
	f.equal("jobs changed", changed, int64(2))
	names := []string{"Site", "LastUpdateTime", "Status", "MinorStatus"}
	f.equal("the first", f.attributes(ids[0], names...), map[string]any{
		"Site": "a", "LastUpdateTime": f.stored(f.clock.now()), "Status": "Running", "MinorStatus": "Unknown",
	})
	f.equal("the second", f.attributes(ids[1], names...), map[string]any{
		"Site": "ANY", "LastUpdateTime": f.stored(noon.Add(-time.Hour)), "Status": "Received", "MinorStatus": "m",
	})
	f.equal("the third", f.attributes(ids[2], names...), map[string]any{
		"Site": "ANY", "LastUpdateTime": nil, "Status": "Received", "MinorStatus": "Unknown",
	})
	f.equal("changed to what is there", f.set(map[jobdb.JobID]jobdb.Attributes{ids[1]: {"MinorStatus": "m"}}, jobdb.SetOptions{}), int64(1))
	f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"LastUpdateTime": nil}}, jobdb.SetOptions{})
	f.equal("a time set to NULL", f.attributes(ids[0], "LastUpdateTime"), map[string]any{"LastUpdateTime": nil})
	_, err := f.SetJobAttributes(f.ctx, nil, jobdb.SetOptions{})
	f.refused(err, jobdb.ErrInvalidValue)
}

// Jobs that were updated later than "at" stay as they are; the others get this time.
func testSetAttributesAt(f *fixture) {
	moment := noon.Truncate(time.Second)
	ids := f.addJobs(
		jobdb.Attributes{"LastUpdateTime": moment.Add(-time.Second)}, jobdb.Attributes{"LastUpdateTime": moment},
		jobdb.Attributes{"LastUpdateTime": moment.Add(time.Second)}, jobdb.Attributes{},
	)
	changes := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		changes[id] = jobdb.Attributes{"Site": "new"}
	}
	f.equal("jobs changed", f.set(changes, jobdb.SetOptions{At: moment}), int64(3))
	for i, id := range ids {
		want := map[string]any{"Site": "new", "LastUpdateTime": moment}
		if i == 2 {
			want = map[string]any{"Site": "ANY", "LastUpdateTime": moment.Add(time.Second)}
		}
		f.equal("job "+asJSON(i), f.attributes(id, "Site", "LastUpdateTime"), want)
	}
	if f.traits.WholeSeconds {
		return
	}
	// A microsecond is later.
	f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"LastUpdateTime": moment.Add(time.Microsecond)}}, jobdb.SetOptions{})
	f.equal("jobs changed", f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "late"}}, jobdb.SetOptions{At: moment}), int64(0))
}

// Jobs in a final state keep their status columns, and only those.
func testSetAttributesKeepFinal(f *fixture) {
	states := []string{"Running", "Done", "Completed", "Failed", "Killed", "Deleted", "done"}
	var attributes []jobdb.Attributes
	for _, status := range states {
		attributes = append(attributes, jobdb.Attributes{"Status": status})
	}
	ids := f.addJobs(attributes...)
	isFinal := func(i int) bool { return i > 0 && i < 5 }
	change := jobdb.Attributes{"Status": "Stalled", "MinorStatus": "m", "ApplicationStatus": "a"}
	changes, mixed := map[jobdb.JobID]jobdb.Attributes{}, map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		changes[id] = change
		mixed[id] = jobdb.Attributes{"Site": "s"}
		maps.Copy(mixed[id], change)
	}
	f.equal("jobs changed", f.set(changes, jobdb.SetOptions{KeepFinal: true}), int64(3))
	f.equal("jobs changed when a site is set too", f.set(mixed, jobdb.SetOptions{KeepFinal: true}), int64(len(ids)))
	names := []string{"Site", "LastUpdateTime", "Status", "MinorStatus", "ApplicationStatus"}
	for i, id := range ids {
		want := map[string]any{"Site": "s", "LastUpdateTime": f.stored(noon), "Status": "Stalled", "MinorStatus": "m", "ApplicationStatus": "a"}
		if isFinal(i) {
			want = map[string]any{"Site": "s", "LastUpdateTime": nil, "Status": states[i], "MinorStatus": "Unknown", "ApplicationStatus": "Unknown"}
		}
		f.equal("a job in "+states[i], f.attributes(id, names...), want)
	}
	f.equal("jobs changed by force", f.set(changes, jobdb.SetOptions{}), int64(len(ids)))
	// Becoming final in a call and being final before are two things.
	f.equal("a job that becomes final", f.set(map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Status": "Done", "Site": "t"}}, jobdb.SetOptions{KeepFinal: true}), int64(1))
	// With nothing but status columns to set there is nothing to do in a final state, the time of the
	// change included.
	minor := map[jobdb.JobID]jobdb.Attributes{ids[0]: {"MinorStatus": "x"}}
	f.equal("jobs changed at a time", f.set(minor, jobdb.SetOptions{KeepFinal: true, At: noon.Add(time.Hour)}), int64(0))
	f.equal("its time", f.attributes(ids[0], "LastUpdateTime"), map[string]any{"LastUpdateTime": f.stored(noon)})
	explicit := map[jobdb.JobID]jobdb.Attributes{ids[0]: {"LastUpdateTime": noon.Add(time.Minute), "MinorStatus": "x"}}
	f.equal("jobs changed when their time is set", f.set(explicit, jobdb.SetOptions{KeepFinal: true}), int64(1))
	f.equal("its time", f.attributes(ids[0], "LastUpdateTime", "MinorStatus"), map[string]any{"LastUpdateTime": f.stored(noon.Add(time.Minute)), "MinorStatus": "m"})
	f.equal("its site", f.attributes(ids[0], "Site", "Status"), map[string]any{"Site": "t", "Status": "Done"})
}

// All jobs have the same properties; the rows matched are counted, changed or not.
func testSetProperties(f *fixture) {
	ids := f.addPlainJobs(3)
	properties := map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "a", "UserPriority": 1}, ids[1]: {"Site": "ANY", "UserPriority": 0}, missingID: {"Site": "x", "UserPriority": 1}}
	for range 2 {
		matched, err := f.SetProperties(f.ctx, properties, false)
		f.ok(err)
		f.equal("jobs matched", matched, int64(2))
	}
	f.equal("without a time stamp", f.attributes(ids[0], "Site", "UserPriority", "LastUpdateTime"),
		map[string]any{"Site": "a", "UserPriority": int64(1), "LastUpdateTime": nil})
	f.clock.advance(time.Minute)
	matched, err := f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Status": "Done"}}, true)
	f.ok(err)
	f.equal("jobs matched", matched, int64(1))
	f.equal("with a time stamp", f.attributes(ids[0], "Status", "LastUpdateTime"), map[string]any{"Status": "Done", "LastUpdateTime": f.stored(f.clock.now())})
	_, err = f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[1]: {"Status": "Done"}}, false)
	f.ok(err)
	f.equal("a status does not stamp by itself", f.attributes(ids[1], "LastUpdateTime"), map[string]any{"LastUpdateTime": nil})

	before := f.readState(f.DB, ids)
	for _, bad := range []map[jobdb.JobID]jobdb.Attributes{
		{ids[0]: {"Site": "x"}, ids[1]: {"Status": "x"}},
		{ids[0]: {"Site": "x"}, ids[1]: {"Site": "x", "Status": "x"}},
		{ids[0]: {}},
		{},
		nil,
	} {
		_, err := f.SetProperties(f.ctx, bad, false)
		f.refused(err, jobdb.ErrInvalidValue)
	}
	f.equal("what is stored", f.readState(f.DB, slices.Clone(ids)), before)
}
