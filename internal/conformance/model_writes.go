package conformance

import (
	"cmp"
	"context"
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jobdb"
)

// Random sequences of writes leave what a model in memory says, whether they are committed alone,
// together or not at all.
func testRandomWrites(f *fixture) {
	checks, steps := "4", "25"
	switch {
	case f.Engine() == "sqlite" && testing.Short():
		checks = "10"
	case f.Engine() == "sqlite":
		checks, steps = "25", "40"
	}
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.steps": steps, "rapid.nofailfile": "true"} {
		if given := flag.Lookup(name); given.Value.String() == given.DefValue { // what the command line says goes first
			f.ok(flag.Set(name, value))
			defer func() { _ = flag.Set(name, given.DefValue) }()
		}
	}
	rapid.Check(f.test, func(t *rapid.T) {
		mine := *f
		mine.t = t
		f.clock.set(noon)
		m := &machine{f: &mine, on: f.DB, states: map[jobdb.JobID]*jobState{}, raw: map[jobdb.JobID][]jobdb.HistoryRecord{}}
		actions := map[string]func(*rapid.T){"": m.compare, "Tx": m.transaction}
		for name, action := range machineActions {
			actions[name] = func(t *rapid.T) { action(m, t) }
		}
		t.Repeat(actions)
	})
}

// machine does to a model what it does to the database.
type machine struct {
	f      *fixture
	on     methods       // the DB or an open transaction
	ids    []jobdb.JobID // of all jobs ever made
	states map[jobdb.JobID]*jobState
	raw    map[jobdb.JobID][]jobdb.HistoryRecord // as inserted: idem is resolved when it is read
}

func (m *machine) compare(*rapid.T) {
	if len(m.ids) == 0 {
		return
	}
	for id, records := range m.raw {
		m.states[id].History = m.resolved(records)
	}
	m.f.equal("what is stored", m.f.readState(m.on, m.ids), m.states)
}

var machineActions = map[string]func(*machine, *rapid.T){
	"Create": (*machine).create, "SetJobAttributes": (*machine).setAttributes, "SetProperties": (*machine).setProperties,
	"UpdateJobJDLs": (*machine).updateJDLs, "InsertInputData": (*machine).insertInput, "SetJobParameters": (*machine).setParameters,
	"ArchiveJobParameters": (*machine).archive, "AddHeartbeatData": (*machine).heartbeat, "SetJobCommands": (*machine).setCommands,
	"TakeJobCommands": (*machine).take, "ExpireJobCommands": (*machine).expire, "ConfirmJobCommands": (*machine).confirm,
	"InsertHistory": (*machine).insertHistory,
	"DeleteHistory": (*machine).deleteHistory, "DeleteJobs": (*machine).delete, "Clock": (*machine).tick,
}

// transaction runs a few actions in one transaction, and keeps or drops them all.
func (m *machine) transaction(t *rapid.T) {
	keep := rapid.Bool().Draw(t, "keep")
	before, rawBefore, idsBefore := map[jobdb.JobID]*jobState{}, maps.Clone(m.raw), slices.Clone(m.ids)
	for id, state := range m.states {
		before[id] = state.clone()
	}
	err := m.f.Tx(m.f.ctx, func(_ context.Context, tx *jobdb.Tx) error {
		m.on = tx
		names := slices.Sorted(maps.Keys(machineActions))
		for range rapid.IntRange(1, 4).Draw(t, "actions") {
			machineActions[rapid.SampledFrom(names).Draw(t, "action")](m, t)
			m.compare(t)
		}
		if keep {
			return nil
		}
		return errRollBack
	})
	m.on = m.f.DB
	if keep {
		m.f.ok(err)
		return
	}
	if err != errRollBack { //nolint:errorlint // Tx returns what its function returned
		m.f.t.Fatalf("the transaction returned %v", err)
	}
	m.states, m.raw, m.ids = before, rawBefore, idsBefore
}

// some draws jobs that exist, or none when there are none.
func (m *machine) some(t *rapid.T) []jobdb.JobID {
	existing := slices.Sorted(maps.Keys(m.states))
	if len(existing) == 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(existing), 1, min(3, len(existing)), rapid.ID[jobdb.JobID]).Draw(t, "jobs")
}

var (
	drawText = rapid.SampledFrom([]string{"", "a", "A ", "x%_", `q"\'|`, "é", "long " + strings.Repeat("z", 80)})
	drawName = rapid.SampledFrom([]string{"CPU", "Memory", "ab", "Zed", "host name"})
)

