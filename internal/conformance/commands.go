package conformance

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"jobdb"
)

// What commands promise: each is handed out to one at a time, in order, and none is lost.
var commandTests = []conformanceTest{
	{"SetJobCommands", testSetJobCommands},
	{"PendingCommandsAreNotRepeated", testPendingCommands},
	{"EqualCommandMeanwhile", testEqualCommandMeanwhile},
	{"TakeJobCommands", testTakeJobCommands},
	{"CommandsAreLeased", testRedelivery},
	{"CommandsAfterClockWasAhead", testRedeliveryAfterClock},
	{"ConfirmJobCommands", testConfirmJobCommands},
	{"OldCommandsGo", testOldCommandsGo},
	{"NoRedelivery", testNoRedelivery},
	{"CommandsOfOthers", testCommandsOfOthers},
	{"ExpireJobCommands", testExpireJobCommands},
}

func command(id jobdb.JobID, name, arguments string) jobdb.Command {
	return jobdb.Command{JobID: id, Command: name, Arguments: arguments}
}

func (f *fixture) take(ids ...jobdb.JobID) []jobdb.Command {
	f.t.Helper()
	commands, err := f.TakeJobCommands(f.ctx, ids)
	f.ok(err)
	return commands
}

// Any number of commands fit into one tick of the clock, and come back in the order in which they
// were set.
func testSetJobCommands(f *fixture) {
	ids := f.addPlainJobs(2)
	commands := []jobdb.Command{
		command(ids[1], "b", ""), command(ids[0], "Z", "1"), command(ids[0], "a", "1"), command(ids[0], "A", "1"), command(ids[0], "a", "2"), command(ids[0], "a", "2 "),
	}
	f.ok(f.SetJobCommands(f.ctx, commands[:3]))
	f.ok(f.SetJobCommands(f.ctx, commands[3:]))
	f.ok(f.SetJobCommands(f.ctx, nil))
	stored, err := f.JobCommands(f.ctx, append(ids, missingID))
	f.ok(err)
	want := map[jobdb.JobID][]jobdb.CommandRecord{}
	for _, c := range commands {
		tick := time.Duration(len(want[c.JobID])) * f.tick()
		want[c.JobID] = append(want[c.JobID], jobdb.CommandRecord{Command: c, Status: jobdb.CommandReceived, ReceptionTime: f.stored(noon).Add(tick)})
	}
	f.equal("commands", stored, want)
	for _, c := range []struct {
		command jobdb.Command
		class   error
		about   string
	}{
		{command(missingID, "Kill", ""), jobdb.ErrNotFound, asJSON(missingID)},
		{command(ids[0], strings.Repeat("x", 101), ""), jobdb.ErrInvalidValue, "Command"},
		{command(ids[0], "x", strings.Repeat("x", 101)), jobdb.ErrInvalidValue, "Arguments"},
	} {
		f.refused(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], "lost", ""), c.command}), c.class, c.about)
	}
	f.equal("commands taken", f.take(ids[1], missingID, ids[0], ids[1]), append(commands[1:], commands[0]))
	f.refused(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if _, err := tx.LockJobs(ctx, ids[:1]); err != nil {
			return err
		}
		if _, err := tx.DeleteJobs(ctx, ids[:1]); err != nil {
			return err
		}
		return tx.SetJobCommands(ctx, []jobdb.Command{command(ids[0], "lost", "")})
	}), jobdb.ErrNotFound, asJSON(ids[0]))
}

// A command equal to a pending one adds no row; to one that was sent it does.
func testPendingCommands(f *fixture) {
	id := f.addPlainJobs(1)[0]
	peek := command(id, "Peek", "x")
	for range 3 {
		f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{peek, peek}))
	}
	f.equal("commands taken", f.take(id), []jobdb.Command{peek})
	f.equal("commands taken again", f.take(id), []jobdb.Command(nil))
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{peek}))
	f.equal("commands taken of new", f.take(id), []jobdb.Command{peek})
}

// A command that waits for its job finds the equal one that was set meanwhile.
func testEqualCommandMeanwhile(f *fixture) {
	ids := f.addPlainJobs(1)
	kill := []jobdb.Command{command(ids[0], jobdb.KillCommand, "")}
	waits := make(chan error, 1)
	ask := sync.OnceFunc(func() {
		go func() { waits <- f.SetJobCommands(f.ctx, kill) }()
		time.Sleep(200 * time.Millisecond) // until it waits; a test that is slower finds nothing
	})
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if _, err := tx.LockJobs(ctx, ids); err != nil {
			return err
		}
		ask()
		return tx.SetJobCommands(ctx, kill)
	}))
	f.ok(<-waits)
	f.equal("commands taken", f.take(ids...), kill)
}

