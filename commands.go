package jobdb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// SetJobCommands stores commands to be handed out with the jobs' next
// heartbeats, in the order given. A command equal to one of that job that is
// still pending adds nothing. Jobs that don't exist are a [NotFoundError].
func (a access) SetJobCommands(ctx context.Context, commands []Command) error {
	columns := tables.JobCommands.Columns
	ids := make([]JobID, len(commands))
	for i, c := range commands {
		ids[i] = c.JobID
		for j, text := range []string{c.Command, c.Arguments} {
			if err := checkLength(columns[j+1], text); err != nil {
				return &ValueError{Job: c.JobID, Column: columns[j+1].Name, Reason: err.Error()}
			}
		}
	}
	return a.write(ctx, "set job commands", func(s *session) error {
		found, err := s.lockedJobs(ctx, ids)
		if err != nil {
			return err
		}
		if missing := slices.DeleteFunc(sorted(ids), func(id JobID) bool { return found[id] }); len(missing) > 0 {
			return &NotFoundError{Jobs: missing}
		}
		queues, err := s.commandQueues(ctx, ids)
		if err != nil {
			return err
		}
		var rows [][]any
		now := s.time(s.db.now())
		for _, c := range commands {
			if at, isNew := queues[c.JobID].add(c, now, s.tick()); isNew {
				rows = append(rows, []any{int64(c.JobID), c.Command, c.Arguments, CommandReceived, at, nil})
			}
		}
		err = s.insert(ctx, tables.JobCommands, columns, rows, "")
		if s.db.classOf(err) == engine.ClassDuplicate { // the reference took this tick; it holds no lock on the job
			return errors.Join(engine.ErrLost, err)
		}
		return err
	})
}

// commandQueue is what must be known of a job's commands to add one.
type commandQueue struct {
	last    time.Time // of any command
	pending map[Command]bool
}

// add gives the time under which a command is to be stored: commands of one job come
// back in the order of their times, so each gets one later than all before.
func (q *commandQueue) add(c Command, now time.Time, tick time.Duration) (time.Time, bool) {
	if q.pending[c] {
		return time.Time{}, false
	}
	q.pending[c] = true
	if next := q.last.Add(tick); !now.After(q.last) {
		now = next
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
		}
		return nil
	})
	return queues, err
}

// TakeJobCommands hands out the pending commands of the jobs, ordered by job
// and then as they were set, and marks them Sent: each goes to one caller
// only, whatever runs at once. A Kill that was sent longer than
// [Options.CommandRedelivery] ago is handed out again. On a [Tx] the commands
// are the caller's once it is committed.
func (a access) TakeJobCommands(ctx context.Context, ids []JobID) ([]Command, error) {
	var taken []CommandRecord
	err := a.write(ctx, "take job commands", func(s *session) error {
		taken = nil
		now := s.time(s.db.now())
		columns := tables.JobCommands.Pick("JobID", "Command", "Arguments", "ReceptionTime")
		err := s.eachIDBatch(ids, func(in string, args []any) error {
			pending, args := s.pendingCommands(args, now)
			text := selectRows(tables.JobCommands, columns, in) + pending + s.db.dialect.SkipLocked
			const sent = `"Status" = ?, "ExecutionTime" = ?`
			switch d := s.db.dialect; {
			case d.Returning && d.SkipLocked == "": // nobody else writes
				text = `UPDATE "JobCommands" AS t SET ` + sent + ` WHERE t."JobID"` + in + pending + " RETURNING " + tables.QuotedNames("", columns)
			case d.Returning:
				text = updateFrom(sent, text) + " RETURNING " + tables.QuotedNames(`"JobCommands".`, columns)
			}
			if s.db.dialect.Returning {
				args = append([]any{CommandSent, s.db.dialect.Argument(now)}, args...)
			}
			return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
				c := Command{row[0].id(), row[1].text(), row[2].text()}
				taken = append(taken, CommandRecord{Command: c, ReceptionTime: row[3].time()})
				return nil
			}))
		})
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

// markSent marks commands that this transaction has locked.
func (s *session) markSent(ctx context.Context, taken []CommandRecord, now time.Time) error {
	// The first three are a key everywhere, on a legacy schema too.
	columns := tables.JobCommands.Pick("JobID", "Arguments", "ReceptionTime", "Status", "ExecutionTime")
	rows := make([][]any, len(taken))
	for i, c := range taken {
		rows[i] = []any{int64(c.JobID), c.Arguments, c.ReceptionTime, CommandSent, now}
	}
	_, err := s.update(ctx, tables.JobCommands, columns, 3, rows, "")
	return err
}

// pendingCommands is the condition of what may be handed out. Rows that another
// transaction has locked are just being handed out there.
func (s *session) pendingCommands(args []any, now time.Time) (string, []any) {
	text := ` AND (t."Status" = ?`
	args = append(args, CommandReceived)
	if wait := s.db.options.CommandRedelivery; wait > 0 {
		text += ` OR t."Status" = ? AND ` + s.byteExact(tables.JobCommands, "Command") + ` = ? AND t."ExecutionTime" < ?`
		args = append(args, CommandSent, KillCommand, s.db.dialect.TimeBound(now.Add(-wait)))
	}
	return text + ")", args
}

// ExpireJobCommands ends the jobs' pending commands, and the redelivery of a
// Kill: they are not handed out any more.
func (a access) ExpireJobCommands(ctx context.Context, ids []JobID) error {
	return a.write(ctx, "expire job commands", func(s *session) error {
		pending := ` AND (t."Status" = ? OR t."Status" = ? AND ` + s.byteExact(tables.JobCommands, "Command") + ` = ? AND t."ExecutionTime" IS NOT NULL)`
		return s.eachIDBatch(ids, func(in string, args []any) error {
			text := `UPDATE "JobCommands" AS t SET "Status" = ? WHERE t."JobID"` + in + pending
			if s.db.dialect.LockSource != "" && len(ids) > 1 { // or callers with common jobs would lock them in different orders
				text = updateFrom(`"Status" = ?`, selectRows(tables.JobCommands, tables.JobCommands.Pick("JobID", "ReceptionTime"), in)+pending+
					` ORDER BY t."JobID", t."ReceptionTime"`+s.db.dialect.Lock)
			}
			args = append(append([]any{CommandExpired}, args...), CommandReceived, CommandSent, KillCommand)
			_, err := s.exec(ctx, text, args...)
			return err
		})
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
	err := a.readRows(ctx, "read job commands", tables.JobCommands, tables.JobCommands.Columns, ids, ` ORDER BY t."JobID", t."ReceptionTime"`, func(row []scanned) error {
		id := row[0].id()
		commands[id] = append(commands[id], CommandRecord{
			Command: Command{id, row[1].text(), row[2].text()},
			Status:  row[3].text(), ReceptionTime: row[4].time(), ExecutionTime: row[5].time(),
		})
		return nil
	})
	return commands, err
}