func (m *machine) create(t *rapid.T) {
	texts := rapid.SliceOfN(rapid.SampledFrom([]string{"[A=1]", "eJwDAAAAAAE=", "JobName = \"é\";\n"}), 1, 3).Draw(t, "JDLs")
	ids, err := m.on.CreateJobs(m.f.ctx, texts)
	m.f.ok(err)
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for i, id := range ids {
		if slices.Contains(m.ids, id) && !m.f.traits.ReusedIDs {
			m.f.t.Errorf("job %d was given twice", id)
		}
		rows[id] = m.drawAttributes(t)
		rows[id]["VO"] = m.f.vo
		m.states[id] = &jobState{Original: texts[i], Attributes: map[string]any{"JobID": int64(id)}}
		maps.Copy(m.states[id].Attributes, defaultAttributes)
		m.put(id, rows[id])
		if !slices.Contains(m.ids, id) {
			m.ids = append(m.ids, id)
		}
	}
	m.f.ok(m.on.InsertJobAttributes(m.f.ctx, rows))
}

// drawAttributes draws what may be set of a job.
func (m *machine) drawAttributes(t *rapid.T) jobdb.Attributes {
	attributes := jobdb.Attributes{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"Status", "MinorStatus", "Site", "HeartBeatTime", "EndExecTime", "UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag",
	}), 1, 4, rapid.ID[string]).Draw(t, "attributes") {
		switch name {
		case "Status":
			attributes[name] = rapid.SampledFrom([]string{"Received", "Running", "Done", "Failed", "Killed", "Completed"}).Draw(t, name)
		case "HeartBeatTime", "EndExecTime":
			attributes[name] = rapid.SampledFrom([]any{nil, noon, noon.Add(-1500 * time.Millisecond), noon.Truncate(time.Second)}).Draw(t, name)
		case "UserPriority":
			attributes[name] = rapid.SampledFrom([]any{int64(0), 3, int32(-7), uint8(9)}).Draw(t, name)
		case "RescheduleCounter": // a legacy archive has no place for negative ones
			attributes[name] = rapid.SampledFrom([]any{int64(0), 3, int32(7), uint8(9)}).Draw(t, name)
		case "VerifiedFlag":
			attributes[name] = rapid.Bool().Draw(t, name)
		case "AccountedFlag":
			attributes[name] = rapid.SampledFrom([]any{true, false, jobdb.AccountedFailed, jobdb.AccountedTrue}).Draw(t, name)
		default:
			attributes[name] = drawText.Draw(t, name)
		}
	}
	return attributes
}

// put stores attributes in the model as they come back.
func (m *machine) put(id jobdb.JobID, attributes jobdb.Attributes) {
	for name, value := range attributes {
		switch v := value.(type) {
		case int:
			value = int64(v)
		case int32:
			value = int64(v)
		case uint8:
			value = int64(v)
		case time.Time:
			value = m.f.stored(v)
		case bool:
			if name == "AccountedFlag" {
				value = map[bool]jobdb.AccountedFlag{true: jobdb.AccountedTrue, false: jobdb.AccountedFalse}[v]
			}
		}
		m.states[id].Attributes[name] = value
	}
}

func (m *machine) setAttributes(t *rapid.T) {
	options := jobdb.SetOptions{KeepFinal: rapid.Bool().Draw(t, "keep final")}
	now := m.f.clock.now()
	if rapid.Bool().Draw(t, "at") {
		options.At = now.Add(rapid.SampledFrom([]time.Duration{-time.Hour, -time.Second, 0, time.Second}).Draw(t, "by"))
	}
	changes := map[jobdb.JobID]jobdb.Attributes{missingID: {"Site": "nowhere"}}
	want := int64(0)
	for _, id := range m.some(t) {
		changes[id] = m.drawAttributes(t)
		if m.change(id, changes[id], options, now) {
			want++
		}
	}
	changed, err := m.on.SetJobAttributes(m.f.ctx, changes, options)
	m.f.ok(err)
	m.f.equal("jobs changed", changed, want)
}

// change does one job's part of SetJobAttributes and tells whether anything was to do.
func (m *machine) change(id jobdb.JobID, attributes jobdb.Attributes, options jobdb.SetOptions, now time.Time) bool {
	old := m.states[id].Attributes
	updated, _ := old["LastUpdateTime"].(time.Time)
	if !options.At.IsZero() && updated.After(m.f.stored(options.At)) {
		return false
	}
	_, withStatus := attributes["Status"]
	applied := maps.Clone(attributes)
	if options.KeepFinal && slices.Contains([]string{"Done", "Completed", "Failed", "Killed"}, old["Status"].(string)) { //nolint:forcetypeassert // a text
		withStatus = false
		maps.DeleteFunc(applied, func(name string, _ any) bool { return strings.HasSuffix(name, "Status") })
	}
	if len(applied) == 0 {
		return false
	}
	if !options.At.IsZero() {
		applied["LastUpdateTime"] = options.At
	} else if withStatus {
		applied["LastUpdateTime"] = now
	}
	m.put(id, applied)
	return true
}

func (m *machine) setProperties(t *rapid.T) {
	attributes := m.drawAttributes(t)
	stamp := rapid.Bool().Draw(t, "stamp")
	changes := map[jobdb.JobID]jobdb.Attributes{missingID: attributes}
	ids := m.some(t)
	for _, id := range ids {
		changes[id] = attributes
		m.put(id, attributes)
		if stamp {
			m.put(id, jobdb.Attributes{"LastUpdateTime": m.f.clock.now()})
		}
	}
	matched, err := m.on.SetProperties(m.f.ctx, changes, stamp)
	m.f.ok(err)
	m.f.equal("jobs matched", matched, int64(len(ids)))
}

