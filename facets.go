package jobdb

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// FacetsRequest asks for facets as clients do, not yet checked.
type FacetsRequest struct {
	Columns []string     `json:"columns"`
	Search  []FilterSpec `json:"search,omitempty"`
	Top     int          `json:"top,omitempty"`
}

// Facets is a checked query for the values of some columns with the numbers of their jobs. Get one
// from [FacetsRequest.Parse], then set Scope, which must be given.
type Facets struct {
	Scope   Scope
	Columns []Column // in the table's order
	Filter  Filter
	Top     int // values of each column, at most [MaxTop]; 0: 10
}

// Facet is a column's most frequent values among the jobs that match a filter without its
// conditions on the column itself: what another choice of the column's values would find.
type Facet struct {
	Column Column
	Values []ValueCount // by their counts, the largest first, then by the value
	More   bool         // there are other values
}

// ValueCount is a value and the number of jobs that have it.
type ValueCount struct {
	Value any // int64, string, bool, AccountedFlag or nil
	Count int64
}

// MaxTop is how many values of a column [DB.Facets] gives at most.
const MaxTop = 1000

const defaultTop = 10

// Parse checks a request for facets against the table's columns and the limits. Every fault is a
// [QueryError] that names the parameter.
func (r FacetsRequest) Parse(limits Limits) (Facets, error) {
	columns, err := parseColumns("columns", r.Columns)
	if err != nil {
		return Facets{}, err
	}
	filter, err := ParseFilters(r.Search, limits)
	if err != nil {
		return Facets{}, err
	}
	f := Facets{Columns: columns, Filter: filter, Top: r.Top}
	return f, f.check()
}

func (f Facets) check() error {
	if len(f.Columns) == 0 {
		return &QueryError{Field: "columns", Reason: "name at least one column"}
	}
	for _, column := range f.Columns {
		if err := column.checkSplit("columns"); err != nil {
			return err
		}
	}
	return checkTop("top", f.Top, MaxTop)
}

// checkSplit refuses columns in which hardly two jobs have the same value.
func (c Column) checkSplit(field string) error {
	if c == colJobID || c.Kind() == tables.KindTime {
		return &QueryError{Field: field, Reason: "jobs can't be divided by " + c.Name() + ", of which nearly each has a value of its own"}
	}
	return nil
}

func checkTop(field string, top, limit int) error {
	if top < 0 || top > limit {
		return &QueryError{Field: field, Reason: "from 1 to " + itoa(limit) + ", not " + itoa(top)}
	}
	return nil
}

// summaryOf is the summary whose most frequent groups are the facet of a column.
func (f Facets) summaryOf(column Column) Summary {
	return Summary{Scope: f.Scope, GroupBy: []Column{column}, Filter: f.Filter.without(column)}
}

// without leaves out the conditions on nothing but a column.
func (f Filter) without(column Column) Filter {
	others := slices.DeleteFunc(slices.Clone(f.kids), func(kid Filter) bool {
		columns := kid.columns(nil)
		return len(columns) > 0 && !slices.ContainsFunc(columns, func(c Column) bool { return c != column })
	})
	if f.op != opAnd || len(others) == len(f.kids) {
		return f
	}
	return Filter{op: opAnd, kids: others}
}

// Facets counts the jobs that match by each of the columns, in one snapshot of the database. Where
// counts are kept by the column and by all that the filter compares, the cost grows only with the
// number of values. Otherwise it reads the jobs that the filter leaves, most often once for all
// columns without conditions of their own, or for each column an index with all jobs of the scope;
// [DB.CostlyFacets] tells. All of it must end within [Limits.QueryTimeout]. On live MariaDB and
// MySQL texts that their collation holds equal are one value.
func (a access) Facets(ctx context.Context, f Facets) ([]Facet, error) {
	if err := a.checkQuestion(f.Scope, f.Filter, f.check()); err != nil {
		return nil, err
	}
	var facets []Facet
	err := a.ask(ctx, "count jobs by facets", len(f.Columns) == 1 && !f.Filter.looksUp(), func(ctx context.Context, s *session) (err error) {
		facets, err = s.facets(ctx, f)
		return err
	})
	return facets, err
}

