package jobdb

import (
	"context"
	"time"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// DeleteHeartbeats deletes all that the jobs reported of themselves, and returns how many values
// these were.
func (a access) DeleteHeartbeats(ctx context.Context, ids []JobID) (int64, error) {
	return a.deleteOf(ctx, "delete heartbeats", tables.HeartBeatLoggingInfo, ids)
}

// DeleteJobCommands deletes all commands of the jobs, pending ones too, and returns how many these
// were.
func (a access) DeleteJobCommands(ctx context.Context, ids []JobID) (int64, error) {
	return a.deleteOf(ctx, "delete job commands", tables.JobCommands, ids)
}

// DeleteArchivedParameters deletes the parameters that the jobs had before they were rescheduled, and
// returns how many these were.
func (a access) DeleteArchivedParameters(ctx context.Context, ids []JobID) (int64, error) {
	return a.deleteOf(ctx, "delete archived parameters", tables.AtticJobParameters, ids)
}

// deleteOf deletes all rows of a table that belong to the jobs.
func (a access) deleteOf(ctx context.Context, what string, t *tables.Table, ids []JobID) (deleted int64, err error) {
	err = a.write(ctx, what, func(s *session) error {
		if err := s.lock(ctx, ids); err != nil {
			return err
		}
		var err error
		deleted, err = s.removeRows(ctx, t, ids)
		return err
	})
	return deleted, err
}

// ThinHeartbeats divides time into periods of the length every, as [time.Time.Truncate] does. It
// keeps what each job reported first in each period, deletes the rest, and returns how many values
// it deleted.
func (a access) ThinHeartbeats(ctx context.Context, ids []JobID, every time.Duration) (deleted int64, err error) {
	err = a.write(ctx, "thin heartbeats", func(s *session) error {
		deleted = 0
		if err := s.lock(ctx, ids); err != nil {
			return err
		}
		gaps, err := s.heartbeatGaps(ctx, ids, every)
		if err != nil {
			return err
		}
		const text = `DELETE FROM "HeartBeatLoggingInfo" WHERE "JobID" = ? AND "HeartBeatTime" >= ? AND "HeartBeatTime" < ?`
		for _, gap := range gaps {
			n, err := s.exec(ctx, text, int64(gap.job), s.db.dialect.TimeBound(gap.from), s.db.dialect.TimeBound(gap.to))
			if err != nil {
				return err
			}
			deleted += n
		}
		return nil
	})
	return deleted, err
}

// heartbeatGap is a period from which a job's heartbeats are deleted.
type heartbeatGap struct {
	job      JobID
	from, to time.Time
}

// heartbeatGaps are, for each period in which a job reported more than once, what follows its first
// report.
func (s *session) heartbeatGaps(ctx context.Context, ids []JobID, every time.Duration) (gaps []heartbeatGap, err error) {
	columns := tables.HeartBeatLoggingInfo.Pick("JobID", "HeartBeatTime")
	kept := heartbeatGap{} // the period of the row before
	err = s.eachIDBatch(ids, func(in string, args []any) error {
		text := `SELECT DISTINCT t."JobID", t."HeartBeatTime" FROM "HeartBeatLoggingInfo" AS t WHERE t."JobID"` + in +
			` ORDER BY t."JobID", t."HeartBeatTime"`
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			id, at := row[0].id(), row[1].time()
			switch {
			case id != kept.job || !at.Before(kept.to):
				kept = heartbeatGap{id, at.Add(s.tick()), at.Truncate(every).Add(every)}
			case len(gaps) == 0 || gaps[len(gaps)-1] != kept:
				gaps = append(gaps, kept)
			}
			return nil
		}))
	})
	return gaps, err
}

// DeleteOldReplies deletes the replies that are older than [ReplyLifetime], and returns how many
// these were. [DB.SaveReply] does so, too. Where there are none it does nothing.
func (a access) DeleteOldReplies(ctx context.Context) (deleted int64, err error) {
	if a.db.schema.Kind != schema.KindOurs {
		return 0, nil
	}
	err = a.write(ctx, "delete old answers", func(s *session) error {
		var err error
		deleted, err = s.exec(ctx, `DELETE FROM "Answers" WHERE "AnswerTime" < ?`, s.oldestReply(s.time(s.db.now())))
		return err
	})
	return deleted, err
}