func (m *machine) updateJDLs(t *rapid.T) {
	texts := map[jobdb.JobID]string{missingID: "nowhere"}
	for _, id := range m.some(t) {
		texts[id] = drawText.Draw(t, "JDL")
		m.states[id].JDL = texts[id]
	}
	m.f.ok(m.on.UpdateJobJDLs(m.f.ctx, texts))
}

func (m *machine) insertInput(t *rapid.T) {
	lfns := map[jobdb.JobID][]string{}
	for _, id := range m.some(t) {
		for _, lfn := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"/a", "/Zed", "/b c", "/é"}), rapid.ID[string]).Draw(t, "LFNs") {
			if !slices.ContainsFunc(m.states[id].Input, func(file jobdb.InputFile) bool { return file.LFN == lfn }) {
				lfns[id] = append(lfns[id], lfn)
				m.states[id].Input = append(m.states[id].Input, jobdb.InputFile{LFN: lfn, Status: "AprioriGood"})
			}
		}
		slices.SortFunc(m.states[id].Input, func(a, b jobdb.InputFile) int { return strings.Compare(a.LFN, b.LFN) })
	}
	m.f.ok(m.on.InsertInputData(m.f.ctx, lfns))
}

func (m *machine) setParameters(t *rapid.T) {
	values := map[jobdb.JobID]map[string]string{}
	optimizer := m.f.traits.NoParameters || rapid.Bool().Draw(t, "optimizer's")
	for _, id := range m.some(t) {
		values[id] = rapid.MapOfN(drawName, drawText, 1, 3).Draw(t, "parameters")
		target := &m.states[id].Parameters
		if optimizer {
			target = &m.states[id].Optimizer
		}
		if *target == nil {
			*target = map[string]string{}
		}
		maps.Copy(*target, values[id])
	}
	if optimizer {
		m.f.ok(m.on.SetOptimizerParameters(m.f.ctx, values))
	} else {
		m.f.ok(m.on.SetJobParameters(m.f.ctx, values))
	}
}

func (m *machine) archive(t *rapid.T) {
	ids := m.some(t)
	for _, id := range ids {
		state := m.states[id]
		cycle := int(state.Attributes["RescheduleCounter"].(int64)) //nolint:forcetypeassert // an integer
		if last := len(state.Archived) - 1; last >= 0 && !m.f.traits.OneCycle {
			cycle = max(cycle, state.Archived[last].Cycle+1)
		}
		for name, value := range state.Parameters {
			state.Archived = slices.DeleteFunc(state.Archived, func(old jobdb.ArchivedParameter) bool {
				return old.Name == name && m.f.traits.OneCycle
			})
			state.Archived = append(state.Archived, jobdb.ArchivedParameter{Name: name, Value: value, Cycle: cycle})
		}
		slices.SortFunc(state.Archived, func(a, b jobdb.ArchivedParameter) int {
			return cmp.Or(cmp.Compare(a.Cycle, b.Cycle), strings.Compare(a.Name, b.Name))
		})
		state.Parameters = nil
	}
	m.f.ok(m.on.ArchiveJobParameters(m.f.ctx, append(ids, missingID)))
}

func (m *machine) heartbeat(t *rapid.T) {
	data := map[jobdb.JobID]map[string]string{}
	at := m.f.stored(m.f.clock.now())
	for _, id := range m.some(t) {
		data[id] = rapid.MapOfN(rapid.SampledFrom(jobdb.HeartbeatFields), rapid.SampledFrom([]string{"0", "2.5", "1024"}), 1, 3).Draw(t, "beat")
		state := m.states[id]
		for name, value := range data[id] {
			beat := jobdb.Heartbeat{Name: name, Value: value, Time: at}
			same := func(old jobdb.Heartbeat) bool { return old.Name == name && old.Time.Equal(at) }
			state.Heartbeats = append(slices.DeleteFunc(state.Heartbeats, same), beat)
		}
		slices.SortFunc(state.Heartbeats, func(a, b jobdb.Heartbeat) int {
			return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Name, b.Name))
		})
	}
	m.f.ok(m.on.AddHeartbeatData(m.f.ctx, data))
}

func (m *machine) delete(t *rapid.T) {
	ids := m.some(t)
	for _, id := range ids {
		delete(m.states, id)
		delete(m.raw, id)
	}
	deleted, err := m.on.DeleteJobs(m.f.ctx, append(ids, missingID))
	m.f.ok(err)
	m.f.equal("jobs deleted", deleted, int64(len(ids)))
}

func (m *machine) tick(t *rapid.T) {
	m.f.clock.advance(rapid.SampledFrom([]time.Duration{
		time.Microsecond, 300 * time.Millisecond, time.Second, time.Minute, redelivery, redelivery + 2*time.Second, expiry,
	}).Draw(t, "by"))
}
