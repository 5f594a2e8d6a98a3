package jobdb

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// MaxCommands is how many commands of a job are kept. Jobs get a few; the bound keeps each further
// command fast for a job that is sent thousands.
const MaxCommands = 1000

// SetJobCommands stores commands, which the jobs get with their next heartbeats in the order given.
// A command that equals a pending one of the same job is not stored again. When a job has more than
// [MaxCommands], its oldest commands that aren't pending are deleted; on live databases all are
// kept. Jobs that don't exist are a [NotFoundError], texts longer than their columns a
// [ValueError]; then nothing is stored.
func (a access) SetJobCommands(ctx context.Context, commands []Command) error {
	ids := make([]JobID, len(commands))
	for i, c := range commands {
		ids[i] = c.JobID
		if err := c.check(); err != nil {
			return err
		}
	}
	if len(commands) == 1 {
		if done, err := a.setFirstCommand(ctx, commands[0]); done || err != nil {
			return err
		}
	}
	return a.write(ctx, "set job commands", func(s *session) error {
		if err := s.lockExisting(ctx, ids); err != nil {
			return err
		}
		queues, err := s.commandQueues(ctx, ids)
		if err != nil {
			return err
		}
		err = s.insert(ctx, tables.JobCommands, tables.JobCommands.Columns, s.commandRows(commands, queues), "")
		if s.db.classOf(err) == engine.ClassDuplicate { // DiracX, which doesn't lock the job, took the same time
			return errors.Join(engine.ErrLost, err)
		}
		if err != nil {
			return err
		}
		return s.deleteOldCommands(ctx, queues)
	})
}

// deleteOldCommands deletes commands of jobs that have more than [MaxCommands].
func (s *session) deleteOldCommands(ctx context.Context, queues map[JobID]*commandQueue) error {
	if s.db.schema.Kind != schema.KindOurs {
		return nil
	}
	const text = `DELETE FROM "JobCommands" WHERE "JobID" = ? AND "ReceptionTime" < ? AND "Status" <> ?`
	for _, id := range slices.Sorted(maps.Keys(queues)) {
		q := queues[id]
		n := min(len(q.handedOut)+len(q.pending)-MaxCommands, len(q.handedOut))
		if n <= 0 {
			continue
		}
		slices.SortFunc(q.handedOut, time.Time.Compare)
		after := q.handedOut[n-1].Add(s.tick())
		if _, err := s.exec(ctx, text, int64(id), s.db.dialect.TimeBound(after), CommandReceived); err != nil {
			return err
		}
	}
	return nil
}

// setFirstCommand stores a command by a single statement. It does so only for a job that exists,
// has no pending command and none as late as this one, and has fewer than [MaxCommands] where that
// applies. Otherwise it stores nothing and done is false.
func (a access) setFirstCommand(ctx context.Context, c Command) (done bool, err error) {
	lock, now := a.db.dialect.Lock, a.db.now().UTC().Truncate(a.db.schema.Tick())
	text := `INSERT INTO "JobCommands" (` + tables.QuotedNames("", tables.JobCommands.Columns) + `)
		SELECT t."JobID", ?, ?, ?, ?, NULL FROM "Jobs" AS t WHERE t."JobID" = ? AND NOT EXISTS (
			SELECT 1 FROM "JobCommands" AS c WHERE c."JobID" = t."JobID" AND (c."Status" = ? OR c."ReceptionTime" >= ?)` + lock + `)`
	args := []any{c.Command, c.Arguments, CommandReceived, now, int64(c.JobID), CommandReceived, now}
	if a.db.schema.Kind == schema.KindOurs {
		text += ` AND (SELECT count(*) FROM "JobCommands" AS c WHERE c."JobID" = t."JobID") < ?`
		args = append(args, int64(MaxCommands))
	}
	n, err := a.writeAutocommit(ctx, "set job commands", text+lock, args...)
	return n > 0, err
}

func (c Command) check() error {
	columns := tables.JobCommands.Pick("Command", "Arguments")
	for i, text := range []string{c.Command, c.Arguments} {
		if err := checkLength(columns[i], text); err != nil {
			return &ValueError{Job: c.JobID, Column: columns[i].Name, Reason: err.Error()}
		}
	}
	return nil
}

// commandRows are the rows of JobCommands for those of the commands that aren't pending yet.
func (s *session) commandRows(commands []Command, queues map[JobID]*commandQueue) [][]any {
	var rows [][]any
	now := s.time(s.db.now())
	for _, c := range commands {
		if at, added := queues[c.JobID].add(c, now, s.tick()); added {
			rows = append(rows, []any{int64(c.JobID), c.Command, c.Arguments, CommandReceived, at, nil})
		}
	}
	return rows
}

// commandQueue is what must be known of a job's commands to add another one and to delete old ones.
type commandQueue struct {
	last      time.Time // of any command
	pending   map[Command]bool
	handedOut []time.Time // the ReceptionTimes of those that aren't pending
}

