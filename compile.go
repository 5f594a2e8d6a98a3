package jobdb

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
		if len(s.Filter.kids) == 1 { // else the optimizer may find a better index
			c.writeForcedIndex(c.forcedIndex(s))
		}
		c.where(s.Scope, s.Filter)
	}
	if c.sorts { // an expression, so that no index has this order
		c.write(" ORDER BY ", c.sortKey(s.keys()[0], `"JobID" + 0`))
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
	c.jobsToGroup(s.Scope, s.Filter, s.columns())
	c.write(") AS d")
}

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

// compared is an expression for what a filter compares, that compares byte by byte. It must be
// written at once, because it may have an argument.
func (c *compiler) compared(f Filter) string {
	if f.column != colParameter {
		return c.byteExact(f.column)
	}
	t := tables.JobParameters
	exact := func(name string) string {
		if c.schema.Collation(t.Name, name) == "" {
			return "p." + tables.Quote(name)
		}
		return "CONVERT(p." + tables.Quote(name) + " USING utf8mb4) COLLATE " + c.schema.ExactCollation
	}
	return "(SELECT " + exact("Value") + " FROM " + t.Quoted() + ` AS p WHERE p."JobID" = "Jobs"."JobID" AND ` + exact("Name") + " = " +
		c.arg(f.parameter) + ")"
}

// where writes the WHERE of a query, and reports whether there is a condition at all.
func (c *compiler) where(scope Scope, filter Filter) bool {
	var conditions []Filter
	if scope.VO != "" {
		conditions = append(conditions, textIs(colVO, scope.VO))
	}
	if scope.Owner != "" {
		conditions = append(conditions, textIs(colOwner, scope.Owner))
	}
	if filter.op == opAnd {
		conditions = append(conditions, filter.kids...)
	} else {
		conditions = append(conditions, filter)
	}
	if len(conditions) == 0 {
		return false
	}
	c.write(" WHERE ")
	c.join(conditions, " AND ")
	return true
}

// textIs matches nothing where no column can hold the text: PostgreSQL would refuse to compare with
// it.
func textIs(column Column, text string) Filter {
	if checkText(text) != nil {
		return Filter{op: opOr}
	}
	return Filter{op: opIn, column: column, values: []any{text}}
}

func (c *compiler) join(kids []Filter, word string) {
	for i, kid := range kids {
		if i > 0 {
			c.write(word)
		}
		c.filter(kid)
	}
}

func (c *compiler) filter(f Filter) {
	switch f.op {
	case opAnd, opOr:
		c.groupOf(f)
	case opNot:
		c.write("NOT (")
		c.filter(f.kids[0])
		c.write(")")
	case opNull:
		c.null(f)
	case opNotNull:
		c.write("NOT ")
		c.null(f)
	case opLike:
		c.like(f)
	case opNotLike:
		c.write("NOT (")
		c.like(f)
		c.write(")")
	case opRegex:
		expression := f.values[0].(*regexp.Regexp) //nolint:forcetypeassert // made by filterParser.pattern
		c.write(c.comparable(f.column), " REGEXP ", c.arg(expression.String()))
	case opRegexIn:
		c.regexIn(f)
	case opIn, opNotIn, opGreater, opGreaterEqual, opLess, opLessEqual:
		if f.column.Kind() == tables.KindTime {
			c.times(f)
		} else {
			c.compare(f)
		}
	}
}

func (c *compiler) groupOf(f Filter) {
	word, ofNone := " AND ", "1 = 1"
	if f.op == opOr {
		word, ofNone = " OR ", "1 = 0"
	}
	if len(f.kids) == 0 {
		c.write(ofNone)
		return
	}
	c.write("(")
	c.join(f.kids, word)
	c.write(")")
}

// null is the condition that a row has no value in a column. Beside NULL that is what live
// databases have in its place, which is read as NULL, too.
func (c *compiler) null(f Filter) {
	column := f.column
	if column == colParameter {
		c.write("(", c.compared(f), isNull, ")")
		return
	}
	name, none := tables.Quote(column.Name()), ""
	switch {
	case column.Kind() == tables.KindTime:
		none = c.dialect.ZeroTime
	case column.isFlag() && c.dialect.Enums:
		none = "''"
	}
	c.write("(", name, isNull)
	if none != "" {
		c.write(" OR ", name, " = ", none)
	}
	c.write(")")
}

