package conformance

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"jobdb"
)

// This file is the part of the model of writes that has to do with commands and history.

func (m *machine) setCommands(t *rapid.T) {
	var commands []jobdb.Command
	now, tick := m.f.stored(m.f.clock.now()), m.f.tick()
	for _, id := range m.some(t) {
		for range rapid.IntRange(1, 3).Draw(t, "commands") {
			command := jobdb.Command{
				JobID:     id,
				Command:   rapid.SampledFrom([]string{"Kill", "kill", "Peek"}).Draw(t, "command"),
				Arguments: rapid.SampledFrom([]string{"", "a", "A"}).Draw(t, "arguments"),
			}
			commands = append(commands, command)
			m.add(command, now, tick)
		}
	}
	m.f.ok(m.on.SetJobCommands(m.f.ctx, commands))
}

// add gives a new command the next free tick of its job.
func (m *machine) add(command jobdb.Command, at time.Time, tick time.Duration) {
	state := m.states[command.JobID]
	for _, record := range state.Commands {
		if record.Command == command && record.Status == jobdb.CommandReceived {
			return
		}
		if !at.After(record.ReceptionTime) {
			at = record.ReceptionTime.Add(tick)
		}
	}
	state.Commands = append(state.Commands, jobdb.CommandRecord{Command: command, Status: jobdb.CommandReceived, ReceptionTime: at})
}

func (f *fixture) tick() time.Duration {
	if f.traits.WholeSeconds {
		return time.Second
	}
	return time.Microsecond
}

func (m *machine) take(t *rapid.T) {
	ids := slices.Sorted(slices.Values(m.some(t)))
	now := m.f.stored(m.f.clock.now())
	var want []jobdb.Command
	for _, id := range ids {
		for i := range m.states[id].Commands {
			record := &m.states[id].Commands[i]
			young := record.Command.Command == jobdb.KillCommand || now.Sub(record.ReceptionTime) < expiry
			again := record.Status == jobdb.CommandSent && young && now.Sub(record.ExecutionTime).Abs() > redelivery
			if record.Status == jobdb.CommandReceived || again {
				want = append(want, record.Command)
				record.Status, record.ExecutionTime = jobdb.CommandSent, now
			}
		}
	}
	got, err := m.on.TakeJobCommands(m.f.ctx, append(ids, missingID))
	m.f.ok(err)
	m.f.equal("commands taken", got, want)
}

func (m *machine) expire(t *rapid.T) {
	ids := m.some(t)
	for _, id := range ids {
		for i := range m.states[id].Commands {
			record := &m.states[id].Commands[i]
			if record.Status == jobdb.CommandReceived || record.Status == jobdb.CommandSent {
				record.Status = jobdb.CommandExpired
			}
		}
	}
	m.f.ok(m.on.ExpireJobCommands(m.f.ctx, append(ids, missingID)))
}

func (m *machine) confirm(t *rapid.T) {
	ids := m.some(t)
	command := rapid.SampledFrom([]string{"Kill", "kill", "Peek"}).Draw(t, "command")
	confirmed := map[jobdb.JobID]bool{}
	for _, id := range ids {
		for i := range m.states[id].Commands {
			if record := &m.states[id].Commands[i]; record.Status == jobdb.CommandSent && record.Command.Command == command {
				record.Status = jobdb.CommandConfirmed
				confirmed[id] = true
			}
		}
	}
	got, err := m.on.ConfirmJobCommands(m.f.ctx, append(ids, missingID), command)
	m.f.ok(err)
	m.f.equal("jobs whose commands were confirmed", append([]jobdb.JobID{}, got...), append([]jobdb.JobID{}, slices.Sorted(maps.Keys(confirmed))...))
}

func (m *machine) insertHistory(t *rapid.T) {
	var records []jobdb.HistoryRecord
	for _, id := range m.some(t) {
		record := jobdb.HistoryRecord{
			JobID:             id,
			Status:            rapid.SampledFrom([]jobdb.Status{jobdb.Idem, jobdb.StatusReceived, jobdb.StatusRunning}).Draw(t, "status"),
			MinorStatus:       rapid.SampledFrom([]string{jobdb.Idem, "", "minor"}).Draw(t, "minor status"),
			ApplicationStatus: rapid.SampledFrom([]string{jobdb.Idem, "app"}).Draw(t, "application status"),
			Time:              noon.Add(time.Duration(rapid.IntRange(-4, 4).Draw(t, "quarters of a second")) * 250 * time.Millisecond),
			Source:            "test",
		}
		records = append(records, record)
		m.raw[id] = append(slices.Clone(m.raw[id]), record)
	}
	m.f.ok(m.on.InsertHistory(m.f.ctx, records))
}

func (m *machine) deleteHistory(t *rapid.T) {
	ids := m.some(t)
	for _, id := range ids {
		delete(m.raw, id)
		m.states[id].History = nil
	}
	m.f.ok(m.on.DeleteHistory(m.f.ctx, append(ids, missingID)))
}

// resolved is a history as it is read: by time, and idem is what was before.
func (m *machine) resolved(records []jobdb.HistoryRecord) []jobdb.HistoryRecord {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b jobdb.HistoryRecord) int { return a.Time.Compare(b.Time) })
	before := jobdb.HistoryRecord{Status: jobdb.Idem, MinorStatus: jobdb.Idem, ApplicationStatus: "Unknown"}
	for i := range records {
		r := &records[i]
		r.Time = m.f.stored(r.Time)
		r.Status = cmp.Or(unlessIdem(r.Status), before.Status)
		r.ApplicationStatus = cmp.Or(unlessIdem(r.ApplicationStatus), before.ApplicationStatus)
		if r.MinorStatus == jobdb.Idem { // which may be empty
			r.MinorStatus = before.MinorStatus
		}
		before = *r
	}
	return records
}

func unlessIdem[T ~string](text T) T {
	if text == jobdb.Idem {
		return ""
	}
	return text
}
