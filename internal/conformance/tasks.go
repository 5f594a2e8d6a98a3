package conformance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file does background work that one of several servers does at a time.
var taskTests = []conformanceTest{
	{"TaskOfOneServer", testTaskOfOneServer},
	{"TaskIsTakenOver", testTaskIsTakenOver},
	{"TaskOfClocksApart", testTaskOfClocksApart},
	{"TaskState", testTaskState},
}

// servers opens the database of the fixture once more for each server, but in memory, where it can't.
func (f *fixture) servers(n int, options jobdb.Options) []*jobdb.DB {
	f.t.Helper()
	list := make([]*jobdb.DB, n)
	for i := range list {
		if list[i] = f.DB; !f.traits.InMemory {
			if f.historyAddress != f.address {
				options.HistoryURL = f.historyAddress
			}
			list[i] = f.suite.opened(f.test, f.address, options)
		}
	}
	return list
}

// keepsTasks tells databases of our own schema from live ones, on which each server does all.
func (f *fixture) keepsTasks() bool {
	if f.Schema() == jobdb.SchemaOurs {
		return true
	}
	ran, err := f.RunTask(f.ctx, jobdb.Task{Name: "x", Every: time.Hour, Run: func(context.Context, string) (string, error) { return "", nil }})
	f.ok(err)
	f.equal("ran on a live database", ran, true)
	return false
}

// Of several servers one does a task at a time, again and again.
func testTaskOfOneServer(f *fixture) {
	if !f.keepsTasks() {
		return
	}
	if f.traits.InMemory { // whose only DB has a clock that stands still
		f = f.alone(jobdb.Options{})
	}
	const wanted = 8
	var active, runs atomic.Int64
	ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
	defer cancel()
	task := jobdb.Task{Name: "count", Every: 20 * time.Millisecond, Run: func(context.Context, string) (string, error) {
		if n := active.Add(1); n != 1 {
			f.t.Errorf("%d servers do a task at the same time", n)
		}
		time.Sleep(5 * time.Millisecond)
		active.Add(-1)
		if runs.Add(1) >= wanted {
			cancel()
		}
		return "", nil
	}}
	var running sync.WaitGroup
	for _, server := range f.servers(3, jobdb.Options{}) {
		running.Go(func() { server.RunTasks(ctx, task) })
	}
	running.Wait()
	if n := runs.Load(); n < wanted {
		f.t.Errorf("the task was done %d times, want %d", n, wanted)
	}
}

// A server whose clock is a second behind neither takes a task over that another server does, nor does it
// again because it thinks that it is early.
func testTaskOfClocksApart(f *fixture) {
	if !f.keepsTasks() || f.traits.InMemory { // which has one clock
		return
	}
	now := f.clock.now()
	f.clock.advance(now.Truncate(time.Hour).Add(time.Hour).Sub(now)) // when the task is due
	right := f.servers(1, jobdb.Options{Clock: f.clock.now})[0]
	behind := f.servers(1, jobdb.Options{Clock: func() time.Time { return f.clock.now().Add(-time.Second) }})[0]
	begun, goOn, done := make(chan bool), make(chan bool), make(chan error)
	task := jobdb.Task{Name: "clocks apart", Every: time.Hour, Run: func(context.Context, string) (string, error) {
		close(begun)
		<-goOn
		return "", nil
	}}
	go func() {
		_, err := right.RunTask(f.ctx, task)
		done <- err
	}()
	<-begun
	var again atomic.Int64
	task.Run = func(context.Context, string) (string, error) {
		again.Add(1)
		return "", nil
	}
	ran, err := behind.RunTask(f.ctx, task)
	f.ok(err)
	f.equal("done by two servers", ran, false)
	close(goOn)
	f.ok(<-done)
	ctx, cancel := context.WithTimeout(f.ctx, 200*time.Millisecond)
	defer cancel()
	behind.RunTasks(ctx, task)
	f.equal("done again before it is due", again.Load(), int64(0))
}

// A server that gives no sign of life for a minute loses its task, and what it does at its end
// changes nothing any more.
func testTaskIsTakenOver(f *fixture) {
	if !f.keepsTasks() {
		return
	}
	servers := f.servers(2, jobdb.Options{Clock: f.clock.now})
	begun, goOn, first := make(chan bool), make(chan bool), make(chan error)
	task := jobdb.Task{Name: "taken over", Every: time.Hour, Run: func(context.Context, string) (string, error) {
		close(begun)
		<-goOn
		return "late", nil
	}}
	go func() {
		_, err := servers[0].RunTask(f.ctx, task)
		first <- err
	}()
	<-begun
	task.Run = func(_ context.Context, state string) (string, error) {
		f.equal("the state", state, "")
		return "in time", nil
	}
	ran, err := servers[1].RunTask(f.ctx, task)
	f.ok(err)
	f.equal("ran beside another server", ran, false)
	f.clock.advance(61 * time.Second)
	ran, err = servers[1].RunTask(f.ctx, task)
	f.ok(err)
	f.equal("ran after a minute", ran, true)
	close(goOn)
	if err := <-first; err == nil {
		f.t.Errorf("the first server wasn't told that its task was taken over")
	}
	task.Run = func(_ context.Context, state string) (string, error) {
		f.equal("the state after both", state, "in time")
		return "", nil
	}
	ran, err = servers[0].RunTask(f.ctx, task)
	f.ok(err)
	f.equal("ran again", ran, true)

	// A clock that was set back leaves no lease that nobody can take.
	f.clock.advance(-24 * time.Hour)
	ran, err = servers[1].RunTask(f.ctx, task)
	f.ok(err)
	f.equal("ran after the clock was set back", ran, true)
}

// A task gets the state that its last run returned, also one that failed; an empty one changes
// nothing.
func testTaskState(f *fixture) {
	if !f.keepsTasks() {
		return
	}
	failed := errors.New("failed")
	for _, step := range []struct {
		before, after string
		err           error
	}{{"", "a", nil}, {"a", "", nil}, {"a", "b 'é\"\\", failed}, {"b 'é\"\\", "", failed}, {"b 'é\"\\", "c", nil}} {
		ran, err := f.RunTask(f.ctx, jobdb.Task{Name: "state", Every: time.Hour, Run: func(_ context.Context, state string) (string, error) {
			f.equal("the state", state, step.before)
			return step.after, step.err
		}})
		f.equal("ran", ran, true)
		if !errors.Is(err, step.err) {
			f.t.Errorf("got the error %v, want: %v", err, step.err)
		}
	}
	state, err := f.TaskState(f.ctx, "state")
	f.ok(err)
	f.equal("the last state", state, "c")
}