func (c *compiler) like(f Filter) {
	form := c.dialect.Like
	pattern := f.values[0].(string) //nolint:forcetypeassert // made by parsePattern
	text := c.compared(f)
	if f.column.Kind() != tables.KindText {
		text = c.comparable(f.column)
	}
	c.write(form[0], text, form[1], c.arg(foldASCII(pattern)), form[2])
}

// regexIn compares with the values that matched a regex. With none of them it is false, but NULL
// for NULL, so that its negation doesn't match NULL either.
func (c *compiler) regexIn(f Filter) {
	switch {
	case len(f.values) >= manyValues && c.dialect.ManyValues != nil:
		text, arg := c.dialect.ManyValues(false, f.values)
		c.write(c.comparable(f.column), text)
		c.arg(arg)
		return
	case len(f.values) > 0:
		c.write(c.comparable(f.column), " IN ")
		c.list(f.values)
		return
	}
	name := tables.Quote(f.column.Name())
	c.write(name, " <> ", name)
}

var comparisonSigns = map[op]string{
	opGreater: " > ", opGreaterEqual: " >= ", opLess: " < ", opLessEqual: " <= ",
}

// manyValues is the number of values from which on one argument with all of them is faster than a
// list.
const manyValues = 20

// compare writes a comparison of a column that isn't a time.
func (c *compiler) compare(f Filter) {
	switch {
	case f.op == opIn && len(f.values) == 0:
		c.write("1 = 0")
		return
	case f.op == opNotIn && len(f.values) == 0:
		c.write("1 = 1")
		return
	}
	exact := c.compared(f)
	folds := exact != tables.Quote(f.column.Name())
	switch {
	case folds && f.op == opIn && f.column != colParameter && c.schema.IndexBy(f.column.Name()) != "":
		c.byteExactIn(f, exact)
	case folds && f.equals():
		c.exactly(f, "")
	case f.op == opIn && len(f.values) == 1:
		c.write(exact, " = ", c.arg(f.values[0]))
	case len(f.values) >= manyValues && c.dialect.ManyValues != nil:
		text, arg := c.dialect.ManyValues(f.op == opNotIn, f.values)
		c.write(exact, text)
		c.arg(arg)
	case f.op == opIn:
		c.write(exact, " IN ")
		c.list(f.values)
	case f.op == opNotIn && len(f.values) == 1:
		c.write(exact, " <> ", c.arg(f.values[0]))
	case f.op == opNotIn:
		c.write(exact, " NOT IN ")
		c.list(f.values)
	default:
		c.write(exact, comparisonSigns[f.op], c.arg(f.values[0]))
	}
}

// byteExactIn compares twice: the bare column in its own collation, which an index serves, and then
// byte by byte. One value is no list: MariaDB finds the index for that in the first execution of a
// prepared statement only.
func (c *compiler) byteExactIn(f Filter, exact string) {
	name := tables.Quote(f.column.Name())
	if len(f.values) == 1 {
		c.write("(", name, " = ", c.collated(f.column, f.values[0]), " AND ")
		c.exactly(f, "")
		c.write(")")
		return
	}
	c.write("(", name, " IN (")
	for i, value := range fewLengths(f.values) {
		if i > 0 {
			c.write(", ")
		}
		c.write(c.collated(f.column, value))
	}
	c.write(") AND ", exact, " IN ")
	c.list(f.values)
	c.write(")")
}

