package jobdb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"jobdb/internal/tables"
)

// RecentRecords is how many of the last records of a job's history [DB.RecentHistory] and
// [DB.RecentStatusTimes] look at. Real jobs have a few dozen; the bound keeps changes of a job fast
// that has a hundred thousand.
const RecentRecords = 1000

// MaxHistory is how many records of its history a job keeps: the first hundred, which tell how it
// began, and the last ones. Those between are deleted; the others keep their numbers.
const MaxHistory = 10_000

const firstRecords = 100

// trimHistory deletes records of jobs that have more than they may.
func (s *session) trimHistory(ctx context.Context, ids []JobID) error {
	if len(ids) == 0 {
		return nil
	}
	last, err := s.lastSequenceNumbers(ctx, ids)
	for _, id := range ids {
		if err != nil || last[id] <= MaxHistory {
			continue
		}
		of := ` FROM ` + s.db.logging.Quoted() + ` WHERE "JobID" = ? AND "SeqNum" > ` + itoa(firstRecords)
		oldest := `(SELECT o.n FROM (SELECT MIN("SeqNum") AS n` + of + `) AS o)`
		_, err = s.exec(ctx, "DELETE"+of+` AND "SeqNum" <= ? AND "SeqNum" < `+oldest+" + "+itoa(maxTrimmed),
			int64(id), last[id]-(MaxHistory-firstRecords), int64(id))
	}
	return err
}

// trimAfterwards is trimHistory once the records are committed: its error is only logged.
func (a access) trimAfterwards(ctx context.Context, ids []JobID) {
	err := a.writeHistory(ctx, "trim history", func(s *session) error { return s.trimHistory(ctx, ids) })
	if err != nil {
		a.db.options.Logger.WarnContext(ctx, "long histories of jobs keep too many records for now", "jobs", ids, "error", err)
	}
}

// RecentHistory is [DB.History] of the n records of each job that were written last; n = 0 stands
// for [RecentRecords].
func (a access) RecentHistory(ctx context.Context, ids []JobID, n int) (map[JobID][]HistoryRecord, error) {
	history := make(map[JobID][]HistoryRecord)
	order := ` ORDER BY t."JobID", t."StatusTimeOrder", t."StatusTime", t."SeqNum"`
	err := a.recentRows(ctx, ids, cmp.Or(n, RecentRecords), func(s *session, from string, args []any) error {
		text := "SELECT " + tables.QuotedNames("t.", historyColumns) + from + order
		return s.query(ctx, text, args, scanRows(historyColumns, addHistory(history)))
	})
	return history, err
}

// RecentStatusTimes is [DB.StatusTimes] of each job's last [RecentRecords] records.
func (a access) RecentStatusTimes(ctx context.Context, ids []JobID) (map[JobID]map[Status]time.Time, error) {
	times := make(map[JobID]map[Status]time.Time)
	err := a.recentRows(ctx, ids, RecentRecords, func(s *session, from string, args []any) error {
		return s.statusTimes(ctx, from, args, times)
	})
	return times, err
}

// recentRows calls run with the FROM and WHERE clauses of several queries, which together find each
// job's last n records as the table t.
func (a access) recentRows(ctx context.Context, ids []JobID, n int, run func(s *session, from string, args []any) error) error {
	a, err := a.historyAccess(ctx)
	if err != nil {
		return err
	}
	return a.read(ctx, "read the history's last records", func(s *session) error {
		last, err := s.lastSequenceNumbers(ctx, ids)
		if err != nil {
			return err
		}
		isLong := func(id JobID) bool { return last[id] > int64(n) }
		short := slices.DeleteFunc(slices.Clone(ids), isLong)
		from := " FROM " + s.db.logging.Quoted() + ` AS t WHERE t."JobID"`
		err = s.eachIDBatch(short, func(in string, args []any) error { return run(s, from+in, args) })
		for _, id := range sorted(ids) {
			if err == nil && isLong(id) {
				err = run(s, from+` = ? AND t."SeqNum" > ?`, []any{int64(id), last[id] - int64(n)})
			}
		}
		return err
	})
}