// Only what is handed out changes: commands of other jobs, and those that came later, stay as they
// are.
func testTakeJobCommands(f *fixture) {
	ids := f.addPlainJobs(2)
	first, other, later := command(ids[0], "Peek", "1"), command(ids[1], "Peek", "2"), command(ids[0], "Peek", "3")
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{first, other}))
	f.clock.advance(time.Minute)
	f.equal("commands taken", f.take(ids[0]), []jobdb.Command{first})
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{later}))
	stored, err := f.JobCommands(f.ctx, ids)
	f.ok(err)
	sent, now := f.stored(noon), f.stored(noon.Add(time.Minute))
	f.equal("commands", stored, map[jobdb.JobID][]jobdb.CommandRecord{
		ids[0]: {
			{Command: first, Status: jobdb.CommandSent, ReceptionTime: sent, ExecutionTime: now},
			{Command: later, Status: jobdb.CommandReceived, ReceptionTime: now},
		},
		ids[1]: {{Command: other, Status: jobdb.CommandReceived, ReceptionTime: sent}},
	})
	f.equal("no jobs", f.take(), []jobdb.Command(nil))
}

// A command that was sent too long ago is handed out once more, each time, until it is confirmed or
// too old; a Kill never is.
func testRedelivery(f *fixture) {
	id := f.addPlainJobs(1)[0]
	kill, peek, lower := command(id, jobdb.KillCommand, ""), command(id, jobdb.PeekCommand, ""), command(id, "kill", "")
	all := []jobdb.Command{kill, peek, lower}
	f.ok(f.SetJobCommands(f.ctx, all))
	f.equal("commands taken", f.take(id), all)
	f.clock.advance(redelivery)
	f.equal("when the time isn't over", f.take(id), []jobdb.Command(nil))
	f.clock.advance(time.Second)
	f.equal("when it is", f.take(id), all)
	f.equal("right after", f.take(id), []jobdb.Command(nil))
	f.clock.advance(redelivery + time.Second)
	f.confirm(jobdb.PeekCommand, []jobdb.JobID{id}, []jobdb.JobID{id})
	f.equal("after one was confirmed", f.take(id), []jobdb.Command{kill, lower})
	f.clock.advance(expiry)
	f.equal("when they are old", f.take(id), []jobdb.Command{kill})
	f.clock.advance(redelivery + time.Second)
	f.confirm(jobdb.KillCommand, []jobdb.JobID{id}, []jobdb.JobID{id})
	f.equal("after all", f.take(id), []jobdb.Command(nil))
}

// A command that was sent while the clock was ahead is handed out once more when the clock is right
// again: whoever should have got it may not have.
func testRedeliveryAfterClock(f *fixture) {
	id := f.addPlainJobs(1)[0]
	kill := []jobdb.Command{command(id, jobdb.KillCommand, "")}
	right := f.clock.now()
	f.clock.advance(26 * time.Hour)
	f.ok(f.SetJobCommands(f.ctx, kill))
	f.equal("commands taken", f.take(id), kill)
	f.clock.set(right)
	f.equal("when the clock is right", f.take(id), kill)
	f.equal("right after", f.take(id), []jobdb.Command(nil))
	f.clock.set(right.Add(-redelivery))
	f.equal("when the clock is behind by no more than the time", f.take(id), []jobdb.Command(nil))
}

// confirm confirms commands of jobs, and wants that these had some.
func (f *fixture) confirm(name string, ids, want []jobdb.JobID) {
	f.t.Helper()
	confirmed, err := f.ConfirmJobCommands(f.ctx, ids, name)
	f.ok(err)
	f.equal("jobs whose commands were confirmed", append([]jobdb.JobID{}, confirmed...), append([]jobdb.JobID{}, want...))
}

// Commands of the name that were sent are confirmed, and nothing else is.
func testConfirmJobCommands(f *fixture) {
	ids := f.addPlainJobs(2)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{
		command(ids[0], "Peek", "sent"), command(ids[0], "peek", "other"), command(ids[1], "Peek", "other job"),
	}))
	f.equal("commands taken", len(f.take(ids...)), 3)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], "Peek", "pending")}))
	f.confirm("Peek", []jobdb.JobID{ids[0], missingID}, ids[:1])
	f.confirm("Peek", ids[:1], nil)
	f.confirm("Peek", nil, nil)
	stored, err := f.JobCommands(f.ctx, ids)
	f.ok(err)
	states := map[string]string{}
	for _, record := range append(stored[ids[0]], stored[ids[1]]...) {
		states[record.Arguments] = record.Status
	}
	f.equal("states", states, map[string]string{
		"sent": jobdb.CommandConfirmed, "other": jobdb.CommandSent, "other job": jobdb.CommandSent, "pending": jobdb.CommandReceived,
	})
	f.ok(f.ExpireJobCommands(f.ctx, ids))
	stored, err = f.JobCommands(f.ctx, ids[:1])
	f.ok(err)
	f.equal("the state of a confirmed one", stored[ids[0]][0].Status, jobdb.CommandConfirmed)
}

