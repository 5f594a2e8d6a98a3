package jobdb

import "slices"

// CostlySearch reports whether a search may have to look at many more jobs than it gives: at all of
// a VO for a pattern, a parameter, a sort or distinct values that no index has, for a total that no
// counts tell, or for a page far behind. Others take milliseconds. A program that serves many
// callers keeps costly ones from taking all its connections, see [DB.Connections].
func (db *DB) CostlySearch(s Search) bool {
	c := &compiler{dialect: db.dialect, schema: db.schema, counted: db.counted.Load()}
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
	c := &compiler{dialect: db.dialect, schema: db.schema, counted: db.counted.Load()}
	return s.Filter.hasPattern() || c.countedBy(s.Scope, s.Filter, s.columns()) == nil
}

// CostlyFacets reports whether facets have to look at jobs because no counts answer one of them.
func (db *DB) CostlyFacets(f Facets) bool {
	return slices.ContainsFunc(f.Columns, func(column Column) bool { return db.CostlySummary(f.of(column)) })
}

// CostlyValues reports whether the newest jobs have to be looked for among those of other VOs or
// owners, which live databases may keep together.
func (db *DB) CostlyValues(v Values) bool {
	c := &compiler{dialect: db.dialect, schema: db.schema, counted: db.counted.Load()}
	by := colJobID
	if v.Scope.Owner != "" {
		by = colOwner
	}
	return v.Scope.VO != "" && c.countedBy(v.Scope, Filter{}, []Column{v.Column}) == nil && !c.walks(v) && db.schema.OfVO[by.Name()] == ""
}

// hasPattern reports whether a filter compares by what no index serves.
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
	case columnByName["JobGroup"], columnByName["JobName"]:
		// Whoever gives none has the column's default, as most jobs may.
		return f.op == opIn && indexed(f.column.Name()) && !slices.Contains(f.values, f.column.def().Value)
	}
	return false
}

// Connections is how many connections questions can have at the same time; 0 is any number, which
// only the pool of [OpenDB] may be set to.
func (db *DB) Connections() int { return db.engine.Reader.Stats().MaxOpenConnections }
