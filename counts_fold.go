package jobdb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// A countKey is one row of JobCounts: a combination of values of one kind.
type countKey struct {
	kind   int
	vo     string
	values [mostCounted]string
}

func (k countKey) compare(other countKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), strings.Compare(k.vo, other.vo), slices.Compare(k.values[:], other.values[:]))
}

// tally adds up counts by kinds.
type tally map[countKey]int64

// add counts jobs that have these values in the columns.
func (t tally) add(kinds []countKind, columns []Column, vo string, row []cell, jobs int64) {
	var of [256]string // by the column's index
	for i, c := range columns {
		of[c.index] = row[i].text()
	}
	for _, kind := range kinds {
		key := countKey{kind: kind.number, vo: vo}
		for i, c := range kind.columns {
			key.values[i] = of[c.index]
		}
		t[key] += jobs
	}
}

// write adds what was tallied to JobCounts, in one order whoever does it.
func (t tally) write(ctx context.Context, s *session) error {
	keys := make([]countKey, 0, len(t))
	for key, n := range t {
		if n != 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, countKey.compare)
	rows := make([][]any, len(keys))
	for i, key := range keys {
		rows[i] = []any{int64(key.kind), key.vo, key.values[0], key.values[1], key.values[2], key.values[3], t[key]}
	}
	return s.insert(ctx, jobCounts, jobCounts.columns, rows, s.db.dialect.adding(jobCounts, "Count"))
}

// countedColumns are those of JobDifferences between VO and Count.
var countedColumns = func() []Column {
	var columns []Column
	for _, c := range jobDifferences.columns[2 : len(jobDifferences.columns)-1] {
		columns = append(columns, columnByName[c.name])
	}
	return columns
}()

// How much is folded in one transaction, which keeps SQLite's other writers
// waiting, and after how much counts that have become zero are swept out.
const (
	foldedAtOnce = 2000
	sweptAfter   = 100_000
)

// FoldCounts moves the differences that changes of jobs left behind into the
// counts from which totals and summaries are answered, and returns how many these were. An open [DB] does
// this by itself; who opens one with [Options.FoldCounts] negative calls it now
// and then: without it nothing is wrong, but totals and summaries get slower. Of several servers one does it at a time.
func (db *DB) FoldCounts(ctx context.Context) (int64, error) {
	if err := db.haveCounts(); err != nil {
		return 0, err
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
		if err != nil || n < foldedAtOnce {
			return folded, errors.Join(err, db.sweepCounts(ctx, n))
		}
		if err := db.sweepCounts(ctx, n); err != nil {
			return folded, err
		}
	}
}

func (db *DB) haveCounts() error {
	if !db.schema.counts {
		return &SchemaError{Reason: "no counts of jobs are kept in this database: it is not jobdb's own, or their triggers are missing"}
	}
	return nil
}

// fold moves some differences, none where another server does it.
func (s *session) fold(ctx context.Context) (int64, error) {
	mine := false
	err := s.query(ctx, `SELECT "Kind" FROM "JobCounts" AS t WHERE "Kind" = 0`+s.db.dialect.skipLocked, nil, scanRows(idColumn, func([]cell) error {
		mine = true
		return nil
	}))
	if err != nil || !mine {
		return 0, err
	}
	moved := tally{}
	var ids []JobID
	text := "SELECT " + nameList("t.", jobDifferences.columns) + ` FROM "JobDifferences" AS t ORDER BY t."ID" LIMIT ?` + s.db.dialect.skipLocked
	err = s.query(ctx, text, []any{int64(foldedAtOnce)}, scanRows(jobDifferences.columns, func(row []cell) error {
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
	return int64(len(ids)), s.ofJobs(ids, func(in string, args []any) error {
		_, err := s.exec(ctx, `DELETE FROM "JobDifferences" WHERE "ID"`+in, args...)
		return err
	})
}

// sweepCounts deletes counts that are zero, now and then: finding them takes a look at all.
func (db *DB) sweepCounts(ctx context.Context, folded int64) error {
	if db.unswept.Add(folded) < sweptAfter {
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

// keepCounts folds counts until ctx ends. Those of a database that an older jobdb
// filled are made first.
func (db *DB) keepCounts(ctx context.Context, every time.Duration) {
	for pause := every; sleep(ctx, pause) == nil; {
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
