package jobdb

import (
	"cmp"
	"context"
	"errors"
	"iter"
)

// Page is what a search found.
type Page struct {
	Total   int64    // rows that match, on all pages; -1 after a cursor, and uncounted
	Before  int64    // rows on the pages before this one
	Columns []Column // in the table's order
	Rows    [][]any  // int64, string, bool, AccountedFlag, UTC time.Time or nil
	Next    string   // the Cursor of the page after this one; "" when none follows, and for distinct rows
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
		if s.Filter, err = session.resolvePatterns(ctx, s.Scope, s.Filter); err != nil {
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
	if reach := search.offset(perPage) + int64(perPage); !c.sorts {
		w, err = s.walkFor(ctx, search, reach)
		if err == nil {
			c.along, err = s.along(ctx, search, reach)
		}
	}
	if err != nil {
		return found{}, err
	}
	selected := search
	ids, complete, err := s.walked(ctx, w, nil, int64(perPage), search.offset(perPage))
	switch {
	case err != nil:
		return found{}, err
	case complete:
		selected, c = search.ofIDs(ids), s.compiler()
	case w.byTime != "":
		c.index, err = s.afterWalk(ctx, w)
		c.sorts = c.index == w.byTime
	case w.sorts != "" && c.index == "":
		c.index = w.sorts
	}
	if err != nil {
		return found{}, err
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

// pageAfter gives the page that begins after the search's cursor, and the next cursor if rows
// follow.
func (s *session) pageAfter(ctx context.Context, search Search, perPage int, each func([]any) error) (found, error) {
	from, err := search.parseCursor(s.db.dialect)
	if err != nil {
		return found{}, err
	}
	f := found{total: -1, before: from.Before}
	rows, place := int64(0), []any(nil)
	w, err := s.walkAfter(ctx, search, perPage)
	if err != nil {
		return f, err
	}
	along, err := s.along(ctx, search, int64(perPage))
	if err != nil {
		return f, err
	}
	for _, part := range search.placesAfter(from.Values) {
		left := int64(perPage) + 1 - rows // one more tells whether there is a next page
		if left <= 0 {
			break
		}
		st, err := s.partOf(ctx, search, w, along, part, left)
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

// walkAfter chooses how to find the rows of a page after a cursor.
func (s *session) walkAfter(ctx context.Context, search Search, perPage int) (walk, error) {
	c, err := s.planned(ctx, search.Scope, search.Filter, true)
	if err != nil {
		return walk{}, err
	}
	w, err := s.walkFor(ctx, search, int64(perPage))
	w.sorts = cmp.Or(c.index, w.sorts)
	return w, err
}

// partOf selects rows of a part of those after a row.
func (s *session) partOf(ctx context.Context, search Search, w walk, along string, after place, limit int64) (statement, error) {
	ids, complete, err := s.walked(ctx, w, &after, limit, 0)
	if err == nil && complete {
		return s.compiler().rows(search.ofIDs(ids), int(limit)), nil
	}
	c := s.compiler()
	c.index, c.along = w.sorts, along
	if err == nil && w.byTime != "" {
		c.index, err = s.afterWalk(ctx, w)
	}
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
