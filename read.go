package jobdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"regexp"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// Page is what a search found.
type Page struct {
	Total   int64    // rows that match, on all pages; -1 after a cursor, and uncounted
	Before  int64    // rows on the pages before this one
	Columns []Column // in the table's order
	Rows    [][]any  // int64, string, bool, AccountedFlag, UTC time.Time or nil
	Next    string   // the Cursor of the page after this one; "" when none follows, and for distinct rows
}

// SummaryRows are counts of jobs.
type SummaryRows struct {
	Columns []Column // what was grouped by, in the table's order
	Rows    [][]any  // the columns' values, then the count as int64
}

// Search returns the number of jobs that match and one page of them, or all when Page is 0 and
// there is no Cursor; see [DB.Stream] for many. Filters compare byte by byte, NULL never matches a
// comparison and sorts before all else. Sorts and distinct rows go by bytes, too, but on live
// MariaDB and MySQL by the columns' collation, for the sake of their indexes. A page ends its sort with JobID, so that pages neither
// overlap nor skip.
func (a access) Search(ctx context.Context, s Search) (Page, error) {
	var rows [][]any
	page, err := a.search(ctx, s, true, func(row []any) error {
		rows = append(rows, row)
		return nil
	})
	page.Rows = rows
	return page, err
}

// SearchEach is [DB.Search] for who looks at each row once: it gives the rows to each instead of
// returning them. A row is valid until each returns. An error of each ends the search, and is
// returned.
func (a access) SearchEach(ctx context.Context, s Search, each func(row []any) error) (Page, error) {
	return a.search(ctx, s, false, each)
}

// search tells of a page all but its rows, which it gives to each.
func (a access) search(ctx context.Context, s Search, keeps bool, each func(row []any) error) (Page, error) {
	f, err := a.find(ctx, s, keeps, each)
	return Page{Columns: s.columns(), Total: f.total, Before: f.before, Next: f.next}, err
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

// Stream is [DB.Search] for results of any size: it gives the rows as they come, each with the
// values of the columns in the table's order. A row may be kept. The loop that ends early ends the
// search. An error is the last that comes, with a nil row.
//
//	for row, err := range db.Stream(ctx, search) {
//		if err != nil {
//			return err
//		}
//		…
//	}
func (a access) Stream(ctx context.Context, s Search) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		ended := false
		_, err := a.find(ctx, s, true, func(row []any) error {
			if ended = !yield(row, nil); ended {
				return errEndOfLoop
			}
			return nil
		})
		if err != nil && !ended {
			yield(nil, err)
		}
	}
}

// errEndOfLoop ends the search of a loop that wants no more rows. Nobody sees it.
var errEndOfLoop = errors.New("the loop over the rows has ended")

// found is what a search tells beside its rows.
type found struct {
	total, before int64
	next          string
}

// find gives the rows of a search to each; keeps tells whether each keeps them.
func (a access) find(ctx context.Context, s Search, keeps bool, each func(row []any) error) (found, error) {
	if a.tx != nil || !a.db.engine.OneConnection {
		return a.findEach(ctx, s, keeps, each)
	}
	var rows [][]any // each may use the DB, and would wait for the connection that gives it rows
	f, err := a.findEach(ctx, s, true, func(row []any) error {
		rows = append(rows, row)
		return nil
	})
	for i := 0; i < len(rows) && err == nil; i++ {
		err = each(rows[i])
	}
	return f, err
}

func (a access) findEach(ctx context.Context, s Search, keeps bool, each func(row []any) error) (f found, err error) {
	limits := a.db.options.Limits
	perPage, err := s.checkPage(limits)
	if err = a.checkQuestion(s.Scope, s.Filter, err); err != nil {
		return f, err
	}
	waits := a.db.waits()
	ctx, end := a.db.engine.Question(ctx)
	defer end()
	ctx, cancel, begun := limits.begin(ctx, perPage == 0)
	defer cancel()
	if perPage == 0 { // from the first row on it lasts as long as its reader takes
		each = afterFirst(begun, each)
	}
	err = a.inSnapshot(ctx, "search jobs", s.singleStatement(), func(session *session) error {
		session.reusesRows = !keeps
		defer func() { session.reusesRows = false }()
		if s.Filter, err = session.resolveRegexes(ctx, s.Scope, s.Filter); err != nil {
			return err
		}
		if s.Cursor != "" {
			f, err = session.pageAfter(ctx, s, perPage, each)
		} else {
			f, err = session.page(ctx, s, perPage, each)
		}
		return err
	})
	return f, a.db.explainTimeout(ctx, err, waits)
}

