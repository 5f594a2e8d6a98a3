package jobdb

import "slices"

// CostlySearch reports whether a search may have to read many more jobs than it returns, up to all
// of a VO: for a pattern, a parameter, a sort or distinct values without an index, a total that no
// counts give, or a page far from the first. Other searches take milliseconds. A program that
// serves many callers should keep costly ones from taking all its connections; see
// [DB.Connections].
func (db *DB) CostlySearch(s Search) bool {
	c := db.compiler()
	switch {
	case s.Page > 0 && s.offset(max(1, s.PerPage)) >= deepOffset || s.Filter.hasPattern():
		return true
	case s.distinct():
		return c.countedBy(s.Scope, s.Filter, s.columns()) == nil
	case s.Filter.isSelective(db.schema.IndexesColumn):
		return false
	}
	first := s.ordering()[0].Column
	return c.countedBy(s.Scope, s.Filter, nil) == nil || first != colJobID && !db.schema.IndexesColumn(first.Name())
}

// CostlySummary reports whether a summary has to look at jobs because no counts answer it.
func (db *DB) CostlySummary(s Summary) bool {
	c := db.compiler()
	return s.Filter.hasPattern() || c.countedBy(s.Scope, s.Filter, s.columns()) == nil
}

// CostlyFacets reports whether facets have to look at jobs because no counts answer one of them.
func (db *DB) CostlyFacets(f Facets) bool {
	return slices.ContainsFunc(f.Columns, func(column Column) bool { return db.CostlySummary(f.summaryOf(column)) })
}

// CostlyValues reports whether the newest jobs of the scope have to be picked out from those of
// other VOs or owners, because a live database has no index for them.
func (db *DB) CostlyValues(v Values) bool {
	c := db.compiler()
	by := colJobID
	if v.Scope.Owner != "" {
		by = colOwner
	}
	counted := c.countedBy(v.Scope, Filter{}, []Column{v.Column}) != nil
	return v.Scope.VO != "" && !counted && !c.hasValueIndex(v) && db.schema.OfVO[by.Name()] == ""
}

// hasPattern reports whether a filter has a comparison that no index serves.
func (f Filter) hasPattern() bool {
	switch f.op { //nolint:exhaustive // the others compare columns, or have kids
	case opLike, opNotLike, opRegex, opRegexIn:
		return true
	}
	return f.column == colParameter || slices.ContainsFunc(f.kids, Filter.hasPattern)
}

// isSelective reports whether few jobs can pass a filter: it wants some IDs, or values of an indexed
// column that has many different ones.
func (f Filter) isSelective(indexed func(column string) bool) bool {
	if f.op == opAnd {
		return slices.ContainsFunc(f.kids, func(kid Filter) bool { return kid.isSelective(indexed) })
	}
	switch f.column {
	case colJobID:
		return f.op == opIn
	case colJobGroup, colJobName:
		// A job submitted without one has the default, and these may be most jobs.
		return f.op == opIn && indexed(f.column.Name()) && !slices.Contains(f.values, f.column.def().Value)
	}
	return false
}

// Connections returns how many connections queries can use at the same time. 0 means no limit,
// which only a pool given to [OpenDB] can have.
func (db *DB) Connections() int { return db.engine.Reader.Stats().MaxOpenConnections }