// add returns the time to store a command under, or false if it is pending already. A job gets its
// commands in the order of their times, so each time is later than all before it.
func (q *commandQueue) add(c Command, now time.Time, tick time.Duration) (at time.Time, added bool) {
	if q.pending[c] {
		return time.Time{}, false
	}
	q.pending[c] = true
	if !now.After(q.last) {
		now = q.last.Add(tick)
	}
	q.last = now
	return now, true
}

func (s *session) commandQueues(ctx context.Context, ids []JobID) (map[JobID]*commandQueue, error) {
	queues := make(map[JobID]*commandQueue, len(ids))
	for _, id := range ids {
		queues[id] = &commandQueue{pending: map[Command]bool{}}
	}
	columns := tables.JobCommands.Pick("JobID", "Command", "Arguments", "Status", "ReceptionTime")
	err := s.readRows(ctx, tables.JobCommands, columns, ids, "", func(row []scanned) error {
		q := queues[row[0].id()]
		if at := row[4].time(); at.After(q.last) {
			q.last = at
		}
		if row[3].text() == CommandReceived {
			q.pending[Command{row[0].id(), row[1].text(), row[2].text()}] = true
		} else {
			q.handedOut = append(q.handedOut, row[4].time())
		}
		return nil
	})
	return queues, err
}

// TakeJobCommands returns the pending commands of the jobs, by job and then in the order in which
// they were set, and marks them Sent. Each goes to one caller only, even when several ask at once;
// on a [Tx] it is the caller's once the transaction is committed.
//
// A command may get lost on its way to the job. So it is returned again after
// [Options.CommandRedelivery], until [DB.ConfirmJobCommands] or [DB.ExpireJobCommands] closes it,
// or it is older than [Options.CommandExpiry]; a Kill never gets too old. Commands that were sent
// while the clock was ahead are returned again once the clock is right.
func (a access) TakeJobCommands(ctx context.Context, ids []JobID) ([]Command, error) {
	var taken []CommandRecord
	err := a.write(ctx, "take job commands", func(s *session) error {
		now := s.time(s.db.now())
		var err error
		taken, err = s.takePending(ctx, ids, now)
		if err != nil || s.db.dialect.Returning {
			return err
		}
		return s.markSent(ctx, taken, now)
	})
	slices.SortFunc(taken, func(a, b CommandRecord) int {
		return cmp.Or(cmp.Compare(a.JobID, b.JobID), a.ReceptionTime.Compare(b.ReceptionTime))
	})
	var commands []Command
	for _, c := range taken {
		commands = append(commands, c.Command)
	}
	return commands, err
}

// takePending reads the jobs' pending commands. Where an UPDATE can return its rows it marks them
// Sent, too; elsewhere it locks them.
func (s *session) takePending(ctx context.Context, ids []JobID, now time.Time) ([]CommandRecord, error) {
	var taken []CommandRecord
	columns := tables.JobCommands.Pick("JobID", "Command", "Arguments", "ReceptionTime")
	err := s.eachIDBatch(ids, func(in string, args []any) error {
		text, args := s.takeStatement(columns, in, args, now)
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			c := Command{row[0].id(), row[1].text(), row[2].text()}
			taken = append(taken, CommandRecord{Command: c, ReceptionTime: row[3].time()})
			return nil
		}))
	})
	return taken, err
}

// takeStatement is the statement of takePending. It skips rows that another transaction has locked:
// that one is about to hand them out.
func (s *session) takeStatement(columns []tables.Column, in string, args []any, now time.Time) (string, []any) {
	const sent = `"Status" = ?, "ExecutionTime" = ?`
	d := s.db.dialect
	pending, args := s.pendingCommands(args, now)
	pendingRows := selectRows(tables.JobCommands, columns, in) + pending + d.SkipLocked
	if !d.Returning {
		return pendingRows, args
	}
	args = slices.Concat([]any{CommandSent, d.Argument(now)}, args)
	if d.SkipLocked == "" { // SQLite has one writer at a time
		return `UPDATE "JobCommands" AS t SET ` + sent + ` WHERE t."JobID"` + in + pending + " RETURNING " + tables.QuotedNames("", columns), args
	}
	return updateFrom(sent, pendingRows) + " RETURNING " + tables.QuotedNames(`"JobCommands".`, columns), args
}

// markSent marks commands that this transaction has locked.
func (s *session) markSent(ctx context.Context, taken []CommandRecord, now time.Time) error {
	// DIRAC's table has the first three as its key.
	columns := tables.JobCommands.Pick("JobID", "Arguments", "ReceptionTime", "Status", "ExecutionTime")
	rows := make([][]any, len(taken))
	for i, c := range taken {
		rows[i] = []any{int64(c.JobID), c.Arguments, c.ReceptionTime, CommandSent, now}
	}
	_, err := s.update(ctx, tables.JobCommands, columns, 3, rows, "")
	return err
}

