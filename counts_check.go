package jobdb

import (
	"context"
	"maps"
	"slices"
	"strings"

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
	return s.count(ctx, statement{text: `SELECT "Count" FROM "JobCounts" WHERE "Kind" = 0`})
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

// readCounts adds up JobCounts and JobDifferences.
func (a audit) readCounts(ctx context.Context, s *session) error {
	text := "SELECT " + tables.QuotedNames("", tables.JobCounts.Columns) + ` FROM "JobCounts" WHERE "Kind" > 0`
	err := s.query(ctx, text, nil, scanRows(tables.JobCounts.Columns, func(row []scanned) error {
		key := countKey{kind: int(row[0].integer()), vo: row[1].text()}
		for i := range key.values {
			key.values[i] = row[i+2].text()
		}
		a.counted[key] += row[len(row)-1].integer()
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

// readJobs counts the jobs in two queries: one by the columns of the index VOSummary, and one by
// ApplicationStatus, which may have as many values as there are jobs.
func (a audit) readJobs(ctx context.Context, s *session) error {
	var byApplication, others []countKind
	for _, kind := range countKinds {
		if kind.has([]Column{colApplicationStatus}) {
			byApplication = append(byApplication, kind)
		} else {
			others = append(others, kind)
		}
	}
	var indexed []Column
	for name := range strings.FieldsSeq("Status MinorStatus Site Owner OwnerGroup JobGroup JobType") {
		indexed = append(indexed, columnByName[name])
	}
	if err := a.countJobs(ctx, s, others, indexed); err != nil {
		return err
	}
	return a.countJobs(ctx, s, byApplication, []Column{colApplicationStatus})
}

// countJobs counts the jobs by VO and columns, for kinds that have no other columns.
func (a audit) countJobs(ctx context.Context, s *session, kinds []countKind, columns []Column) error {
	by := definitions(slices.Concat([]Column{colVO}, columns))
	names := tables.QuotedNames("", by)
	result := append(by, tables.Column{Kind: tables.KindInteger})
	return s.query(ctx, "SELECT "+names+`, count(*) FROM "Jobs" GROUP BY `+names, nil, scanRows(result, func(row []scanned) error {
		a.jobs.add(kinds, columns, row[0].text(), row[1:], row[len(row)-1].integer())
		return nil
	}))
}

// correct adds what the counts lack, unless someone else did so since the snapshot.
func (a audit) correct(ctx context.Context, s *session) error {
	n, err := s.exec(ctx, `UPDATE "JobCounts" SET "Count" = ? WHERE "Kind" = 0 AND "Count" = ?`, a.state+1, a.state)
	if err != nil || n == 0 {
		return err
	}
	missing := maps.Clone(a.jobs)
	for key, n := range a.counted {
		missing[key] -= n
	}
	return missing.write(ctx, s)
}

func (a audit) wrongCounts() []WrongCount {
	var wrong []WrongCount
	check := func(key countKey) {
		if counted, jobs := a.counted[key], a.jobs[key]; counted != jobs {
			columns := countKinds[key.kind-1].columns
			wrong = append(wrong, WrongCount{VO: key.vo, Columns: columns, Values: key.values[:len(columns)], Counted: counted, Jobs: jobs})
		}
	}
	for key := range a.jobs {
		check(key)
	}
	for key := range a.counted {
		if _, seen := a.jobs[key]; !seen {
			check(key)
		}
	}
	return wrong
}