// exactly compares a column with the one text that a filter wants, byte by byte; table is "" or what
// stands before the column. Bytes that are the same in the column's character set and in the
// connection's are compared as they are: no collation is as fast.
func (c *compiler) exactly(f Filter, table string) {
	name := table + tables.Quote(f.column.Name())
	charset, _, _ := strings.Cut(c.schema.Collation(tables.Jobs.Name, f.column.Name()), "_")
	value := c.arg(f.values[0])
	switch text, _ := f.values[0].(string); {
	case strings.HasPrefix(charset, "utf8"), isASCII(text) && (charset == "latin1" || charset == "ascii"):
		c.write(name, " = CAST(", value, " AS BINARY)")
	default:
		c.write(c.schema.ByteExact(tables.Jobs.Name, f.column.Name(), name), " = ", value)
	}
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// collated is the placeholder of an argument that compares as the column does.
func (c *compiler) collated(column Column, value any) string {
	collation := c.schema.Collation(tables.Jobs.Name, column.Name())
	charset, _, _ := strings.Cut(collation, "_")
	if charset == "" || charset == "utf8mb4" { // the connection's: to convert it all the same takes time for each row
		return c.arg(value)
	}
	recoded := c.dialect.Recoded
	return "CONVERT(" + recoded[0] + c.arg(value) + recoded[1] + " USING " + charset + ") COLLATE " + collation
}

// fewLengths repeats the last value until the number of values is a power of two, or a multiple of
// 1,024. Servers and drivers remember statements: without this each length of a list would be
// another one.
func fewLengths(values []any) []any {
	n := 1
	for n < len(values) {
		n += min(n, 1024)
	}
	return append(slices.Clip(values), slices.Repeat(values[len(values)-1:], n-len(values))...)
}

// list writes values in parentheses, separated by commas.
func (c *compiler) list(values []any) {
	c.write("(")
	for i, value := range fewLengths(values) {
		if i > 0 {
			c.write(", ")
		}
		c.write(c.arg(value))
	}
	c.write(")")
}

// times compares a time column with periods. The column stays bare, so that an index serves.
func (c *compiler) times(f Filter) {
	word, ofNone := " OR ", "1 = 0"
	if f.op == opNotIn {
		word, ofNone = " AND ", "1 = 1"
	}
	if len(f.values) == 0 {
		c.write(ofNone)
		return
	}
	values := fewLengths(f.values)
	c.write("(")
	for i, value := range values {
		switch {
		case i > 0 && i%nestedTimes == 0:
			c.write(")", word, "(")
		case i > 0:
			c.write(word)
		case len(values) > nestedTimes:
			c.write("(")
		}
		c.period(f.op, tables.Quote(f.column.Name()), value.(period)) //nolint:forcetypeassert // made by timeOperand
	}
	if len(values) > nestedTimes {
		c.write(")")
	}
	c.write(")")
}

// nestedTimes is how many periods follow each other without parentheses. To SQLite each is nested in
// the one before, and several lists of them would be too deep.
const nestedTimes = 128

// period compares a column with one period; see [FilterSpec] for what each comparison means. A
// period without an end ends after all stored times: nothing is greater, all is less or equal, and
// NULL is neither.
func (c *compiler) period(o op, name string, p period) {
	endless := p.end.IsZero()
	switch {
	case o == opIn && endless, o == opGreaterEqual:
		c.write(name, " >= ", c.bound(p.start))
	case o == opIn:
		c.write("(", name, " >= ", c.bound(p.start), " AND ", name, " < ", c.bound(p.end), ")")
	case o == opNotIn && endless, o == opLess:
		c.write(name, " < ", c.bound(p.start))
	case o == opNotIn:
		c.write("(", name, " < ", c.bound(p.start), " OR ", name, " >= ", c.bound(p.end), ")")
	case o == opGreater && endless:
		c.write(name, " <> ", name)
	case o == opGreater:
		c.write(name, " >= ", c.bound(p.end))
	case endless: // opLessEqual
		c.write(name, " = ", name)
	default:
		c.write(name, " < ", c.bound(p.end))
	}
}

// orderBy sorts the rows of a search.
func (c *compiler) orderBy(s Search, distinct bool) {
	keys := s.keys()
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
// which would sort by position and have ” beside NULL.
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
		c.jobsToGroup(scope, filter, columns)
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
func (c *compiler) jobsToGroup(scope Scope, filter Filter, columns []Column) {
	c.jobs()
	live := c.schema.Kind != schema.KindOurs
	if live && c.choosesIndex(scope) && filter.op == opAnd && len(filter.kids) == 0 && !c.coversVO(columns) {
		c.write(" USE INDEX ()")
	}
	c.where(scope, filter)
}

// coversVO reports whether an index has these columns of the jobs of a VO.
func (c *compiler) coversVO(columns []Column) bool {
	return slices.ContainsFunc(c.schema.Indexes, func(index schema.Index) bool {
		return index.Columns[0] == colVO.Name() &&
			!slices.ContainsFunc(columns, func(column Column) bool { return !slices.Contains(index.Columns, column.Name()) })
	})
}

// foldedCounts selects the counts in JobTotals of a kind, under the names of its columns.
func (c *compiler) foldedCounts(kind *countKind) {
	c.write(`SELECT "VO"`)
	for i, column := range kind.columns {
		value := `"Value` + itoa(i+1) + `"`
		if column.Kind() == tables.KindInteger {
			value = "CAST(" + value + " AS " + c.dialect.Integer + ")"
		}
		c.write(", ", value, " AS ", tables.Quote(column.Name()))
	}
	c.write(`, "Count" FROM "JobTotals" WHERE "Kind" = `, itoa(kind.number))
}

// countedTotal adds the sums of JobTotals and JobDifferences: MariaDB would write their union to
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

// place is a part of the rows after a row in the order of a search: those that equal it in the first
// keys, and compare with it by the sign in the next.
type place struct {
	equal  int // keys
	sign   string
	values []any // of the row's sort keys
}

// placesAfter are the parts of the rows after a row, which follow one another: first those that equal
// it in all sort keys but the last, then in fewer and fewer. Each is one range of an index; with one
// condition for all of them, engines read every row that equals it in the first key.
func (s Search) placesAfter(values []any) []place {
	var parts []place
	for equal, key := range slices.Backward(s.keys()) {
		for _, sign := range key.signsAfter(values[equal]) {
			parts = append(parts, place{equal, sign, values})
		}
	}
	return parts
}

const (
	isNull    = " IS NULL"
	isNotNull = " IS NOT NULL"
)

// signsAfter are the comparisons that lead to what comes after a value. NULLs come first ascending,
// and last descending, where they are a range of their own. A live schema may have NULLs in any
// column but JobID.
func (k Sort) signsAfter(value any) []string {
	switch {
	case value == nil && k.Descending:
		return nil
	case value == nil:
		return []string{isNotNull}
	case !k.Descending:
		return []string{comparisonSigns[opGreater]}
	case k.Column == colJobID:
		return []string{comparisonSigns[opLess]}
	}
	return []string{comparisonSigns[opLess], isNull}
}

// rowsAfter selects rows of a part of those after a row.
func (c *compiler) rowsAfter(s Search, after place, limit int64) statement {
	c.write("SELECT ", selectList(s.columns()), c.placeList(s), " FROM ")
	c.jobs()
	c.writeForcedIndex(c.forcedIndex(s))
	word := " WHERE "
	if c.where(s.Scope, s.Filter) {
		word = " AND "
	}
	c.orderByKeys(c.placeConditions(s.keys(), after, word))
	c.write(" LIMIT ", c.arg(limit))
	return c.statement()
}

// placeConditions writes the conditions of a part, and returns the keys in which its rows can
// differ: MariaDB would sort by the others nevertheless.
func (c *compiler) placeConditions(keys []Sort, after place, word string) []Sort {
	equal := after.equal
	for i, key := range keys[:equal] {
		c.write(word)
		c.placeCondition(key, " = ", after.values[i])
		word = " AND "
	}
	c.write(word)
	c.placeCondition(keys[equal], after.sign, after.values[equal])
	if after.sign == isNull {
		equal++
	}
	return keys[equal:]
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
	keys := s.keys()
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

// placeCondition compares a sort key with a value, where NULL equals NULL.
func (c *compiler) placeCondition(key Sort, sign string, value any) {
	if value == nil && sign == " = " {
		sign = isNull
	}
	c.write(c.sortable(key.Column, tables.Quote(key.Column.Name())), sign)
	if sign != isNull && sign != isNotNull {
		c.write(c.collated(key.Column, value))
	}
}

// placeList selects the sort keys of a row in addition to its columns, beginning with a comma.
// Where the place needs times as text it casts them, because drivers turn a column of times into
// time.Time.
func (c *compiler) placeList(s Search) string {
	names := []string{""} // begins with a comma
	for _, key := range s.keys() {
		name := tables.Quote(key.Column.Name())
		if key.Column.Kind() == tables.KindTime && c.dialect.TextTimes {
			name = c.dialect.AsText[0] + name + c.dialect.AsText[1]
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