func (s *session) facets(ctx context.Context, f Facets) ([]Facet, error) {
	whole, err := s.resolvePatterns(ctx, f.Scope, f.Filter)
	if err != nil {
		return nil, err
	}
	together, err := s.countInOnePass(ctx, Summary{Scope: f.Scope, GroupBy: s.compiler().onePassColumns(f), Filter: whole})
	if err != nil {
		return nil, err
	}
	top := cmp.Or(f.Top, defaultTop)
	facets := make([]Facet, len(f.Columns))
	for i, column := range f.Columns {
		if values := together[column]; values != nil {
			facets[i] = facetOf(column, values, top)
			continue
		}
		summary := f.summaryOf(column)
		if len(summary.Filter.kids) == len(f.Filter.kids) {
			summary.Filter = whole
		} else if summary.Filter, err = s.resolvePatterns(ctx, f.Scope, summary.Filter); err != nil {
			return nil, err // a regex is tried on the values that the other conditions leave
		}
		facets[i].Column = column
		if err = s.facet(ctx, summary, top, &facets[i]); err != nil {
			return nil, err
		}
	}
	return facets, nil
}

// onePassColumns are the columns that are counted together in one pass over the jobs that the
// filter leaves: at least two, without conditions of their own, that no counts answer. JobName is
// left out, since hardly two jobs have the same, and so are texts that don't compare byte by byte.
func (c *compiler) onePassColumns(f Facets) (columns []Column) {
	for _, column := range f.Columns {
		own := f.summaryOf(column)
		if (len(f.Filter.kids) > 0 || f.Scope.Owner != "") && len(own.Filter.kids) == len(f.Filter.kids) && column != colJobName &&
			c.schema.Collation(tables.Jobs.Name, column.Name()) == "" && c.countedBy(own.Scope, own.Filter, own.GroupBy) == nil {
			columns = append(columns, column)
		}
	}
	if len(columns) < 2 {
		return nil
	}
	return columns
}

// maxOnePassValues is how many values of a column are counted in memory. The database counts those
// of a column with more.
const maxOnePassValues = 5000

// countInOnePass counts the jobs of a summary by each of its columns alone, in one pass over them.
// Grouping by all columns in the database would take longer. Columns with too many values are left
// out.
func (s *session) countInOnePass(ctx context.Context, summary Summary) (map[Column]map[any]int64, error) {
	if len(summary.GroupBy) == 0 {
		return nil, nil //nolint:nilnil // no column
	}
	counts := map[Column]map[any]int64{}
	for _, column := range summary.GroupBy {
		counts[column] = map[any]int64{}
	}
	st := s.compiler().values(summary)
	err := s.query(ctx, st.text, st.args, scanRows(definitions(summary.GroupBy), func(cells []scanned) error {
		for i, column := range summary.GroupBy {
			if values := counts[column]; len(values) > maxOnePassValues {
				counts[column] = nil
			} else if values != nil {
				values[cells[i].value]++
			}
		}
		return nil
	}))
	return counts, err
}

func facetOf(column Column, values map[any]int64, top int) Facet {
	facet := Facet{Column: column, More: len(values) > top}
	for value, count := range values {
		facet.Values = append(facet.Values, ValueCount{value, count})
	}
	slices.SortFunc(facet.Values, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareValues(a.Value, b.Value))
	})
	facet.Values = slices.Clip(facet.Values[:min(top, len(facet.Values))])
	return facet
}

// compareValues sorts values of one column as the database does: nil first, flags by their names.
func compareValues(a, b any) int {
	x, isInteger := a.(int64)
	y, both := b.(int64)
	switch {
	case a == nil:
		return -1 // no two are the same
	case b == nil:
		return 1
	case isInteger && both:
		return cmp.Compare(x, y)
	}
	return strings.Compare(valueText(a), valueText(b))
}

func valueText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return flagText(v)
	case AccountedFlag:
		return string(v)
	}
	return ""
}

// facet adds the most frequent groups of a summary by one column to a facet.
func (s *session) facet(ctx context.Context, summary Summary, top int, facet *Facet) error {
	columns := append(definitions(summary.GroupBy), countColumn)
	c, err := s.planned(ctx, summary.Scope, summary.Filter, false)
	if err != nil {
		return err
	}
	return s.table(ctx, c.facet(summary, top), columns, func(row []any) error {
		if facet.More = len(facet.Values) == top; !facet.More {
			facet.Values = append(facet.Values, ValueCount{Value: row[0], Count: row[1].(int64)}) //nolint:forcetypeassert // countColumn's
		}
		return nil
	})
}

// countColumn is the number of jobs at the end of a group's row.
var countColumn = tables.Column{Name: "count", Kind: tables.KindInteger}
