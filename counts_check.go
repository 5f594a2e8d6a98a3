package jobdb

import (
	"context"
	"slices"

	"jobdb/internal/tables"
)

// WrongCount is a count of jobs that differs from the number of jobs.
type WrongCount struct {
	VO      string
	Columns []Column // what is counted by
	Values  []string // of the columns
	Counted int64    // the count that is kept
	Jobs    int64    // the jobs that there are
}

// VerifyCounts compares all counts of jobs with the jobs, and returns those that are wrong. It
// reads all jobs, in one snapshot, while others may write. Counts can only be wrong if somebody
// changed Jobs without its triggers; [DB.RebuildCounts] corrects them. A database that keeps no
// counts is a [SchemaError].
func (db *DB) VerifyCounts(ctx context.Context) ([]WrongCount, error) {
	if err := db.requireCounts(); err != nil {
		return nil, err
	}
	audit, err := db.auditCounts(ctx)
	return audit.wrongCounts(), err
}

// RebuildCounts corrects wrong counts of jobs, and returns what they were; see [DB.VerifyCounts].
// Others may write meanwhile, because it adds corrections to the counts instead of overwriting
// them.
func (db *DB) RebuildCounts(ctx context.Context) ([]WrongCount, error) {
	if err := db.requireCounts(); err != nil {
		return nil, err
	}
	if db.options.ReadOnly {
		return nil, db.wrapError("rebuild counts", errReadOnly)
	}
	audit, err := db.auditCounts(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.write(ctx, "rebuild counts", func(s *session) error { return audit.correct(ctx, s) }); err != nil {
		return nil, err
	}
	db.counted.Store(true)
	return audit.wrongCounts(), nil
}

// countsState is how often all jobs have been counted: 0 means that the counts are not complete.
func (s *session) countsState(ctx context.Context) (int64, error) {
	return s.count(ctx, statement{text: `SELECT "Count" FROM "JobSums" WHERE "Kind" = 0`})
}

// audit is what the counts are in one snapshot, and what they should be.
type audit struct {
	state         int64 // the countsState
	counted, jobs tally
}

func (db *DB) auditCounts(ctx context.Context) (audit, error) {
	a := audit{counted: tally{}, jobs: tally{}}
	err := db.snapshot(ctx, "count all jobs", func(s *session) error {
		var err error
		if a.state, err = s.countsState(ctx); err != nil {
			return err
		}
		if err := a.readCounts(ctx, s); err != nil {
			return err
		}
		return a.readJobs(ctx, s)
	})
	return a, err
}

// readCounts adds up JobSums and JobDifferences.
func (a audit) readCounts(ctx context.Context, s *session) error {
	text := "SELECT " + tables.QuotedNames("", tables.JobSums.Columns) + ` FROM "JobSums" WHERE "Kind" > 0`
	err := s.query(ctx, text, nil, scanRows(tables.JobSums.Columns, func(row []scanned) error {
		key := append([]byte{letterOf(row[0].integer())}, row[1].text()...)
		for _, value := range row[2 : len(row)-1] {
			key = append(append(key, 0), value.text()...)
		}
		a.counted.addTo(key, row[len(row)-1].integer())
		return nil
	}))
	if err != nil {
		return err
	}
	text = "SELECT " + tables.QuotedNames("", tables.JobDifferences.Columns) + ` FROM "JobDifferences"`
	return s.query(ctx, text, nil, scanRows(tables.JobDifferences.Columns, func(row []scanned) error {
		a.counted.add(countKinds, countedColumns, row[1].text(), row[2:], row[len(row)-1].integer())
		return nil
	}))
}

// readJobs counts the jobs in Go: an engine would sort them all to group them.
func (a audit) readJobs(ctx context.Context, s *session) error {
	read := definitions(slices.Concat([]Column{colVO}, countedColumns))
	return s.query(ctx, "SELECT "+tables.QuotedNames("", read)+` FROM "Jobs"`, nil, scanRows(read, func(row []scanned) error {
		a.jobs.add(countKinds, countedColumns, row[0].text(), row[1:], 1)
		return nil
	}))
}

// correct adds what the counts lack, unless someone else did so since the snapshot.
func (a audit) correct(ctx context.Context, s *session) error {
	n, err := s.exec(ctx, `UPDATE "JobSums" SET "Count" = ? WHERE "Kind" = 0 AND "Count" = ?`, a.state+1, a.state)
	if err != nil || n == 0 {
		return err
	}
	return a.missing().write(ctx, s)
}

// missing is what has to be added to the counts to make them right.
func (a audit) missing() tally {
	missing := tally{}
	for key, n := range a.jobs {
		if lack := *n - a.counted.get(key); lack != 0 {
			missing[key] = &lack
		}
	}
	for key, n := range a.counted {
		if a.jobs[key] == nil && *n != 0 {
			lack := -*n
			missing[key] = &lack
		}
	}
	return missing
}

func (a audit) wrongCounts() []WrongCount {
	var wrong []WrongCount
	for key := range a.missing() {
		kind, vo, values := splitKey(key)
		columns := countKinds[kind-1].columns
		wrong = append(wrong, WrongCount{
			VO: vo, Columns: columns, Values: values[:len(columns)], Counted: a.counted.get(key), Jobs: a.jobs.get(key),
		})
	}
	return wrong
}
