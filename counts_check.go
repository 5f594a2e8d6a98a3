package jobdb

import (
	"context"
	"maps"
	"strings"

	"jobdb/internal/tables"
)

// A WrongCount is a count of jobs that isn't what the jobs themselves say.
type WrongCount struct {
	VO      string
	Columns []Column // the combination that was counted
	Values  []string // of the columns
	Counted int64    // by the counts
	Jobs    int64    // by the jobs
}

// VerifyCounts holds all counts against the jobs themselves, in one snapshot,
// so others may write meanwhile. It reads all jobs. No wrong count is to be
// expected, unless somebody changed Jobs without its triggers; then call [DB.RebuildCounts].
func (db *DB) VerifyCounts(ctx context.Context) ([]WrongCount, error) {
	if err := db.requireCounts(); err != nil {
		return nil, err
	}
	audit, err := db.auditCounts(ctx)
	return audit.wrongCounts(), err
}

// RebuildCounts corrects the counts where they are wrong, and returns what was. Others
// may write meanwhile: corrections are added to the counts as all changes are.
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
	err = db.transact(ctx, func(s *session) error {
		return s.run("rebuild counts", func(s *session) error { return audit.correct(ctx, s) })
	})
	if err != nil {
		return nil, err
	}
	db.counted.Store(true)
	return audit.wrongCounts(), nil
}

// countsState is 0 until all jobs are counted, then how often they were.
func (db *DB) countsState(ctx context.Context) (int64, error) {
	s := &session{db: db, q: db.engine.Reader}
	n, err := s.count(ctx, statement{text: `SELECT "Count" FROM "JobCounts" WHERE "Kind" = 0`})
	return n, db.wrapError("look for counts", err)
}

// audit is what the counts were in a snapshot, and what they should have been.
type audit struct {
	state         int64 // countsState
	counted, jobs tally
}

func (db *DB) auditCounts(ctx context.Context) (audit, error) {
	a := audit{counted: tally{}, jobs: tally{}}
	err := db.snapshot(ctx, "count all jobs", func(s *session) error {
		var err error
		if a.state, err = s.count(ctx, statement{text: `SELECT "Count" FROM "JobCounts" WHERE "Kind" = 0`}); err != nil {
			return err
		}
		if err := a.readCounts(ctx, s); err != nil {
			return err
		}
		return a.readJobs(ctx, s)
	})
	return a, err
}

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

// readJobs groups in two turns: by the columns of the index VOSummary, and by
// the application status, of which there may be as many as jobs.
func (a audit) readJobs(ctx context.Context, s *session) error {
	var application, others []countKind
	status := columnByName["ApplicationStatus"]
	for _, kind := range countKinds {
		if kind.has([]Column{status}) {
			application = append(application, kind)
		} else {
			others = append(others, kind)
		}
	}
	var columns []Column
	for name := range strings.FieldsSeq("Status MinorStatus Site Owner OwnerGroup JobGroup JobType") {
		columns = append(columns, columnByName[name])
	}
	if err := a.group(ctx, s, others, columns); err != nil {
		return err
	}
	return a.group(ctx, s, application, []Column{status})
}

func (a audit) group(ctx context.Context, s *session, kinds []countKind, columns []Column) error {
	by := tables.QuotedNames("", append([]tables.Column{columnByName["VO"].def()}, definitions(columns)...))
	read := append(append([]tables.Column{{Kind: tables.KindText}}, definitions(columns)...), tables.Column{Kind: tables.KindInteger})
	return s.query(ctx, "SELECT "+by+`, count(*) FROM "Jobs" GROUP BY `+by, nil, scanRows(read, func(row []scanned) error {
		a.jobs.add(kinds, columns, row[0].text(), row[1:], row[len(row)-1].integer())
		return nil
	}))
}

// correct adds what is missing. Whoever corrected meanwhile has done so already.
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
	look := func(key countKey) {
		if counted, jobs := a.counted[key], a.jobs[key]; counted != jobs {
			columns := countKinds[key.kind-1].columns
			wrong = append(wrong, WrongCount{VO: key.vo, Columns: columns, Values: key.values[:len(columns)], Counted: counted, Jobs: jobs})
		}
	}
	for key := range a.jobs {
		look(key)
	}
	for key := range a.counted {
		if _, seen := a.jobs[key]; !seen {
			look(key)
		}
	}
	return wrong
}