// pendingCommands is the rest of a condition, and its arguments: commands to hand out, including
// those that are due again.
func (s *session) pendingCommands(args []any, now time.Time) (string, []any) {
	text := ` AND (t."Status" = ?`
	args = append(args, CommandReceived)
	o, bound := s.db.options, s.db.dialect.TimeBound
	if o.CommandRedelivery > 0 {
		text += ` OR t."Status" = ? AND (t."ExecutionTime" < ? OR t."ExecutionTime" > ?)` // the latter were sent while the clock was ahead
		args = append(args, CommandSent, bound(now.Add(-o.CommandRedelivery)), bound(now.Add(o.CommandRedelivery)))
		if o.CommandExpiry > 0 {
			text += ` AND (t."ReceptionTime" > ? OR ` + s.byteExact(tables.JobCommands, "Command") + " = ?)"
			args = append(args, bound(now.Add(-o.CommandExpiry)), KillCommand)
		}
	}
	return text + ")", args
}

// ExpireJobCommands marks as Expired the jobs' commands that are pending or might be sent again, so
// that they are handed out no more.
func (a access) ExpireJobCommands(ctx context.Context, ids []JobID) error {
	const open = ` AND (t."Status" = ? OR t."Status" = ? AND t."ExecutionTime" IS NOT NULL)`
	return a.write(ctx, "expire job commands", func(s *session) error {
		return s.closeCommands(ctx, ids, CommandExpired, open, CommandReceived, CommandSent)
	})
}

// ConfirmJobCommands marks as Confirmed the commands of this name that were sent to the jobs, so
// that they are handed out no more. Call it when a job's report shows that it obeyed. It returns
// the jobs that had such commands, in ascending order.
func (a access) ConfirmJobCommands(ctx context.Context, ids []JobID, command string) (confirmed []JobID, err error) {
	columns := tables.JobCommands.Pick("JobID")
	err = a.write(ctx, "confirm job commands", func(s *session) error {
		confirmed = nil
		sent := ` AND t."Status" = ? AND t."ExecutionTime" IS NOT NULL AND ` + s.byteExact(tables.JobCommands, "Command") + " = ?"
		err := s.eachIDBatch(ids, func(in string, args []any) error {
			text := selectRows(tables.JobCommands, columns, in) + sent + commandOrder + s.db.dialect.Lock
			return s.query(ctx, text, append(args, CommandSent, command), scanRows(columns, func(row []scanned) error {
				confirmed = append(confirmed, row[0].id())
				return nil
			}))
		})
		if err != nil {
			return err
		}
		confirmed = sorted(confirmed)
		return s.closeCommands(ctx, confirmed, CommandConfirmed, sent, CommandSent, command)
	})
	return confirmed, err
}

// commandOrder is the order in which commands are read and locked: calls with jobs in common don't
// deadlock.
const commandOrder = ` ORDER BY t."JobID", t."ReceptionTime"`

// closeCommands gives a last status to those commands of the jobs that a condition selects.
func (s *session) closeCommands(ctx context.Context, ids []JobID, status, condition string, values ...any) error {
	return s.eachIDBatch(ids, func(in string, args []any) error {
		text := `UPDATE "JobCommands" AS t SET "Status" = ? WHERE t."JobID"` + in + condition
		if s.db.dialect.LockSource != "" && len(ids) > 1 { // else calls with jobs in common lock them in different orders
			text = updateFrom(`"Status" = ?`, selectRows(tables.JobCommands, tables.JobCommands.Pick("JobID", "ReceptionTime"), in)+condition+
				commandOrder+s.db.dialect.Lock)
		}
		_, err := s.exec(ctx, text, slices.Concat([]any{status}, args, values)...)
		return err
	})
}

// updateFrom is an UPDATE of the commands that a query selects.
func updateFrom(set, query string) string {
	return `UPDATE "JobCommands" SET ` + set + " FROM (" + query + `) AS s WHERE "JobCommands"."JobID" = s."JobID"` +
		` AND "JobCommands"."ReceptionTime" = s."ReceptionTime"`
}

// JobCommands returns all commands of the jobs in the order in which they were set.
func (a access) JobCommands(ctx context.Context, ids []JobID) (map[JobID][]CommandRecord, error) {
	commands := make(map[JobID][]CommandRecord)
	t := tables.JobCommands
	err := a.readRows(ctx, "read job commands", t, t.Columns, ids, commandOrder, func(row []scanned) error {
		id := row[0].id()
		commands[id] = append(commands[id], CommandRecord{
			Command: Command{id, row[1].text(), row[2].text()},
			Status:  row[3].text(), ReceptionTime: row[4].time(), ExecutionTime: row[5].time(),
		})
		return nil
	})
	return commands, err
}
