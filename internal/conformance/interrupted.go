package conformance

import (
	"context"
	"fmt"
	"time"

	"jobdb"
)

// This file ends queries in the server, as an administrator does, and as a late request to cancel
// another query does.
var interruptTests = []conformanceTest{
	{"InterruptedWriter", testInterruptedWriter},
	{"InterruptedReader", testInterruptedReader},
	{"CancelledConnection", testCancelledConnection},
}

// A write that somebody else ended is made all the same, once; but who ends it each time means it.
func testInterruptedWriter(f *fixture) {
	f.needServer("in which anybody could end a query")
	for times, class := range map[int]error{1: nil, 2: nil, 3: jobdb.ErrUnavailable} {
		id := f.addPlainJobs(1)[0]
		release := f.heldJob(id)
		ended := make(chan error, 1)
		go func() {
			ended <- f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
				if err := tx.SetJobCommands(ctx, []jobdb.Command{command(id, "Peek", "")}); err != nil {
					return err
				}
				_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"JobGroup": "set", "UserPriority": 1}}, false)
				return err
			})
		}()
		raw := f.raw()
		for range times {
			raw.interrupt("FOR UPDATE")
		}
		release()
		f.only(fmt.Sprint("ended ", times, " times"), <-ended, class)
		commands := 1
		if class != nil {
			commands = 0
		}
		f.equal("commands", len(f.take(id)), commands)
	}
}

// A query that somebody else ended before it gave a row is asked again.
func testInterruptedReader(f *fixture) {
	f.needServer("in which anybody could end a query")
	id := f.addPlainJobs(1)[0]
	raw := f.raw()
	lock, unlock := `LOCK TABLES "Jobs" WRITE`, "UNLOCK TABLES"
	if f.Engine() == "postgres" {
		lock, unlock = `BEGIN; LOCK TABLE "Jobs" IN ACCESS EXCLUSIVE MODE`, "ROLLBACK"
	}
	holder, err := raw.db.Conn(f.ctx)
	f.ok(err)
	defer holder.Close()
	_, err = holder.ExecContext(f.ctx, lock)
	f.ok(err)
	ended := make(chan error, 1)
	go func() {
		_, err := f.Job(f.ctx, jobdb.Scope{VO: f.vo}, id)
		ended <- err
	}()
	raw.interrupt("SELECT")
	_, err = holder.ExecContext(f.ctx, unlock)
	f.ok(err)
	f.ok(<-ended)
}

// Nobody gets a connection after a call on which was cancelled: the request to cancel might come
// late.
func testCancelledConnection(f *fixture) {
	f.needServer("in which anybody could end a query")
	if f.traits.NoKill {
		f.test.Skip("on a pool that was given only its owner can do that")
	}
	id := f.addPlainJobs(1)[0]
	defer f.heldJob(id)()
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.SetJobCommands(ctx, []jobdb.Command{command(id, "Lost", "")}) }()
	raw := f.raw()
	connection := raw.waitFor("FOR UPDATE")
	cancel()
	f.only("the cancelled call", <-ended, context.Canceled)
	query := "SELECT count(*) FROM information_schema.processlist WHERE id = "
	if f.Engine() == "postgres" {
		query = "SELECT count(*) FROM pg_stat_activity WHERE pid = "
	}
	if !f.within(time.Second, func() bool { return raw.number(query+fmt.Sprint(connection)) == 0 }) {
		f.t.Errorf("the connection of a cancelled call is still there")
	}
}

// needServer ends a test on SQLite.
func (f *fixture) needServer(why string) {
	f.t.Helper()
	if f.Engine() == "sqlite" {
		f.test.Skip("there is no server " + why)
	}
}

// heldJob lets a transaction hold the job until the function is called that it returns.
func (f *fixture) heldJob(id jobdb.JobID) (release func()) {
	f.t.Helper()
	held, let, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Site": "held"}}, false)
			close(held)
			<-let
			return err
		})
	}()
	<-held
	return func() {
		f.t.Helper()
		close(let)
		f.ok(<-ended)
	}
}

// waitFor waits for a statement on jobs that has this part, and returns its connection's number.
func (r *rawDB) waitFor(part string) (connection int64) {
	r.f.t.Helper()
	if !r.f.within(10*time.Second, func() bool {
		connection = r.number("SELECT COALESCE(MAX(" + r.connectionID() + "), 0)" + r.statements(part))
		return connection != 0
	}) {
		r.f.t.Fatalf("the server never ran the statement with %q", part)
	}
	return connection
}

// interrupt waits for such a statement, and ends it.
func (r *rawDB) interrupt(part string) {
	r.f.t.Helper()
	connection := r.waitFor(part)
	if r.f.Engine() == "postgres" {
		r.exec(fmt.Sprintf("SELECT pg_cancel_backend(%d)", connection))
	} else {
		r.exec(fmt.Sprintf("KILL QUERY %d", connection))
	}
	r.f.within(time.Second, func() bool { // it may run again at once
		return r.number("SELECT count(*)"+r.statements(part)+" AND "+r.connectionID()+" = "+fmt.Sprint(connection)) == 0
	})
}