// page gives the rows of a page, or all, and their number on all pages.
func (s *session) page(ctx context.Context, search Search, perPage int, each func([]any) error) (found, error) {
	c, total, err := s.plannedPage(ctx, search, perPage)
	if err != nil {
		return found{}, err
	}
	if perPage == 0 || search.distinct() {
		rows, err := s.rows(ctx, c.rows(search, perPage), search.columns(), each)
		if err != nil {
			return found{}, err
		}
		return s.paged(ctx, search, perPage, rows, total)
	}
	w := walk{}
	if !c.sorts {
		w, err = s.walkFor(ctx, search, search.offset(perPage)+int64(perPage))
	}
	if err != nil {
		return found{}, err
	}
	selected := search
	ids, complete, err := s.along(ctx, w, nil, int64(perPage), search.offset(perPage))
	switch {
	case err != nil:
		return found{}, err
	case complete:
		selected, c = search.ofIDs(ids), s.compiler()
	case w.byTime != "":
		c.index, c.sorts = w.byTime, true
	case w.sorts != "":
		c.index = w.sorts
	}
	rows, place := int64(0), []any(nil)
	err = s.placedRows(ctx, c.rows(selected, perPage), search, func(row, at []any) error {
		rows, place = rows+1, append(place[:0], at...)
		return each(row)
	})
	if err != nil {
		return found{}, err
	}
	f, err := s.paged(ctx, search, perPage, rows, total)
	if reached := f.before + rows; err == nil && rows > 0 && (reached < f.total || f.total < 0) {
		f.next = cursor{search.order(s.db.dialect), reached, place}.String()
	}
	return f, err
}

// paged counts the rows of all pages, unless their total is known, or the page that has so many tells
// how many there are.
func (s *session) paged(ctx context.Context, search Search, perPage int, rows, total int64) (f found, err error) {
	if perPage > 0 {
		f.before = int64(search.Page-1) * int64(perPage)
	}
	if perPage == 0 || rows < int64(perPage) && (rows > 0 || f.before == 0) {
		f.total = f.before + rows
		return f, nil
	}
	if search.Uncounted || total >= 0 {
		f.total = total
		return f, nil
	}
	c, err := s.planned(ctx, search.Scope, search.Filter, false)
	if err != nil {
		return f, err
	}
	f.total, err = s.count(ctx, c.total(search))
	return f, err
}

// inSnapshot is a snapshot, or less where one statement says it all.
func (a access) inSnapshot(ctx context.Context, what string, alone bool, fn func(*session) error) error {
	if alone {
		return a.read(ctx, what, fn)
	}
	return a.snapshot(ctx, what, fn)
}

// Summary counts the jobs that match, one row for each combination of values
// that occurs, sorted by them; on live MariaDB and MySQL texts that their
// collation holds equal are one value.
func (a access) Summary(ctx context.Context, s Summary) (SummaryRows, error) {
	result := SummaryRows{Columns: s.columns()}
	err := a.EachSummaryRow(ctx, s, func(row []any) error {
		result.Rows = append(result.Rows, row)
		return nil
	})
	return result, err
}

