package jobdb

import (
	"context"
	"errors"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// How much is folded in one transaction, which keeps SQLite's other writers
// waiting, and after how much counts that have become zero are swept out.
const (
	foldBatch      = 2000
	sweepThreshold = 100_000
)

// FoldCounts moves the differences that changes of jobs left behind into the
// counts from which totals and summaries are answered, and returns how many these were. An open [DB] does
// this by itself; who opens one with [Options.FoldInterval] negative calls it now
// and then: without it nothing is wrong, but totals and summaries get slower. Of several servers one does it at a time.
func (db *DB) FoldCounts(ctx context.Context) (int64, error) {
	if err := db.requireCounts(); err != nil {
		return 0, err
	}
	if db.options.ReadOnly {
		return 0, db.wrapError("fold counts", errReadOnly)
	}
	folded := int64(0)
	for {
		n := int64(0)
		err := db.transact(ctx, func(s *session) error {
			return s.run("fold counts", func(s *session) error {
				var err error
				n, err = s.fold(ctx)
				return err
			})
		})
		folded += n
		if err != nil || n < foldBatch {
			return folded, errors.Join(err, db.sweepCounts(ctx, n))
		}
		if err := db.sweepCounts(ctx, n); err != nil {
			return folded, err
		}
	}
}

// fold moves some differences, none where another server does it.
func (s *session) fold(ctx context.Context) (int64, error) {
	mine := false
	err := s.query(ctx, `SELECT "Kind" FROM "JobCounts" AS t WHERE "Kind" = 0`+s.db.dialect.SkipLocked, nil, scanRows(tables.JobIDColumn, func([]scanned) error {
		mine = true
		return nil
	}))
	if err != nil || !mine {
		return 0, err
	}
	moved := tally{}
	var ids []JobID
	text := "SELECT " + tables.QuotedNames("t.", tables.JobDifferences.Columns) + ` FROM "JobDifferences" AS t ORDER BY t."ID" LIMIT ?` + s.db.dialect.SkipLocked
	err = s.query(ctx, text, []any{int64(foldBatch)}, scanRows(tables.JobDifferences.Columns, func(row []scanned) error {
		ids = append(ids, row[0].id())
		moved.add(countKinds, countedColumns, row[1].text(), row[2:], row[len(row)-1].integer())
		return nil
	}))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := moved.write(ctx, s); err != nil {
		return 0, err
	}
	return int64(len(ids)), s.eachIDBatch(ids, func(in string, args []any) error {
		_, err := s.exec(ctx, `DELETE FROM "JobDifferences" WHERE "ID"`+in, args...)
		return err
	})
}

// sweepCounts deletes counts that are zero, now and then: finding them takes a look at all.
func (db *DB) sweepCounts(ctx context.Context, folded int64) error {
	if db.unswept.Add(folded) < sweepThreshold {
		return nil
	}
	db.unswept.Store(0)
	return db.transact(ctx, func(s *session) error {
		return s.run("sweep counts", func(s *session) error {
			_, err := s.exec(ctx, `DELETE FROM "JobCounts" WHERE "Kind" > ? AND "Count" = ?`, int64(0), int64(0))
			return err
		})
	})
}

// foldLoop folds counts until ctx ends. Those of a database that an older jobdb
// filled are made first.
func (db *DB) foldLoop(ctx context.Context, every time.Duration) {
	for pause := every; engine.Sleep(ctx, pause) == nil; {
		var err error
		if db.counted.Load() {
			_, err = db.FoldCounts(ctx)
		} else {
			err = db.startCounts(ctx)
		}
		if pause = every; err != nil && ctx.Err() == nil {
			pause = max(every, time.Minute) // its warning is for people
			db.options.Logger.WarnContext(ctx, "counts of jobs can't be kept up; totals and summaries are right, but get slower", "error", err)
		}
	}
}

// startCounts makes the counts of a database that has jobs from before there
// were any, unless another server just did.
func (db *DB) startCounts(ctx context.Context) error {
	state, err := db.countsState(ctx)
	if err == nil && state == 0 {
		db.options.Logger.InfoContext(ctx, "counting the jobs that are there; until then totals and summaries read them")
		_, err = db.RebuildCounts(ctx)
	}
	db.counted.Store(err == nil)
	return err
}
