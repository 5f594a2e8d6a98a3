package jobdb

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// SummaryRows are counts of jobs.
type SummaryRows struct {
	Columns []Column // what was grouped by, in the table's order
	Rows    [][]any  // the columns' values, then the count as int64
}

// Job returns one job. A job that doesn't exist, or not in the scope, is a [NotFoundError].
func (a access) Job(ctx context.Context, scope Scope, id JobID) (Job, error) {
	page, err := a.Search(ctx, Search{Scope: scope, Filter: isJob(id)})
	if err != nil {
		return Job{}, err
	}
	if len(page.Rows) == 0 {
		return Job{}, &NotFoundError{Jobs: []JobID{id}}
	}
	return jobOf(page.Rows[0]), nil
}

// inSnapshot runs fn in a snapshot, or without a transaction if single says that it runs one
// statement.
func (a access) inSnapshot(ctx context.Context, what string, single bool, fn func(*session) error) error {
	if single {
		return a.read(ctx, what, fn)
	}
	return a.snapshot(ctx, what, fn)
}

// Summary counts the jobs that match, one row for each combination of values that occurs, sorted by
// them; on live MariaDB and MySQL texts that their collation holds equal are one value.
func (a access) Summary(ctx context.Context, s Summary) (SummaryRows, error) {
	result := SummaryRows{Columns: s.columns()}
	err := a.EachSummaryRow(ctx, s, func(row []any) error {
		result.Rows = append(result.Rows, row)
		return nil
	})
	return result, err
}

// EachSummaryRow is [DB.Summary] that calls each with every row as it is read; each may keep the
// row. An error of each ends it, and is returned.
func (a access) EachSummaryRow(ctx context.Context, s Summary, each func(row []any) error) error {
	limit := a.db.options.Limits.SummaryRows
	if err := a.checkQuestion(s.Scope, s.Filter, nil); err != nil {
		return err
	}
	return a.ask(ctx, "summarize jobs", !s.Filter.looksUp(), func(ctx context.Context, session *session) error {
		var err error
		if s.Filter, err = session.resolvePatterns(ctx, s.Scope, s.Filter); err != nil {
			return err
		}
		columns := append(definitions(s.columns()), countColumn)
		c, err := session.planned(ctx, s.Scope, s.Filter, false)
		if err != nil {
			return err
		}
		n := 0
		return session.table(ctx, c.summary(s, limit), columns, func(row []any) error {
			if n++; n > limit {
				return &QueryError{Field: "grouping", Reason: "more than " + itoa(limit) + " groups; group by fewer columns"}
			}
			return each(row)
		})
	})
}

// ask runs the queries of one question within [Limits.QueryTimeout]. single says that there is only
// one.
func (a access) ask(ctx context.Context, what string, single bool, fn func(context.Context, *session) error) error {
	waits := a.db.waits()
	ctx, end := a.db.engine.Question(ctx)
	defer end()
	ctx, cancel := a.db.options.Limits.context(ctx)
	defer cancel()
	err := a.inSnapshot(ctx, what, single, func(s *session) error { return fn(ctx, s) })
	return a.db.explainTimeout(ctx, err, waits)
}

// checkQuestion refuses a question without a scope, one that is invalid, and one that this database
// can't answer.
func (a access) checkQuestion(scope Scope, filter Filter, invalid error) error {
	return cmp.Or(scope.check(), invalid, a.checkParameters(filter))
}

// checkParameters refuses filters for parameters in a database that has none.
func (a access) checkParameters(f Filter) error {
	if a.db.schema.Parameters || !f.hasParameter() {
		return nil
	}
	return &QueryError{Field: "search", Reason: "jobs can't be searched by parameters: this database has no table JobParameters"}
}

func (db *DB) compiler() *compiler {
	return &compiler{dialect: db.dialect, schema: db.schema, counted: db.counted.Load()}
}

func (s *session) compiler() *compiler { return s.db.compiler() }

// rows runs a compiled query and counts what it gave.
func (s *session) rows(ctx context.Context, st statement, columns []Column, each func([]any) error) (int64, error) {
	n := int64(0)
	err := s.table(ctx, st, definitions(columns), func(row []any) error {
		n++
		return each(row)
	})
	return n, err
}

// table runs a query for rows that may be kept, unless the session reuses them. It allocates them
// in blocks, each twice as large as the one before.
func (s *session) table(ctx context.Context, st statement, columns []tables.Column, each func([]any) error) error {
	var block, reused []any
	rows := 1
	return s.query(ctx, st.text, st.args, scanRows(columns, func(cells []scanned) error {
		switch {
		case reused != nil:
			block = reused
		case len(block) == 0:
			block = make([]any, rows*len(cells))
			if rows = min(2*rows, maxPreallocated); s.reusesRows {
				reused = block
			}
		}
		row := block[:len(cells):len(cells)]
		block = block[len(cells):]
		for i := range cells {
			row[i] = cells[i].value
		}
		return each(row)
	}))
}

// maxPreallocated is how many rows a block has at most.
const maxPreallocated = 64

func (s *session) count(ctx context.Context, st statement) (int64, error) {
	var n int64
	err := s.query(ctx, st.text, st.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// JobJDLs returns the jobs' JDLs as they are stored (see package jdl for their compression); jobs
// that don't exist or have none yet are left out.
func (a access) JobJDLs(ctx context.Context, ids []JobID) (map[JobID]string, error) {
	return a.jdls(ctx, ids, "JDL")
}

// OriginalJDLs returns the JDLs as they were submitted, as they are stored.
func (a access) OriginalJDLs(ctx context.Context, ids []JobID) (map[JobID]string, error) {
	return a.jdls(ctx, ids, "OriginalJDL")
}

func (a access) jdls(ctx context.Context, ids []JobID, name string) (map[JobID]string, error) {
	texts := make(map[JobID]string, len(ids))
	err := a.eachJDL(ctx, ids, name, func(id JobID, text string) { texts[id] = text })
	return texts, err
}

// EachOriginalJDL is [DB.OriginalJDLs] that calls each with every text as it is read: together they
// may be very long.
func (a access) EachOriginalJDL(ctx context.Context, ids []JobID, each func(id JobID, text string)) error {
	return a.eachJDL(ctx, ids, "OriginalJDL", each)
}

func (a access) eachJDL(ctx context.Context, ids []JobID, name string, each func(id JobID, text string)) error {
	return a.readRows(ctx, "read JDLs", tables.JobJDLs, tables.JobJDLs.Pick("JobID", name), ids, "", func(row []scanned) error {
		if text := row[1].text(); text != "" {
			each(row[0].id(), text)
		}
		return nil
	})
}

// InputData returns the jobs' input files in the order of their LFNs.
func (a access) InputData(ctx context.Context, ids []JobID) (map[JobID][]InputFile, error) {
	files := make(map[JobID][]InputFile)
	err := a.readRows(ctx, "read input data", tables.InputData, tables.InputData.Columns, ids, "", func(row []scanned) error {
		files[row[0].id()] = append(files[row[0].id()], InputFile{LFN: row[1].text(), Status: row[2].text()})
		return nil
	})
	for _, list := range files { // here, because a live collation has an order of its own
		slices.SortFunc(list, func(a, b InputFile) int { return strings.Compare(a.LFN, b.LFN) })
	}
	return files, err
}