// A job keeps its last commands, or each further one would take longer; none goes that it hasn't got,
// and none on a live database.
func testOldCommandsGo(f *fixture) {
	ids := f.addPlainJobs(2)
	const more = 100
	var many []jobdb.Command
	for _, id := range ids {
		for i := range jobdb.MaxCommands + more {
			many = append(many, command(id, jobdb.PeekCommand, strconv.Itoa(i)))
		}
	}
	f.ok(f.SetJobCommands(f.ctx, many))
	f.equal("commands taken", len(f.take(ids[0])), jobdb.MaxCommands+more)
	f.clock.advance(time.Hour) // where ticks are seconds the last ones are of then
	for i := range 2 {
		for _, id := range ids {
			f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(id, jobdb.KillCommand, "")}))
		}
		kept := jobdb.MaxCommands
		if f.Schema() != jobdb.SchemaOurs { // nothing goes there
			kept += more + i + 1
		}
		stored, err := f.JobCommands(f.ctx, ids)
		f.ok(err)
		f.equal("commands of the job that got them", len(stored[ids[0]]), kept)
		f.equal("the last", stored[ids[0]][kept-1].Command, command(ids[0], jobdb.KillCommand, ""))
		f.equal("commands of the other", len(stored[ids[1]]), jobdb.MaxCommands+more+1)
		taken := f.take(ids[0])
		f.equal("the command taken last", taken[len(taken)-1], command(ids[0], jobdb.KillCommand, ""))
	}
}

func testNoRedelivery(f *fixture) {
	ticking := &clock{at: noon}
	own := f.alone(jobdb.Options{Clock: ticking.now})
	id := own.addPlainJobs(1)[0]
	own.ok(own.SetJobCommands(f.ctx, []jobdb.Command{command(id, jobdb.KillCommand, "")}))
	own.equal("commands taken", len(own.take(id)), 1)
	ticking.advance(100 * 24 * time.Hour)
	own.equal("commands taken after 100 days", len(own.take(id)), 0)
}

// Rows that others marked Sent, without a time, are never handed out again.
func testCommandsOfOthers(f *fixture) {
	id := f.addPlainJobs(1)[0]
	raw := f.raw()
	insert := func(status, second string) {
		raw.exec(`INSERT INTO "JobCommands" ("JobID", "Command", "Arguments", "Status", "ReceptionTime") VALUES (` +
			asJSON(id) + `, 'Kill', '', '` + status + `', '2024-05-17 11:00:` + second + `')`)
	}
	insert("Sent", "01")
	insert("Received", "02")
	f.equal("commands taken", f.take(id), []jobdb.Command{command(id, "Kill", "")})
	stored, err := f.JobCommands(f.ctx, []jobdb.JobID{id})
	f.ok(err)
	f.equal("commands", stored[id], []jobdb.CommandRecord{
		{Command: command(id, "Kill", ""), Status: jobdb.CommandSent, ReceptionTime: at("2024-05-17 11:00:01")},
		{Command: command(id, "Kill", ""), Status: jobdb.CommandSent, ReceptionTime: at("2024-05-17 11:00:02"), ExecutionTime: f.stored(noon)},
	})
	f.clock.advance(time.Hour)
	f.equal("commands redelivered", len(f.take(id)), 1)
}

// What was expired is handed out no more, nor is what was sent; other jobs' commands are.
func testExpireJobCommands(f *fixture) {
	ids := f.addPlainJobs(2)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], jobdb.KillCommand, "sent"), command(ids[1], "Peek", "")}))
	f.equal("commands taken", len(f.take(ids[0])), 1)
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], "Peek", "pending")}))
	f.ok(f.ExpireJobCommands(f.ctx, []jobdb.JobID{ids[0], missingID}))
	f.clock.advance(time.Hour)
	f.equal("commands taken", f.take(ids...), []jobdb.Command{command(ids[1], "Peek", "")})
	stored, err := f.JobCommands(f.ctx, ids[:1])
	f.ok(err)
	for _, record := range stored[ids[0]] {
		f.equal("the state of "+record.Arguments, record.Status, jobdb.CommandExpired)
	}
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], "Peek", "pending")}))
	f.equal("a command like an expired one", f.take(ids[0]), []jobdb.Command{command(ids[0], "Peek", "pending")})
}
