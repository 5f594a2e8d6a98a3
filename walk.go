package jobdb

import (
	"context"
	"slices"

	"jobdb/internal/tables"
)

// walk is a way to find a page of jobs that a filter wants, in the order of another column: along the
// index that has the jobs of the VO in that order, looking at each job. It ends after a number of
// jobs, because it may be that all that the filter wants come last.
type walk struct {
	search Search
	index  string // of the jobs of the VO in the order of the search
	of     Filter // the condition on a value that all jobs meet that the index leads to
	limit  int64  // jobs to look at
	sorts  string // the index to use, and to sort by, where a walk isn't worth it or has found too few
	byTime string // the index of a period's time, in which a page's jobs are found then, unless fewer have the value
}

// walkable reports whether jobs are wanted by one column, which isn't the ID, and sorted by another.
func (s Search) walkable() bool {
	keys := s.ordering()
	inOrder := len(keys) == 1 || len(keys) == 2 && keys[0].Descending == keys[1].Descending // of an index
	wantsIDs := slices.ContainsFunc(s.Filter.kids, func(kid Filter) bool { return kid.column == colJobID && kid.op == opIn })
	return inOrder && !wantsIDs && !s.distinct() && s.Scope.VO != "" && s.Filter.op == opAnd &&
		(len(s.Filter.kids) > 0 || s.Scope.Owner != "" && !s.byKey()) && !s.Filter.hasParameter()
}

// byKey reports whether jobs are sorted by JobID.
func (s Search) byKey() bool { return len(s.ordering()) == 1 }

// ordering are the keys that order what a search finds, JobID the last of them: not those that are the
// same for all jobs found, by which some engines would sort nevertheless.
func (s Search) ordering() []Sort {
	return slices.DeleteFunc(s.keys(), func(key Sort) bool { return s.fixes(key.Column) })
}

// fixes reports whether a column but JobID is the same for all jobs found.
func (s Search) fixes(column Column) bool {
	_, fixed := s.fixed(column)
	return fixed && column != colJobID
}

// fixed is the one value of a column that all jobs found have.
func (s Search) fixed(column Column) (value any, ok bool) {
	switch {
	case column == colVO && s.Scope.VO != "":
		return s.Scope.VO, true
	case column == colOwner && s.Scope.Owner != "":
		return s.Scope.Owner, true
	case s.Filter.op != opAnd || column.Kind() == tables.KindTime:
		return nil, false
	}
	for _, kid := range s.Filter.kids {
		if kid.op == opIn && len(kid.values) == 1 && kid.column == column {
			return kid.values[0], true
		}
	}
	return nil, false
}

// maxWalked is how many jobs are looked at for those of a long period by JobID. The newest of a
// period that goes on are among the first.
const maxWalked = 5 * fewJobs

// walkPeriod chooses how to find the rows of a page of a period by JobID, where the period has many
// jobs, which would all be sorted: among all, or among those with a value.
func (s *session) walkPeriod(ctx context.Context, search Search, period Filter) (walk, error) {
	c := s.compiler()
	w := walk{
		search: search, index: c.schema.OfVO[colJobID.Name()], of: Filter{op: opAnd}, limit: maxWalked,
		byTime: c.schema.OfVO[period.kids[0].column.Name()],
	}
	if !search.byKey() || w.index == "" {
		return walk{}, nil
	}
	if index, equal := c.equalOf(search.Scope, search.Filter); index != "" {
		w.index, w.of, w.limit = index, equal, fewJobs
	}
	found, err := s.count(ctx, c.jobsOf(search.Scope.VO, period, fewJobs))
	if err != nil || found < fewJobs {
		return walk{}, err
	}
	return w, nil
}

// afterWalk is the index in which the jobs of a period are found after a walk that found too few: that of
// the time, or that of a value that fewer jobs have.
func (s *session) afterWalk(ctx context.Context, w walk) (string, error) {
	if !w.of.equals() {
		return w.byTime, nil
	}
	c := s.compiler()
	scope := Scope{VO: w.search.Scope.VO}
	withValue, err := s.wanted(ctx, Search{Scope: scope, Filter: Filter{op: opAnd, kids: []Filter{w.of}}})
	if err != nil {
		return "", err
	}
	most := min(withValue, maxTried)
	found, err := s.count(ctx, c.jobsOf(scope.VO, c.periodOf(w.search.Scope, w.search.Filter), most))
	if found == most {
		return w.index, err
	}
	return w.byTime, err
}

// walkFor chooses how to find the rows of a page, of which reach are on it and on those before.
// The zero walk leaves the choice to the engine. Where the engine doesn't know how many jobs have
// a value, the counts tell it, or the entries of an index.
func (s *session) walkFor(ctx context.Context, search Search, reach int64) (walk, error) {
	if s.db.dialect.IndexedBy == "" || !search.walkable() {
		return walk{}, nil
	}
	c := s.compiler()
	if period := c.periodOf(search.Scope, search.Filter); len(period.kids) > 0 && (search.byKey() || period.kids[0].column.Kind() == tables.KindTime) {
		return s.walkPeriod(ctx, search, period)
	}
	return s.walkByColumn(ctx, search, reach)
}

