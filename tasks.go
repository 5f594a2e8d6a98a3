package jobdb

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// Task is background work on a database that one of all its servers does at a time.
type Task struct {
	Name  string        // at most 64 characters
	Every time.Duration // runs are due at the times that [time.Time.Truncate] gives for it

	// Run does the work. It gets the state that the run before it returned, "" the first time, and
	// returns its own, which is kept unless it is "" or another server has taken the task over. Its
	// context ends when that happens. Work that was cut short is done again by the next run, so it
	// must be safe to repeat.
	Run func(ctx context.Context, state string) (next string, err error)
}

const (
	// taskLease is how long a server has a task without a sign of life. Then another one may take it.
	taskLease = time.Minute
	taskPoll  = 15 * time.Second // how often a server looks whether a task is due, or free again
	taskRetry = time.Minute      // after a run that failed
)

// errTaskTaken ends a run whose task another server has taken.
var errTaskTaken = errors.New("another server has taken the task over, because this one gave no sign of life for a minute")

// RunTasks runs tasks whenever they are due, until ctx ends and the last one has returned. Of several
// servers on one database one does a task at a time; another takes over when that one ends. What
// fails is told to [Options.Logger], and tried again a minute later.
//
// Only jobdb's own databases record which server does a task. On others every server that calls
// RunTasks does it.
func (db *DB) RunTasks(ctx context.Context, tasks ...Task) {
	var running sync.WaitGroup
	for _, task := range tasks {
		running.Go(func() { db.taskLoop(ctx, task) })
	}
	running.Wait()
}

// hasTaskTable reports whether this database records which server does a task. The migration that
// made the table Series made Tasks, too.
func (db *DB) hasTaskTable() bool { return db.schema.Series }

func (db *DB) taskLoop(ctx context.Context, task Task) {
	state := "" // where the database keeps none
	for wait := time.Duration(0); engine.Sleep(ctx, wait) == nil; {
		var err error
		if db.hasTaskTable() {
			wait, err = db.runIfDue(ctx, task)
		} else {
			wait, err = db.runAlways(ctx, task, &state)
		}
		if err != nil && ctx.Err() == nil {
			db.options.Logger.WarnContext(ctx, "a background task failed; it is tried again", "task", task.Name, "in", wait, "error", err)
		}
	}
}

// runIfDue runs a task if it is due and nobody else has it, and returns when to look again.
func (db *DB) runIfDue(ctx context.Context, task Task) (wait time.Duration, err error) {
	lease := db.newLease(task)
	taken, wait, err := lease.take(ctx, true)
	if err != nil {
		return taskRetry, err
	}
	if !taken {
		return wait, nil
	}
	if err := lease.run(ctx); err != nil {
		return min(taskRetry, task.Every), err
	}
	return min(taskPoll, db.untilNext(task)), nil
}

// runAlways runs a task of a database that doesn't keep who does it, and returns when to do so again.
func (db *DB) runAlways(ctx context.Context, task Task, state *string) (wait time.Duration, err error) {
	next, err := task.Run(ctx, *state)
	if next != "" {
		*state = next
	}
	if err != nil {
		return min(taskRetry, task.Every), err
	}
	return db.untilNext(task), nil
}

// TaskState returns the state that the last run of a task left, "" if there was none.
func (db *DB) TaskState(ctx context.Context, name string) (state string, err error) {
	if !db.hasTaskTable() {
		return "", nil
	}
	err = db.read(ctx, "read the state of the task "+name, func(s *session) error {
		text := `SELECT t."State" FROM "Tasks" AS t WHERE t."Name" = ?`
		return s.query(ctx, text, []any{name}, scanRows(tables.Tasks.Pick("State"), func(row []scanned) error {
			state = row[0].text()
			return nil
		}))
	})
	return state, err
}

// RunTask runs a task now, whether it is due or not, unless another server does it at the moment;
// then ran is false.
func (db *DB) RunTask(ctx context.Context, task Task) (ran bool, err error) {
	if !db.hasTaskTable() {
		_, err := task.Run(ctx, "")
		return true, err
	}
	lease := db.newLease(task)
	if taken, _, err := lease.take(ctx, false); err != nil || !taken {
		return false, err
	}
	return true, lease.run(ctx)
}

// untilNext is how long it is until a task is due again.
func (db *DB) untilNext(task Task) time.Duration {
	now := db.now()
	return nextRun(task, now).Sub(now)
}

// nextRun is the first time after now at which a task is due.
func nextRun(task Task, now time.Time) time.Time {
	return now.Truncate(task.Every).Add(task.Every)
}

// lease is one run of a task by this server.
type lease struct {
	db     *DB
	task   Task
	holder string
	due    time.Time
	state  string // that the run before left
}

func (db *DB) newLease(task Task) *lease {
	host, _ := os.Hostname() // it only helps people
	return &lease{db: db, task: task, holder: host[:min(len(host), 60)] + "/" + itoa(os.Getpid()) + "/" + rand.Text()}
}

// taskRow is the row of a task.
type taskRow struct {
	holder      string
	until, next time.Time
	state       string
}

