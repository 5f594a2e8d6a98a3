package jobdb

import (
	"context"
	"slices"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

const (
	// fewJobs are read and sorted for one page without anybody noticing.
	fewJobs = 20_000
	// maxTried is how many jobs of a period are counted, in an index alone, to find out whether it
	// leaves fewer than the other conditions.
	maxTried = 1_000_000
	// manyEntries of an index are sorted for one page in the time in which fewJobs are.
	manyEntries = 250_000
)

// plannedPage is planned for a page, or all rows if perPage is 0, with the number of jobs on all pages
// where that had to be known; else it is -1.
//
// A page of a period's jobs by JobID is found by its time and sorted anew, unless these are very many
// jobs. They got their times nearly in the order of their JobIDs: along the JobIDs all jobs from before
// the period would come first, and servers expect to find the page after a few. Where other conditions
// have to be looked at and nobody wants the total, the server chooses: the jobs would be read twice.
// It is the same with names that match a pattern, of which there may be none at all.
func (s *session) plannedPage(ctx context.Context, search Search, perPage int) (c *compiler, total int64, err error) {
	page := perPage > 0 && !search.distinct()
	c = s.compiler()
	period := c.periodOf(search.Scope, search.Filter)
	if len(period.kids) == 0 {
		period = c.namesOf(search.Scope, search.Filter)
	}
	more := search.Scope.Owner != "" || slices.ContainsFunc(search.Filter.kids, func(kid Filter) bool {
		return len(period.kids) > 0 && kid.column != period.kids[0].column
	})
	if !page || len(period.kids) == 0 || more && (c.dialect.IndexedBy != "" || search.Uncounted) || !search.byKey() {
		switch {
		case page && len(period.kids) > 0 && search.ordering()[0].Column == period.kids[0].column:
			c, err = s.plannedInOrder(ctx, search, search.offset(perPage)+int64(perPage))
		case page && search.byKey() && c.covers(period, search):
			c, err = s.plannedInIndex(ctx, search, period)
		default:
			c, err = s.planned(ctx, search.Scope, search.Filter, page)
		}
		return c, -1, err
	}
	most := int64(manyEntries)
	switch {
	case period.kids[0].column.Kind() == tables.KindText: // names are among those of all JobIDs
		most = fewJobs
	case more: // all jobs of the period have been looked at for the total in any case
		most = maxWalked
	}
	c.index = c.schema.OfVO[period.kids[0].column.Name()]
	counting := c.total(search)
	if search.Uncounted {
		counting = s.compiler().upTo(search.Scope, search.Filter, c.index, most+1)
	}
	found, err := s.count(ctx, counting)
	planned := s.compiler()
	if found <= most {
		planned.index, planned.sorts = c.index, true
	}
	if search.Uncounted {
		return planned, -1, err
	}
	return planned, found, err
}

// planned is a compiler for a question about jobs. Where the engine doesn't know how many rows a
// range has, it is told whether to go along the index of a period, which may leave few jobs, or that
// of another condition. For a page a few are those that can all be sorted; other questions look at
// each job that they find.
func (s *session) planned(ctx context.Context, scope Scope, filter Filter, page bool) (*compiler, error) {
	c := s.compiler()
	period := c.periodOf(scope, filter)
	switch {
	case c.dialect.IndexedBy == "":
		return c, nil
	case len(period.kids) == 0:
		if !page && filter.wantsValues() { // not along an index that has the groups in order
			c.index, _ = c.equalOf(scope, filter)
		}
		return c, nil
	}
	limit := int64(fewJobs)
	if counted, ok := c.countedPart(scope, filter, nil); ok && !page {
		jobs, err := s.count(ctx, s.compiler().total(Search{Scope: scope, Filter: counted}))
		if err != nil {
			return nil, err
		}
		limit = max(limit, min(jobs, maxTried))
	}
	found, err := s.count(ctx, s.compiler().jobsOf(scope.VO, period, limit))
	if found < limit {
		c.index = c.schema.OfVO[period.kids[0].column.Name()]
	} else {
		c.index, _ = c.equalOf(scope, filter)
	}
	return c, err
}

// plannedInOrder is planned for a page that the index of a period has in its order: along that, if it has
// as many rows as reach before many jobs have been looked at, else as other questions.
func (s *session) plannedInOrder(ctx context.Context, search Search, reach int64) (*compiler, error) {
	c := s.compiler()
	counted, ok := c.countedPart(search.Scope, search.Filter, nil)
	if c.dialect.IndexedBy != "" && ok {
		wanted, err := s.count(ctx, s.compiler().total(Search{Scope: search.Scope, Filter: counted}))
		if err != nil {
			return nil, err
		}
		looked, err := s.toWalk(ctx, search.Scope.VO, reach, wanted)
		if err != nil {
			return nil, err
		}
		if fewJobs+looked < wanted {
			c.index = c.schema.OfVO[search.ordering()[0].Column.Name()]
			return c, nil
		}
	}
	return s.planned(ctx, search.Scope, search.Filter, false)
}

// plannedInIndex is planned for a page by JobID of a period's jobs whose other conditions the index of the
// time tells, too: they are sorted from that unless they are very many.
func (s *session) plannedInIndex(ctx context.Context, search Search, period Filter) (*compiler, error) {
	c := s.compiler()
	found, err := s.count(ctx, s.compiler().jobsOf(search.Scope.VO, period, manyEntries))
	switch {
	case err != nil:
		return nil, err
	case found == manyEntries:
		return s.planned(ctx, search.Scope, search.Filter, true)
	}
	c.index, c.sorts = c.schema.OfVO[period.kids[0].column.Name()], true
	return c, nil
}

// covers reports whether the engine is told the index of a period, and that has all that a search looks at.
func (c *compiler) covers(period Filter, search Search) bool {
	if c.dialect.IndexedBy == "" || len(period.kids) == 0 {
		return false
	}
	at := slices.IndexFunc(c.schema.Indexes, func(index schema.Index) bool { return index.Name == c.schema.OfVO[period.kids[0].column.Name()] })
	return at >= 0 && !slices.ContainsFunc(search.Filter.columns([]Column{colOwner}), func(column Column) bool {
		return !slices.Contains(c.schema.Indexes[at].Columns, column.Name())
	})
}

// toWalk is how many jobs of a VO are looked at, or fewer, until as many as reach are found of those that
// are wanted, if these aren't all among the last.
func (s *session) toWalk(ctx context.Context, vo string, reach, wanted int64) (int64, error) {
	all, err := s.count(ctx, s.compiler().total(Search{Scope: Scope{VO: vo}}))
	return 4 * reach * max(1, all/max(1, wanted)), err
}

// selective are columns by how few jobs one of their values has, the fewest first.
var selective = []string{
	"JobName", "JobGroup", "ApplicationStatus", "Owner", "Site", "MinorStatus", "OwnerGroup", "Status", "JobType",
}

// equalOf is the condition by which a column must have one value, and the index of the jobs of a VO by
// that column: of several conditions the one that should leave the fewest jobs. The index is "" if there
// is none.
func (c *compiler) equalOf(scope Scope, filter Filter) (index string, equal Filter) {
	var kids []Filter
	if filter.op == opAnd {
		kids = filter.kids
	}
	if scope.Owner != "" {
		kids = append(slices.Clip(kids), textIs(colOwner, scope.Owner))
	}
	for _, name := range selective {
		at := slices.IndexFunc(kids, func(kid Filter) bool { return kid.equals() && kid.column.Name() == name })
		if index = c.schema.OfVO[name]; at >= 0 && index != "" {
			return index, kids[at]
		}
	}
	return "", Filter{}
}

// wantsValues reports whether a filter wants one value of each column that it compares, none of them an ID.
func (f Filter) wantsValues() bool {
	return f.op == opAnd && !slices.ContainsFunc(f.kids, func(kid Filter) bool { return !kid.equals() || kid.column == colJobID })
}

// periodOf are the conditions of a filter on the first time that it compares, all of which have to be
// met, if an index has the jobs of a VO by it. Without a time it may be a range of names.
func (c *compiler) periodOf(scope Scope, filter Filter) Filter {
	period := Filter{op: opAnd}
	if scope.VO == "" || filter.op != opAnd {
		return period
	}
	isTime := func(kid Filter) bool {
		return kid.column.Kind() == tables.KindTime && c.schema.OfVO[kid.column.Name()] != ""
	}
	isName := func(kid Filter) bool {
		return kid.op != opIn && c.inByteOrder(scope, kid.column) && !c.countedAlone(kid.column)
	}
	for _, fits := range []func(Filter) bool{isTime, isName} {
		for _, kid := range filter.kids {
			if kid.isRange() && fits(kid) && (len(period.kids) == 0 || kid.column == period.kids[0].column) {
				period.kids = append(period.kids, kid)
			}
		}
		if len(period.kids) > 0 {
			break
		}
	}
	return period
}

// namesOf are the conditions of a filter on the first text that it compares with a pattern, if an index
// has the jobs of a VO by it: passing over that takes less time than looking at the jobs.
func (c *compiler) namesOf(scope Scope, filter Filter) Filter {
	names := Filter{op: opAnd}
	if scope.VO == "" || filter.op != opAnd {
		return names
	}
	for _, kid := range filter.kids {
		isPattern := slices.Contains([]op{opLike, opRegex, opRegexIn}, kid.op)
		if isPattern && c.inByteOrder(scope, kid.column) && !c.countedAlone(kid.column) && (len(names.kids) == 0 || kid.column == names.kids[0].column) {
			names.kids = append(names.kids, kid)
		}
	}
	return names
}

// isRange reports whether a condition is one range of an index.
func (f Filter) isRange() bool {
	return slices.Contains([]op{opIn, opGreater, opGreaterEqual, opLess, opLessEqual}, f.op) && len(f.values) == 1
}

// jobsOf counts the jobs of a VO in a period, up to a limit.
func (c *compiler) jobsOf(vo string, period Filter, limit int64) statement {
	return c.upTo(Scope{VO: vo}, period, c.schema.OfVO[period.kids[0].column.Name()], limit)
}

// upTo counts the jobs that a filter wants, along an index if it can be told, up to a limit.
func (c *compiler) upTo(scope Scope, filter Filter, index string, limit int64) statement {
	c.index = index
	c.write("SELECT count(*) FROM (SELECT 1 FROM ")
	c.jobs()
	c.where(scope, filter)
	c.write(" LIMIT ", c.arg(limit), ") AS p")
	return c.statement()
}

// countedPart is what of a filter the counts tell of, together with some columns.
func (c *compiler) countedPart(scope Scope, filter Filter, columns []Column) (counted Filter, ok bool) {
	parts := []Filter{filter}
	if filter.op == opAnd {
		parts = filter.kids
	}
	counted = Filter{op: opAnd}
	for _, part := range parts {
		more := Filter{op: opAnd, kids: append(slices.Clip(counted.kids), part)}
		if !part.hasPattern() && c.countedBy(scope, more, columns) != nil {
			counted = more
		}
	}
	return counted, c.countedBy(scope, counted, columns) != nil
}