// walkByColumn is walkFor where jobs with a value are sorted by another column.
func (s *session) walkByColumn(ctx context.Context, search Search, reach int64) (walk, error) {
	w := walk{search: search, of: Filter{op: opAnd}}
	w.index, w.sorts = s.compiler().orderAndValue(search)
	if w.index == "" {
		return walk{}, nil
	}
	wanted, err := s.wanted(ctx, search)
	if err != nil || wanted <= fewJobs {
		return w, err
	}
	looked, err := s.toWalk(ctx, search.Scope.VO, reach, wanted)
	if limit := fewJobs + looked; reach < wanted && limit < wanted {
		w.limit = limit
	}
	return w, err
}

// orderAndValue are two indexes of the jobs of a VO: one that has them in the order of a search, and one by
// a value that the search wants. They are "" where there aren't both.
func (c *compiler) orderAndValue(search Search) (order, value string) {
	order = c.schema.OfVO[search.ordering()[0].Column.Name()]
	value, _ = c.equalOf(search.Scope, search.Filter)
	if search.byKey() || order == "" || value == "" || order == value {
		return "", ""
	}
	return order, value
}

// along is the index of the jobs of a VO that MariaDB and MySQL are told to find a page by, where they don't
// know how many jobs they would look at: that of the order, or that of a value, whose jobs are sorted.
// It is "" where they choose. No statement of theirs ends after so many jobs and gives its rows as they
// come.
func (s *session) along(ctx context.Context, search Search, reach int64) (string, error) {
	c := s.compiler()
	if !c.dialect.ForceIndex || !search.walkable() || search.ordering()[0].Column.isFlag() || // no index has flags in the order of their texts
		len(c.periodOf(search.Scope, search.Filter).kids) > 0 {
		return "", nil
	}
	order, value := c.orderAndValue(search)
	if order == "" {
		return "", nil
	}
	wanted, err := s.wanted(ctx, search)
	if err != nil {
		return "", err
	}
	looked, err := s.toWalk(ctx, search.Scope.VO, reach, wanted)
	if reach < wanted && looked < wanted {
		return order, err
	}
	return value, err
}

// wanted is how many jobs a search finds, or more where neither the counts nor an index tell; it counts
// up to maxTried.
func (s *session) wanted(ctx context.Context, search Search) (int64, error) {
	c := s.compiler()
	if c.countedBy(search.Scope, search.Filter, nil) != nil {
		return s.count(ctx, c.total(search))
	}
	for _, kid := range search.Filter.kids {
		if index := c.schema.OfVO[kid.column.Name()]; kid.equals() && index != "" {
			return s.count(ctx, c.jobsOf(search.Scope.VO, Filter{op: opAnd, kids: []Filter{kid}}, maxTried))
		}
	}
	return maxTried, nil
}

// walked finds the jobs of a part of the order, of which the compiler's statement is told by after, at
// most limit of them behind an offset. It reports whether these are all that the part has, or all that
// are wanted; else the walk ended too early.
func (s *session) walked(ctx context.Context, w walk, after *place, limit, offset int64) (ids []any, complete bool, err error) {
	if w.limit == 0 {
		return nil, false, nil
	}
	st := s.compiler().walkedRows(w, after, limit, offset)
	err = s.table(ctx, st, definitions([]Column{colJobID}), func(row []any) error {
		ids = append(ids, row[0])
		return nil
	})
	if err != nil || int64(len(ids)) == limit {
		return ids, true, err
	}
	looked, err := s.count(ctx, s.compiler().walkedJobs(w, after))
	return ids, looked < w.limit, err
}

// walkedRows selects the JobIDs of a walk that the filter wants.
func (c *compiler) walkedRows(w walk, after *place, limit, offset int64) statement {
	search := w.search
	columns := search.Filter.columns([]Column{colJobID, colVO, colOwner})
	slices.SortFunc(columns, func(a, b Column) int { return int(a.index) - int(b.index) })
	c.write(`SELECT "JobID" FROM (SELECT `, selectList(slices.Compact(columns)))
	c.walkSource(w, after)
	c.write(`) AS "Jobs"`)
	c.where(search.Scope, search.Filter)
	c.write(" LIMIT ", c.arg(limit), " OFFSET ", c.arg(offset))
	return c.statement()
}

// walkedJobs counts the jobs that a walk looks at.
func (c *compiler) walkedJobs(w walk, after *place) statement {
	c.write("SELECT count(*) FROM (SELECT 1")
	c.walkSource(w, after)
	c.write(") AS w")
	return c.statement()
}

func (c *compiler) walkSource(w walk, after *place) {
	c.write(` FROM "Jobs"`, c.dialect.IndexedBy, tables.Quote(w.index))
	c.where(Scope{VO: w.search.Scope.VO}, w.of)
	keys := w.search.ordering()
	if after != nil {
		keys = c.placeConditions(keys, *after, " AND ")
	}
	c.orderByKeys(keys)
	c.write(" LIMIT ", c.arg(w.limit))
}

// ofIDs is a search for the rows of a page whose jobs are known.
func (s Search) ofIDs(ids []any) Search {
	s.Filter = Filter{op: opAnd, kids: []Filter{{op: opIn, values: ids}}}
	s.Page = 1
	return s
}