// free reports whether no server has the task. A lease that is far too long was made before a clock
// was set back, and doesn't count. One that is a little too long is of a server whose clock is a
// little ahead of ours.
func (r taskRow) free(now time.Time) bool {
	return !r.until.After(now) || r.until.After(now.Add(2*taskLease))
}

// due reports whether it is time for the task. A next time that is far too far away was set before
// a clock was set back, or when the task was done more seldom, and doesn't count.
func (r taskRow) due(now time.Time, task Task) bool {
	return !r.next.After(now) || r.next.After(now.Add(2*task.Every))
}

// take takes the task unless another server has it, with onlyDue only if it is due. If it doesn't
// take it, wait is how long to wait before trying again.
func (l *lease) take(ctx context.Context, onlyDue bool) (taken bool, wait time.Duration, err error) {
	err = l.db.write(ctx, "take the task "+l.task.Name, func(s *session) error {
		taken = false
		now := s.time(l.db.now())
		row, found, err := l.read(ctx, s)
		if err != nil {
			return err
		}
		if onlyDue && found && !row.due(now, l.task) {
			wait = min(taskPoll, row.next.Sub(now))
			return nil
		}
		if found && !row.free(now) {
			wait = min(taskPoll, row.until.Sub(now))
			return nil
		}
		if !found {
			row.next = now
		}
		taken, l.due, l.state = true, row.next, row.state
		mine := taskRow{holder: l.holder, until: now.Add(taskLease), next: row.next, state: row.state}
		if found {
			return l.store(ctx, s, mine)
		}
		err = s.insert(ctx, tables.Tasks, tables.Tasks.Columns, [][]any{mine.values(l.task.Name)}, "")
		if s.db.classOf(err) == engine.ClassDuplicate { // another server did, just now
			return errors.Join(engine.ErrLost, err)
		}
		return err
	})
	return taken && err == nil, wait, err
}

// read reads the task's row, which nobody else changes until the transaction ends.
func (l *lease) read(ctx context.Context, s *session) (row taskRow, found bool, err error) {
	text := "SELECT " + tables.QuotedNames("t.", tables.Tasks.Columns) + ` FROM "Tasks" AS t WHERE t."Name" = ?` + s.db.dialect.Lock
	err = s.query(ctx, text, []any{l.task.Name}, scanRows(tables.Tasks.Columns, func(cells []scanned) error {
		row, found = taskRow{cells[1].text(), cells[2].time(), cells[3].time(), cells[4].text()}, true
		return nil
	}))
	return row, found, err
}

func (r taskRow) values(name string) []any { return []any{name, r.holder, r.until, r.next, r.state} }

func (l *lease) store(ctx context.Context, s *session, row taskRow) error {
	_, err := s.update(ctx, tables.Tasks, tables.Tasks.Columns, 1, [][]any{row.values(l.task.Name)}, "")
	return err
}

// change changes the row if this server still has the task, else it is errTaskTaken.
func (l *lease) change(ctx context.Context, how func(row *taskRow, now time.Time)) error {
	return l.db.write(ctx, "keep the task "+l.task.Name, func(s *session) error {
		row, found, err := l.read(ctx, s)
		if err != nil {
			return err
		}
		if !found || row.holder != l.holder {
			return errTaskTaken
		}
		how(&row, s.time(l.db.now()))
		return l.store(ctx, s, row)
	})
}

// run does the work, gives signs of life meanwhile, and gives the task back.
func (l *lease) run(ctx context.Context) error {
	l.db.options.Logger.DebugContext(ctx, "a background task begins", "task", l.task.Name, "due", l.due)
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var renewing sync.WaitGroup
	renewing.Go(func() { l.renew(working, cancel) })
	state, err := l.task.Run(working, l.state)
	if cause := context.Cause(working); errors.Is(cause, errTaskTaken) {
		err = errors.Join(errTaskTaken, err)
	}
	cancel(nil)
	renewing.Wait()
	ended, stop := context.WithTimeout(context.WithoutCancel(ctx), taskPoll) // the task is given back even when the server ends
	defer stop()
	back := l.change(ended, func(row *taskRow, now time.Time) {
		row.until, row.next = now, nextRun(l.task, now)
		if err != nil {
			row.next = now.Add(min(taskRetry, l.task.Every))
		}
		if ctx.Err() != nil { // another server may go on at once
			row.next = now
		}
		if state != "" {
			row.state = state
		}
	})
	if errors.Is(err, errTaskTaken) {
		return err
	}
	if err = errors.Join(err, back); err == nil {
		l.db.options.Logger.DebugContext(ctx, "a background task is done", "task", l.task.Name, "due", l.due)
	}
	return err
}

// renew extends the lease until ctx ends. If that fails twice in a row, which takes 40 s at most,
// it ends the run before the lease ends.
func (l *lease) renew(ctx context.Context, cancel context.CancelCauseFunc) {
	for failed := 0; engine.Sleep(ctx, taskLease/6) == nil; {
		trying, stop := context.WithTimeout(ctx, taskLease/6)
		err := l.change(trying, func(row *taskRow, now time.Time) { row.until = now.Add(taskLease) })
		stop()
		if failed++; err == nil {
			failed = 0
		}
		if errors.Is(err, errTaskTaken) || failed == 2 {
			cancel(errTaskTaken)
			return
		}
	}
}
