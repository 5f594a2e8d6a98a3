package jobdb

import (
	"slices"
	"strings"
	"time"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// indexGroups are the groups of the jobs that a filter finds by one value of a column, if an index has
// them side by side. From one to the next the engine goes along the index without a look at the jobs
// between, if it is asked for nothing else: the byte-exact comparison with the value comes afterwards.
type indexGroups struct {
	index string // "": there is none
	value Filter
	by    Column
}

// groupsAlongIndex finds them for what groups all jobs by these columns.
func (c *compiler) groupsAlongIndex(scope Scope, filter Filter, columns []Column) indexGroups {
	if !c.dialect.ForceIndex || scope != (Scope{AllVOs: true}) || filter.op != opAnd || len(filter.kids) != 1 || !filter.kids[0].equals() || len(columns) != 1 {
		return indexGroups{}
	}
	g := indexGroups{value: filter.kids[0], by: columns[0]}
	if c.foldsCase(g.value.column) && g.by.Kind() == tables.KindText && !c.schema.Nulls[tables.Jobs.Name+"."+g.by.Name()] {
		for _, index := range c.schema.Indexes {
			if len(index.Columns) > 1 && index.Columns[0] == g.value.column.Name() && index.Columns[1] == g.by.Name() {
				g.index = index.Name
			}
		}
	}
	return g
}

// name is the column that is grouped by, of a table.
func (g indexGroups) name(table string) string { return table + "." + tables.Quote(g.by.Name()) }

// writeGroups writes a derived table g of the groups with any spelling of the value.
func (c *compiler) writeGroups(g indexGroups) {
	value := tables.Quote(g.value.column.Name())
	c.write("(SELECT DISTINCT ", value, ", ", tables.Quote(g.by.Name()), ` FROM "Jobs"`)
	c.writeForcedIndex(g.index)
	c.write(" WHERE ", value, " = ", c.collated(g.value.column, g.value.values[0]), ") AS g")
}

// writeJobsIn writes the jobs of one group with the value itself.
func (c *compiler) writeJobsIn(g indexGroups) {
	value := tables.Quote(g.value.column.Name())
	c.write(` FROM "Jobs" AS t`)
	c.writeForcedIndex(g.index)
	c.write(" WHERE t.", value, " = g.", value, " AND ", g.name("t"), " = ", g.name("g"), " AND ")
	c.exactly(g.value, "t.")
}

// countGroups selects groups with their counts. Where each is counted by itself, MariaDB doesn't
// compare every entry of the index with the value in the column's collation once more.
func (c *compiler) countGroups(g indexGroups, first string, limit int) {
	c.write("SELECT ", g.name("g"), ", (SELECT count(*)")
	c.writeJobsIn(g)
	c.write(") AS n FROM ")
	c.writeGroups(g)
	c.write(" HAVING n > 0 ORDER BY ", first, c.sortKey(Sort{Column: g.by}, g.name("g")), " LIMIT ", c.arg(int64(limit)+1))
}

// summary selects the groups of a summary with their counts: at most one more than the limit, to
// tell that there are too many.
func (c *compiler) summary(s Summary, limit int) statement { return c.groups(s, "", limit) }

// facet selects the groups of a summary by one column, the largest first.
func (c *compiler) facet(s Summary, top int) statement { return c.groups(s, "2 DESC, ", top) }

func (c *compiler) groups(s Summary, first string, limit int) statement {
	columns := s.columns()
	selected := make([]string, len(columns))
	groups := make([]string, len(columns))
	order := make([]string, len(columns))
	kind := c.countedBy(s.Scope, s.Filter, columns)
	if g := c.groupsAlongIndex(s.Scope, s.Filter, columns); kind == nil && g.index != "" && c.dialect.CountsInGroups {
		c.countGroups(g, first, limit)
		return c.statement()
	}
	unindexed := ""
	if kind == nil && s.Scope.VO != "" && (len(s.Filter.kids) > 0 || s.Scope.Owner != "") {
		unindexed = c.dialect.NoIndexPrefix
	}
	for i, column := range columns {
		selected[i] = c.merged(column)
		groups[i] = unindexed + selected[i]
		order[i] = unindexed + c.sortKey(Sort{Column: column}, c.sortable(column, selected[i]))
	}
	hint := ""
	if kind == nil {
		hint = c.rowsFirst(s.Scope, s.Filter)
	}
	c.write("SELECT ", hint, strings.Join(selected, ", "), ", ", c.countOf(kind), " FROM ")
	c.countSource(kind, s.Scope, s.Filter, columns)
	if kind == nil {
		groups = c.inIndexOrder(columns, groups)
	}
	c.write(" GROUP BY ", strings.Join(groups, ", "), c.havingNonZero(kind))
	c.write(" ORDER BY ", first, strings.Join(order, ", "))
	c.write(" LIMIT ", c.arg(int64(limit)+1))
	return c.statement()
}

// values selects the columns of the jobs of a summary, one row for each job.
func (c *compiler) values(s Summary) statement {
	columns := make([]string, len(s.GroupBy))
	for i, column := range s.GroupBy {
		columns[i] = c.merged(column)
	}
	c.write("SELECT ", strings.Join(columns, ", "), ` FROM "Jobs"`)
	c.where(s.Scope, s.Filter)
	return c.statement()
}

// histogram selects the number of the bucket, the value if jobs are split by one, and the number of
// jobs, in the order of the values. Values are told apart by their bytes also in live databases, where
// no index groups them by bucket.
func (c *compiler) histogram(h Histogram) statement {
	d := c.dialect
	c.write("SELECT ", d.Minutes[0], tables.Quote(h.Time.Name()), d.Minutes[1], d.Divide, c.arg(int64(h.Bucket/time.Minute)))
	groups := "1"
	if h.By != (Column{}) {
		groups = "2, 1"
		c.write(", ", d.NoIndexPrefix, c.grouped(h.By))
	}
	c.write(", count(*) FROM ")
	c.jobs()
	c.where(h.Scope, h.within())
	c.write(" GROUP BY ", groups, " ORDER BY ", groups)
	return c.statement()
}

// grouped is an expression for a column that groups values that are equal byte by byte.
func (c *compiler) grouped(column Column) string {
	if column.Kind() == tables.KindText {
		return c.byteExact(column)
	}
	return c.merged(column)
}

// nextValue selects the first value of an indexed column from a text on, or after it.
func (c *compiler) nextValue(v Values, sign op, from string) statement {
	name := tables.Quote(v.Column.Name())
	c.write("SELECT ", name, ` FROM "Jobs"`)
	if c.choosesIndex(v.Scope) {
		c.writeForcedIndex(c.schema.OfVO[v.Column.Name()])
	}
	c.where(v.Scope, Filter{op: sign, column: v.Column, values: []any{from}})
	c.write(" ORDER BY ", name, " LIMIT 1")
	return c.statement()
}

// inIndexOrder brings what columns are grouped by into the order of an index that begins with all of
// them, if there is one: it has the rows of each group together, and no engine looks for another order.
func (c *compiler) inIndexOrder(columns []Column, groups []string) []string {
	ordered := make([]string, 0, len(groups))
	for _, index := range c.schema.Indexes {
		ordered = ordered[:0]
		for _, name := range index.Columns[:min(len(index.Columns), len(columns))] {
			at := slices.IndexFunc(columns, func(column Column) bool { return column.Name() == name })
			if at >= 0 {
				ordered = append(ordered, groups[at])
			}
		}
		if len(ordered) == len(groups) {
			return ordered
		}
	}
	return groups
}

// distinctValues selects the values of one column, as text, to try a regex on: at most one more
// than the limit, to tell that there are too many.
func (c *compiler) distinctValues(column Column, scope Scope, filter Filter, limit int) statement {
	kind := c.countedBy(scope, filter, []Column{column})
	c.write("SELECT ", c.comparable(column), " FROM ")
	c.countSource(kind, scope, filter, []Column{column})
	c.write(" GROUP BY ", c.comparable(column), c.havingNonZero(kind), " LIMIT ", c.arg(int64(limit)+1))
	return c.statement()
}

// countedBy returns the counts that answer a query on these columns, or nil where jobs must be
// read.
func (c *compiler) countedBy(scope Scope, filter Filter, columns []Column) *countKind {
	if !c.counted {
		return nil
	}
	columns = filter.columns(slices.Clip(columns))
	if scope.Owner != "" {
		columns = append(columns, colOwner)
	}
	for i := range countKinds {
		if countKinds[i].has(columns) {
			return &countKinds[i]
		}
	}
	return nil
}

// countSource writes the table that a summary reads: Jobs, or the counts of a kind under the names
// of its columns. The condition is in each half of their union, because MariaDB would write the
// whole union to disk before it applies one from outside.
func (c *compiler) countSource(kind *countKind, scope Scope, filter Filter, columns []Column) {
	if kind == nil {
		c.jobsToGroup(scope, filter, columns, len(filter.kids) > 0 || scope.Owner != "")
		return
	}
	c.write("(SELECT * FROM (")
	c.foldedCounts(kind)
	c.write(`) AS "Jobs"`)
	c.where(scope, filter)
	c.write(` UNION ALL SELECT "VO", `, selectList(kind.columns), `, "Count" FROM "JobDifferences" AS "Jobs"`)
	c.where(scope, filter)
	c.write(`) AS "Jobs"`)
}

// jobsToGroup writes the table Jobs for groups or distinct rows. Where no index has all that is asked
// of the jobs of a VO, their rows have to be read, which is fastest in the table's own order; MariaDB
// and MySQL would go along some index, from row to row.
//
// Where it is planned apart, or jobs of a period are wanted, they are found by the filter. PostgreSQL would
// go along an index that has the groups in order, past all jobs of all VOs: because there is a limit on
// groups, it expects to be done soon.
func (c *compiler) jobsToGroup(scope Scope, filter Filter, columns []Column, apart bool) {
	if c.dialect.PlannedApart != "" && (apart || len(c.periodOf(scope, filter).kids) > 0) {
		c.write("(SELECT ", selectList(columns), " FROM ")
		c.jobs()
		c.where(scope, filter)
		c.write(c.dialect.PlannedApart, `) AS "Jobs"`)
		return
	}
	c.jobs()
	live := c.schema.Kind != schema.KindOurs
	if live && c.choosesIndex(scope) && filter.op == opAnd && len(filter.kids) == 0 && !c.coversVO(columns) {
		c.write(" USE INDEX ()")
	}
	c.ignoreOrder(scope, filter, columns)
	c.where(scope, filter)
}

// ignoreOrder keeps MariaDB and MySQL from going along an index that has the groups in order, past all
// jobs of the VO, or of another condition's value, where a period leaves fewer of them. MariaDB expects
// to be done soon, since there is a limit on groups.
func (c *compiler) ignoreOrder(scope Scope, filter Filter, columns []Column) {
	period := c.periodOf(scope, filter)
	if !c.dialect.ForceIndex || len(period.kids) == 0 {
		return
	}
	differs := func(column Column) bool { return !(Search{Scope: scope, Filter: filter}).fixes(column) }
	var names []string
	for _, index := range c.schema.Indexes {
		first := slices.IndexFunc(index.Columns, func(name string) bool { return differs(columnByName[name]) })
		if first >= 0 && index.Name != c.schema.OfVO[period.kids[0].column.Name()] && slices.Contains(columns, columnByName[index.Columns[first]]) {
			names = append(names, tables.Quote(index.Name))
		}
	}
	if len(names) > 0 {
		c.write(" IGNORE INDEX FOR GROUP BY (", strings.Join(names, ", "), ")")
	}
}

// coversVO reports whether an index has these columns of the jobs of a VO.
func (c *compiler) coversVO(columns []Column) bool {
	return slices.ContainsFunc(c.schema.Indexes, func(index schema.Index) bool {
		return index.Columns[0] == colVO.Name() &&
			!slices.ContainsFunc(columns, func(column Column) bool { return !slices.Contains(index.Columns, column.Name()) })
	})
}

// foldedCounts selects the counts in JobSums of a kind, under the names of its columns.
func (c *compiler) foldedCounts(kind *countKind) {
	c.write(`SELECT "VO"`)
	for i, column := range kind.columns {
		value := `"Value` + itoa(i+1) + `"`
		if column.Kind() == tables.KindInteger {
			value = "CAST(" + value + " AS " + c.dialect.Integer + ")"
		}
		c.write(", ", value, " AS ", tables.Quote(column.Name()))
	}
	c.write(`, "Count" FROM "JobSums" WHERE "Kind" = `, itoa(kind.number))
}

// countedTotal adds the sums of JobSums and JobDifferences: MariaDB would write their union to
// disk.
func (c *compiler) countedTotal(kind *countKind, s Search) {
	const sum = `(SELECT COALESCE(sum("Count"), 0) FROM `
	c.write("SELECT CAST(", sum, "(")
	c.foldedCounts(kind)
	c.write(`) AS "Jobs"`)
	c.where(s.Scope, s.Filter)
	c.write(") + ", sum, `"JobDifferences" AS "Jobs"`)
	c.where(s.Scope, s.Filter)
	c.write(") AS ", c.dialect.Integer, ")")
}

// countOf is the number of jobs in a group of what countSource writes.
func (c *compiler) countOf(kind *countKind) string {
	if kind == nil {
		return "count(*)"
	}
	return `CAST(sum("Count") AS ` + c.dialect.Integer + ")"
}

// havingNonZero leaves out groups that have no job any more, whose counts add up to 0.
func (c *compiler) havingNonZero(kind *countKind) string {
	if kind == nil {
		return ""
	}
	return ` HAVING sum("Count") <> 0`
}
