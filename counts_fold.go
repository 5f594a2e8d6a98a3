package jobdb

import (
	"context"
	"errors"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

const (
	foldBatch      = 2000    // differences in one transaction, for which SQLite's other writers wait
	sweepThreshold = 100_000 // differences after which counts that have become 0 are deleted
)

// FoldCounts moves the differences that changes of jobs left behind into the counts from which
// totals and summaries are answered, and returns how many it moved. An open [DB] does this by
// itself. With a negative [Options.FoldInterval], call it periodically; skipping it is never wrong,
// only slower. Of several servers on one database one works at a time; the others return at once. A
// database that keeps no counts is a [SchemaError].
func (db *DB) FoldCounts(ctx context.Context) (int64, error) {
	if err := db.requireCounts(); err != nil {
		return 0, err
	}
	if db.options.ReadOnly {
		return 0, db.wrapError("fold counts", errReadOnly)
	}
	total := int64(0)
	for {
		folded := int64(0)
		err := db.write(ctx, "fold counts", func(s *session) error {
			var err error
			folded, err = s.fold(ctx)
			return err
		})
		total += folded
		db.folded.Add(folded)
		err = errors.Join(err, db.sweepCounts(ctx, folded))
		if err == nil && folded < foldBatch {
			db.foldedAt.Store(db.now().UnixMicro())
		}
		if err != nil || folded < foldBatch {
			return total, err
		}
	}
}

// fold moves one batch of differences, or none while another server does so.
func (s *session) fold(ctx context.Context) (int64, error) {
	if mine, err := s.lockFolding(ctx); err != nil || !mine {
		return 0, err
	}
	moved := tally{}
	var ids []JobID
	text := "SELECT " + tables.QuotedNames("t.", tables.JobDifferences.Columns) +
		` FROM "JobDifferences" AS t ORDER BY t."ID" LIMIT ?` + s.db.dialect.SkipLocked
	err := s.query(ctx, text, []any{int64(foldBatch)}, scanRows(tables.JobDifferences.Columns, func(row []scanned) error {
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

// lockFolding reports whether this transaction may fold: it locks the row of Kind 0, unless another
// transaction has it.
func (s *session) lockFolding(ctx context.Context) (mine bool, err error) {
	text := `SELECT "Kind" FROM "JobSums" AS t WHERE "Kind" = 0` + s.db.dialect.SkipLocked
	err = s.query(ctx, text, nil, scanRows(tables.JobIDColumn, func([]scanned) error {
		mine = true
		return nil
	}))
	return mine, err
}

// sweepCounts deletes counts that are 0, but only after many differences, because it reads all
// counts.
func (db *DB) sweepCounts(ctx context.Context, folded int64) error {
	if db.unswept.Add(folded) < sweepThreshold {
		return nil
	}
	db.unswept.Store(0)
	return db.write(ctx, "sweep counts", func(s *session) error {
		_, err := s.exec(ctx, `DELETE FROM "JobSums" WHERE "Kind" > ? AND "Count" = ?`, int64(0), int64(0))
		return err
	})
}

// foldLoop folds counts until ctx ends. In a database that is older than the counts it first counts
// the jobs.
func (db *DB) foldLoop(ctx context.Context, every time.Duration) {
	for pause := every; engine.Sleep(ctx, pause) == nil; {
		var err error
		if db.counted.Load() {
			_, err = db.FoldCounts(ctx)
		} else {
			err = db.startCounts(ctx)
		}
		if pause = every; err != nil && ctx.Err() == nil {
			pause = max(every, time.Minute) // not to fill the log
			db.options.Logger.WarnContext(ctx, "counts of jobs can't be kept up; totals and summaries are right, but get slower", "error", err)
		}
	}
}

// startCounts counts the jobs of a database that is older than the counts, unless another server
// has.
func (db *DB) startCounts(ctx context.Context) error {
	state := int64(0)
	err := db.read(ctx, "look for counts", func(s *session) (err error) {
		state, err = s.countsState(ctx)
		return err
	})
	if err == nil && state == 0 {
		db.options.Logger.InfoContext(ctx, "counting the jobs that are there; until then totals and summaries read them")
		_, err = db.RebuildCounts(ctx)
	}
	db.counted.Store(err == nil)
	return err
}