// EachSummaryRow is [DB.Summary] that gives each row as it is read, to keep or not. An error of each
// ends it, and is returned.
func (a access) EachSummaryRow(ctx context.Context, s Summary, each func(row []any) error) error {
	limit := a.db.options.Limits.SummaryRows
	if err := a.checkQuestion(s.Scope, s.Filter, nil); err != nil {
		return err
	}
	return a.ask(ctx, "summarize jobs", !s.Filter.hasRegex(), func(ctx context.Context, session *session) error {
		var err error
		if s.Filter, err = session.resolveRegexes(ctx, s.Scope, s.Filter); err != nil {
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

// ask reads what one question wants, within the time that it may take. alone says that it is one
// statement.
func (a access) ask(ctx context.Context, what string, alone bool, fn func(context.Context, *session) error) error {
	waits := a.db.waits()
	ctx, end := a.db.engine.Question(ctx)
	defer end()
	ctx, cancel := a.db.options.Limits.context(ctx)
	defer cancel()
	err := a.inSnapshot(ctx, what, alone, func(s *session) error { return fn(ctx, s) })
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

func (s *session) compiler() *compiler {
	return &compiler{dialect: s.db.dialect, schema: s.db.schema, counted: s.db.counted.Load()}
}

// rows runs a compiled query and counts what it gave.
func (s *session) rows(ctx context.Context, st statement, columns []Column, each func([]any) error) (int64, error) {
	n := int64(0)
	err := s.table(ctx, st, definitions(columns), func(row []any) error {
		n++
		return each(row)
	})
	return n, err
}

// table runs a query for rows that may be kept, unless the session reuses them. Room is made for
// more and more of them at once.
func (s *session) table(ctx context.Context, st statement, columns []tables.Column, each func([]any) error) error {
	var room, reused []any
	rows := 1
	return s.query(ctx, st.text, st.args, scanRows(columns, func(cells []scanned) error {
		switch {
		case reused != nil:
			room = reused
		case len(room) == 0:
			room = make([]any, rows*len(cells))
			if rows = min(2*rows, maxPreallocated); s.reusesRows {
				reused = room
			}
		}
		row := room[:len(cells):len(cells)]
		room = room[len(cells):]
		for i := range cells {
			row[i] = cells[i].value
		}
		return each(row)
	}))
}

// maxPreallocated is for how many rows memory is asked for at once.
const maxPreallocated = 64

func (s *session) count(ctx context.Context, st statement) (int64, error) {
	var n int64
	err := s.query(ctx, st.text, st.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// resolveRegexes replaces each regular expression by the list of values that
// it matches: these are few and found by an index, unlike the rows. Only
// values of rows that all other filters let through are tried.
func (s *session) resolveRegexes(ctx context.Context, scope Scope, filter Filter) (Filter, error) {
	if !filter.hasRegex() {
		return filter, nil
	}
	others := Filter{op: opAnd}
	if filter.op == opAnd {
		for _, kid := range filter.kids {
			if !kid.hasRegex() {
				others.kids = append(others.kids, kid)
			}
		}
	}
	return s.resolve(ctx, scope, others, filter)
}

func (s *session) resolve(ctx context.Context, scope Scope, others, f Filter) (Filter, error) {
	if f.op == opRegex {
		return s.resolveRegex(ctx, scope, others, f)
	}
	f.kids = slices.Clone(f.kids)
	for i, kid := range f.kids {
		var err error
		if f.kids[i], err = s.resolve(ctx, scope, others, kid); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (s *session) resolveRegex(ctx context.Context, scope Scope, others, f Filter) (Filter, error) {
	expression := f.values[0].(*regexp.Regexp) //nolint:forcetypeassert // made by pattern
	limit := s.db.options.Limits.RegexValues
	met := Filter{op: opRegexIn, column: f.column}
	tried := 0
	st := s.compiler().distinctValues(f.column, scope, others, limit)
	err := s.table(ctx, st, []tables.Column{{Kind: tables.KindText}}, func(row []any) error {
		if tried++; tried > limit {
			return errManyValues
		}
		if text, ok := row[0].(string); ok && expression.MatchString(text) {
			met.values = append(met.values, text)
		}
		return nil
	})
	switch {
	case !errors.Is(err, errManyValues):
		return met, err
	case s.db.dialect.Regexp:
		return f, nil // row by row
	}
	return f, &QueryError{
		Field:  f.column.Name(),
		Reason: "a regex can be tried on " + itoa(limit) + " different values at most, and there are more; add filters, or use like",
	}
}

var errManyValues = errors.New("more different values than a regex may be tried on")

// JobJDLs returns the jobs' JDLs as they are stored (see package jdl for
// their compression); jobs that don't exist or have none yet are left out.
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

// EachOriginalJDL is [DB.OriginalJDLs] that gives each text as it is read, to keep or not: together they
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

// pageAfter gives the page that begins after the search's cursor, and the next cursor if rows
// follow.
func (s *session) pageAfter(ctx context.Context, search Search, perPage int, each func([]any) error) (found, error) {
	from, err := search.parseCursor(s.db.dialect)
	if err != nil {
		return found{}, err
	}
	f := found{total: -1, before: from.Before}
	rows, place := int64(0), []any(nil)
	w, err := s.walkFor(ctx, search, int64(perPage))
	if err != nil {
		return f, err
	}
	for _, part := range search.placesAfter(from.Values) {
		left := int64(perPage) + 1 - rows // one more tells whether there is a next page
		if left <= 0 {
			break
		}
		st, err := s.partOf(ctx, search, w, part, left)
		if err != nil {
			return f, err
		}
		err = s.placedRows(ctx, st, search, func(row, at []any) error {
			if rows++; rows > int64(perPage) {
				return nil
			}
			place = append(place[:0], at...)
			return each(row)
		})
		if err != nil {
			return f, err
		}
	}
	if rows > int64(perPage) {
		f.next = cursor{search.order(s.db.dialect), from.Before + int64(perPage), place}.String()
	}
	return f, nil
}

// partOf selects rows of a part of those after a row.
func (s *session) partOf(ctx context.Context, search Search, w walk, after place, limit int64) (statement, error) {
	ids, complete, err := s.along(ctx, w, &after, limit, 0)
	if err == nil && complete {
		return s.compiler().rows(search.ofIDs(ids), int(limit)), nil
	}
	c := s.compiler()
	c.index = w.sorts
	return c.rowsAfter(search, after, limit), err
}

// placedRows runs a query for rows with their places.
func (s *session) placedRows(ctx context.Context, st statement, search Search, each func(row, place []any) error) error {
	columns := definitions(search.columns())
	n := len(columns)
	return s.table(ctx, st, append(columns, search.placeColumns(s.db.dialect)...), func(row []any) error {
		return each(row[:n:n], row[n:])
	})
}
