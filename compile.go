package jobdb

import (
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// compiler turns one checked query into a statement. It can't fail, because a checked query holds
// nothing that is wrong.
type compiler struct {
	dialect *engine.Dialect
	schema  *schema.Facts
	counted bool   // the counts of jobs are kept and complete
	index   string // of Jobs, that the engine is told to use where it can be; "": it chooses itself
	along   string // an index that a page's jobs are found by where the engine chooses all others; "": it chooses this, too
	sorts   bool   // the jobs of a page are found in an index alone, and sorted by JobID
	b       strings.Builder
	args    []any
}

// statement is the text of a statement, with ? for each of its arguments.
type statement struct {
	text string
	args []any
}

func (c *compiler) statement() statement {
	return statement{c.b.String(), c.args}
}

func (c *compiler) write(parts ...string) {
	for _, part := range parts {
		c.b.WriteString(part)
	}
}

// bound adds a time as an argument to compare with.
func (c *compiler) bound(t time.Time) string { return c.arg(c.dialect.TimeBound(t)) }

// arg adds an argument and returns its placeholder.
func (c *compiler) arg(value any) string {
	c.args = append(c.args, value)
	return "?"
}

// deepOffset is the number of rows before a page from which on it is faster to find the jobs of the
// page in an index alone, and to read only their rows.
const deepOffset = 1000

// rows selects the rows of one page of a search, or all rows if perPage is 0.
func (c *compiler) rows(s Search, perPage int) statement {
	distinct := s.distinct()
	offset := s.offset(perPage)
	deep := (offset >= deepOffset || c.sorts) && !distinct
	c.write("SELECT ", c.rowsFirst(s.Scope, s.Filter), selectList(s.columns()))
	if perPage > 0 && !distinct {
		c.write(c.placeList(s))
	}
	c.write(" FROM ")
	if deep {
		c.write(`(SELECT "JobID" AS id FROM `)
	}
	if distinct {
		c.distinctRows(s)
	} else {
		c.jobs()
		switch {
		case c.along != "":
			c.writeForcedIndex(c.along)
		case len(s.Filter.kids) == 1: // else the optimizer may find a better index
			c.writeForcedIndex(c.forcedIndex(s))
		}
		c.where(s.Scope, s.Filter)
	}
	if c.sorts { // an expression, so that no index has this order
		c.write(" ORDER BY ", c.sortKey(s.ordering()[0], `"JobID" + 0`))
	} else {
		c.orderBy(s, distinct)
	}
	if perPage > 0 {
		c.write(" LIMIT ", c.arg(int64(perPage)), " OFFSET ", c.arg(offset))
	}
	if deep {
		c.write(") AS p", c.dialect.Join, `"Jobs" ON "JobID" = p.id`)
		c.orderBy(s, distinct)
	}
	return c.statement()
}

// total counts the rows of a search on all pages.
func (c *compiler) total(s Search) statement {
	if s.distinct() {
		c.write("SELECT count(*) FROM ")
		c.distinctRows(s)
		return c.statement()
	}
	if kind := c.countedBy(s.Scope, s.Filter, nil); kind != nil {
		c.countedTotal(kind, s)
		return c.statement()
	}
	c.write("SELECT ", c.rowsFirst(s.Scope, s.Filter), "count(*) FROM ")
	c.jobs()
	c.writeForcedIndex(c.countingIndex(s))
	c.where(s.Scope, s.Filter)
	return c.statement()
}

// rowsFirst is what makes the engine look at the rows of jobs of one value and of a VO before it
// compares the value byte by byte: that leaves out hardly any, and the VO most.
func (c *compiler) rowsFirst(scope Scope, filter Filter) string {
	if scope.VO == "" || filter.op != opAnd || len(filter.kids) != 1 || !filter.kids[0].equals() || !c.foldsCase(filter.kids[0].column) {
		return ""
	}
	return c.dialect.RowsFirst
}

// foldsCase reports whether a column doesn't compare byte by byte, as the texts of live databases.
func (c *compiler) foldsCase(column Column) bool {
	return c.byteExact(column) != tables.Quote(column.Name())
}

// jobs writes the table Jobs, with the index that was chosen for it.
func (c *compiler) jobs() {
	c.write(`"Jobs"`)
	if c.index != "" && c.dialect.IndexedBy != "" {
		c.write(c.dialect.IndexedBy, tables.Quote(c.index))
	}
}

// distinctRows writes what follows FROM: a derived table of the rows without repetitions, under the columns' own
// names. The query around it sorts: MariaDB 10.11 loses rows when DISTINCT and ORDER BY repeat an
// expression.
func (c *compiler) distinctRows(s Search) {
	if kind := c.countedBy(s.Scope, s.Filter, s.columns()); kind != nil {
		list := selectList(s.columns())
		c.write("(SELECT ", list, " FROM ")
		c.countSource(kind, s.Scope, s.Filter, s.columns())
		c.write(" GROUP BY ", list, c.havingNonZero(kind), ") AS d")
		return
	}
	columns := make([]string, len(s.columns()))
	for i, column := range s.columns() {
		name := tables.Quote(column.Name())
		columns[i] = c.merged(column)
		if columns[i] != name {
			columns[i] += " AS " + name
		}
	}
	if g := c.groupsAlongIndex(s.Scope, s.Filter, s.columns()); g.index != "" {
		c.writeGroups(g)
		c.write(" WHERE (SELECT 1")
		c.writeJobsIn(g)
		c.write(" LIMIT 1) = 1")
		return
	}
	c.write("(SELECT DISTINCT ", strings.Join(columns, ", "), " FROM ")
	c.jobsToGroup(s.Scope, s.Filter, s.columns(), false)
	c.write(") AS d")
}

// merged is an expression for a column that groups equal values: neither SQLite's two text forms of
// a time make a difference, nor what stands for NULL. Texts of live databases are grouped by the
// column's own collation, as DIRAC and DiracX do, because only that has an index.
func (c *compiler) merged(column Column) string {
	name := tables.Quote(column.Name())
	if column.Kind() == tables.KindTime {
		return c.dialect.NormalTime(name)
	}
	return c.sortable(column, name)
}

// byteExact is an expression for a column that compares byte by byte.
func (c *compiler) byteExact(column Column) string {
	return c.schema.ByteExact(tables.Jobs.Name, column.Name(), tables.Quote(column.Name()))
}

// comparable is an expression for a column as text that compares byte by byte.
func (c *compiler) comparable(column Column) string {
	if column.Kind() == tables.KindText {
		return c.byteExact(column)
	}
	return c.dialect.AsText[0] + tables.Quote(column.Name()) + c.dialect.AsText[1]
}

// orderBy sorts the rows of a search.
func (c *compiler) orderBy(s Search, distinct bool) {
	keys := s.ordering()
	if distinct {
		keys = s.distinctKeys()
	}
	c.orderByKeys(keys)
}

func (c *compiler) orderByKeys(keys []Sort) {
	order := make([]string, len(keys))
	for i, key := range keys {
		order[i] = c.sortKey(key, c.sortable(key.Column, tables.Quote(key.Column.Name())))
	}
	c.write(" ORDER BY ", strings.Join(order, ", "))
}

// sortable is the expression to sort a column by: the one given, but for flags that are ENUMs,
// which would sort by position and have an empty text beside NULL.
func (c *compiler) sortable(column Column, expression string) string {
	if c.dialect.Enums && column.isFlag() {
		return "NULLIF(" + c.comparable(column) + ", '')"
	}
	return expression
}

// sortKey is one key of an ORDER BY. NULLs come first ascending, and last descending.
func (c *compiler) sortKey(key Sort, text string) string {
	nulls := c.dialect.NullsFirst && key.Column.def().Nullable
	switch {
	case key.Descending && nulls:
		return text + " DESC NULLS LAST"
	case key.Descending:
		return text + " DESC"
	case nulls:
		return text + " ASC NULLS FIRST"
	}
	return text + " ASC"
}

// writeForcedIndex tells the engine which index to use, if there is a best one.
func (c *compiler) writeForcedIndex(index string) {
	if index != "" {
		c.write(" FORCE INDEX (", tables.Quote(index), ")")
	}
}

// forcedIndex is the index that has the rows of a search in their order, for MariaDB, which
// otherwise reads or sorts all rows of the VO. It is "" where there is no such index, or where
// another may lead to fewer rows.
func (c *compiler) forcedIndex(s Search) string {
	keys := s.ordering()
	if s.Filter.op == opAnd && len(s.Filter.kids) == 0 && c.choosesIndex(s.Scope) {
		return c.schema.OfVO[keys[0].Column.Name()]
	}
	if len(keys) == 1 {
		return c.indexOfVO(s)
	}
	return ""
}

// indexOfVO is the index that has the jobs of a VO by the one column that a filter compares with
// one value: all that match, and no others.
func (c *compiler) indexOfVO(s Search) string {
	if filters := s.Filter.kids; s.Filter.op == opAnd && len(filters) == 1 && filters[0].equals() && c.choosesIndex(s.Scope) {
		return c.schema.OfVO[filters[0].column.Name()]
	}
	return ""
}

// countingIndex is the index that has all jobs which a search finds, and no others. MariaDB takes it
// by itself in the first execution of a prepared statement only, and later reads all jobs.
func (c *compiler) countingIndex(s Search) string {
	filters := s.Filter.kids
	if c.dialect.ForceIndex && s.Scope == (Scope{AllVOs: true}) && s.Filter.op == opAnd && len(filters) == 1 && filters[0].equals() {
		return c.schema.IndexBy(filters[0].column.Name())
	}
	return c.indexOfVO(s)
}

// choosesIndex reports whether the engine has to be told which index to use for the jobs of a VO.
func (c *compiler) choosesIndex(scope Scope) bool {
	return c.dialect.ForceIndex && scope.VO != "" && scope.Owner == ""
}
