package jobdb

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// compiler turns a checked query into the text of a statement and its
// arguments. It can't fail: what reaches it is right by its types.
type compiler struct {
	dialect *engine.Dialect
	schema  *schema.Facts
	counted bool // counts of jobs are kept
	b       strings.Builder
	args    []any
}

// statement is a text, its placeholders written ?, with its arguments.
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

func (c *compiler) bound(t time.Time) string { return c.arg(c.dialect.TimeBound(t)) }

func (c *compiler) arg(value any) string {
	c.args = append(c.args, value)
	return "?"
}

// rows selects the rows of a search; perPage 0 means all.
func (c *compiler) rows(s Search, perPage int) statement {
	distinct := s.distinct()
	offset := s.offset(perPage)
	late := offset >= deepOffset && !distinct
	c.write("SELECT ", selectList(s.columns()))
	if perPage > 0 && !distinct {
		c.write(c.placeList(s))
	}
	c.write(" FROM ")
	if late {
		c.write(`(SELECT "JobID" AS id FROM `)
	}
	if distinct {
		c.distinctRows(s)
	} else {
		c.write(`"Jobs"`)
		if len(s.Filter.kids) == 1 { // else the server may find a better one
			c.writeForcedIndex(s)
		}
		c.where(s.Scope, s.Filter)
	}
	c.orderBy(s, distinct)
	if perPage > 0 {
		c.write(" LIMIT ", c.arg(int64(perPage)), " OFFSET ", c.arg(offset))
	}
	if late {
		c.write(") AS p", c.dialect.Join, `"Jobs" ON "JobID" = p.id`)
		c.orderBy(s, distinct)
	}
	return c.statement()
}

// deepOffset is how many rows a page passes over before it pays to find out
// by an index alone which jobs are on the page, and only then to read their rows.
const deepOffset = 1000

// total counts the rows of a search.
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
	c.write(`SELECT count(*) FROM "Jobs"`)
	c.where(s.Scope, s.Filter)
	return c.statement()
}

// distinctRows is a table of the rows that differ, under the columns' own
// names. It is sorted from outside: MariaDB 10.11 loses rows when DISTINCT and ORDER BY repeat an expression.
func (c *compiler) distinctRows(s Search) {
	columns := make([]string, len(s.columns()))
	for i, column := range s.columns() {
		name := tables.Quote(column.Name())
		columns[i] = c.merged(column)
		if columns[i] != name {
			columns[i] += " AS " + name
		}
	}
	c.write("(SELECT DISTINCT ", strings.Join(columns, ", "), ` FROM "Jobs"`)
	c.where(s.Scope, s.Filter)
	c.write(") AS d")
}

// summary selects the groups with their counts, one more than the limit.
func (c *compiler) summary(s Summary, limit int) statement {
	columns := s.columns()
	selected := make([]string, len(columns))
	groups := make([]string, len(columns))
	order := make([]string, len(columns))
	kind := c.countedBy(s.Scope, s.Filter, columns)
	unindexed := ""
	if kind == nil && s.Scope.VO != "" && len(s.Filter.kids) > 0 {
		unindexed = c.dialect.NoIndexPrefix
	}
	for i, column := range columns {
		selected[i] = c.merged(column)
		groups[i] = unindexed + selected[i]
		order[i] = unindexed + c.sortKey(Sort{Column: column}, c.sortable(column, selected[i]))
	}
	c.write("SELECT ", strings.Join(selected, ", "), ", ", c.countOf(kind), " FROM ")
	c.countSource(kind, s.Scope, s.Filter)
	c.write(" GROUP BY ", strings.Join(groups, ", "), c.havingNonZero(kind))
	c.write(" ORDER BY ", strings.Join(order, ", "))
	c.write(" LIMIT ", c.arg(int64(limit)+1))
	return c.statement()
}

// distinctValues selects the values of one column that a regex is tried on,
// one more than the limit.
func (c *compiler) distinctValues(column Column, scope Scope, filter Filter, limit int) statement {
	kind := c.countedBy(scope, filter, []Column{column})
	c.write("SELECT ", c.comparable(column), " FROM ")
	c.countSource(kind, scope, filter)
	c.write(" GROUP BY ", c.comparable(column), c.havingNonZero(kind), " LIMIT ", c.arg(int64(limit)+1))
	return c.statement()
}

// merged is a column in a form in which equal values, and only those, are the
// same for the engine: neither a collation nor the two forms of a time in SQLite matter.
func (c *compiler) merged(column Column) string {
	if column.Kind() == tables.KindTime {
		return c.dialect.NormalTime(tables.Quote(column.Name()))
	}
	return c.byteExact(column)
}

// byteExact is a column whose comparison is that of bytes.
func (c *compiler) byteExact(column Column) string {
	name := tables.Quote(column.Name())
	if column.Kind() != tables.KindText || c.schema.Collation(tables.Jobs.Name, column.Name()) == "" {
		return name
	}
	return "CONVERT(" + name + " USING utf8mb4) COLLATE " + c.schema.ExactCollation
}

// comparable is a column as text, whose comparison is that of bytes.
func (c *compiler) comparable(column Column) string {
	if column.Kind() == tables.KindText {
		return c.byteExact(column)
	}
	return c.dialect.AsText[0] + tables.Quote(column.Name()) + c.dialect.AsText[1]
}

// where writes the condition of a query, and reports whether there is one.
func (c *compiler) where(scope Scope, filter Filter) bool {
	conditions := Filter{op: opAnd}
	if scope.VO != "" {
		conditions.kids = append(conditions.kids, textIs("VO", scope.VO))
	}
	if scope.Owner != "" {
		conditions.kids = append(conditions.kids, textIs("Owner", scope.Owner))
	}
	if filter.op == opAnd {
		conditions.kids = append(conditions.kids, filter.kids...)
	} else {
		conditions.kids = append(conditions.kids, filter)
	}
	if len(conditions.kids) == 0 {
		return false
	}
	c.write(" WHERE ")
	c.join(conditions.kids, " AND ")
	return true
}

// textIs matches nothing where no column can hold the text: PostgreSQL would refuse to compare with it.
func textIs(column, text string) Filter {
	if checkText(text) != nil {
		return Filter{op: opOr}
	}
	return Filter{op: opIn, column: columnByName[column], values: []any{text}}
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
		c.write(tables.Quote(f.column.Name()), " IS NULL")
	case opNotNull:
		c.write(tables.Quote(f.column.Name()), " IS NOT NULL")
	case opLike:
		c.like(f)
	case opNotLike:
		c.write("NOT (")
		c.like(f)
		c.write(")")
	case opRegex:
		expression := f.values[0].(*regexp.Regexp) //nolint:forcetypeassert // made by pattern
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
	switch {
	case len(f.kids) == 0 && f.op == opAnd:
		c.write("1 = 1")
	case len(f.kids) == 0:
		c.write("1 = 0")
	case f.op == opAnd:
		c.write("(")
		c.join(f.kids, " AND ")
		c.write(")")
	default:
		c.write("(")
		c.join(f.kids, " OR ")
		c.write(")")
	}
}

func (c *compiler) like(f Filter) {
	form := c.dialect.Like
	c.write(form[0], c.comparable(f.column), form[1], c.arg(f.values[0]), form[2])
}

// regexIn keeps NULL what is NULL, so that "not" of it stays NULL too.
func (c *compiler) regexIn(f Filter) {
	if len(f.values) > 0 {
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

func (c *compiler) compare(f Filter) {
	exact := c.byteExact(f.column)
	switch {
	case f.op == opIn && len(f.values) == 0:
		c.write("1 = 0")
	case f.op == opNotIn && len(f.values) == 0:
		c.write("1 = 1")
	case f.op == opIn && exact != tables.Quote(f.column.Name()):
		c.byteExactIn(f, exact)
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

// manyValues is from how many values on one argument is read faster than a list.
const manyValues = 20

// byteExactIn compares the bare column first, in its own character set and
// collation, so that an index serves, then byte by byte.
func (c *compiler) byteExactIn(f Filter, exact string) {
	collation := c.schema.Collation(tables.Jobs.Name, f.column.Name())
	charset, _, _ := strings.Cut(collation, "_")
	c.write("(", tables.Quote(f.column.Name()), " IN (")
	for i, value := range f.values {
		if i > 0 {
			c.write(", ")
		}
		recoded := c.dialect.Recoded
		c.write("CONVERT(", recoded[0], c.arg(value), recoded[1], " USING ", charset, ") COLLATE ", collation)
	}
	c.write(") AND ", exact, " IN ")
	c.list(f.values)
	c.write(")")
}

func (c *compiler) list(values []any) {
	c.write("(")
	for i, value := range values {
		if i > 0 {
			c.write(", ")
		}
		c.write(c.arg(value))
	}
	c.write(")")
}

// times compares a bare time column with periods.
func (c *compiler) times(f Filter) {
	name := tables.Quote(f.column.Name())
	switch {
	case f.op == opIn && len(f.values) == 0:
		c.write("1 = 0")
		return
	case f.op == opNotIn && len(f.values) == 0:
		c.write("1 = 1")
		return
	}
	c.write("(")
	for i, value := range f.values {
		if i > 0 {
			if f.op == opIn {
				c.write(" OR ")
			} else {
				c.write(" AND ")
			}
		}
		c.period(f.op, name, value.(period)) //nolint:forcetypeassert // made by timeOperand
	}
	c.write(")")
}

// period compares a column with one period. One without an end reaches
// past everything stored; NULL stays NULL even there.
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

func (c *compiler) orderBy(s Search, distinct bool) {
	keys := s.keys()
	if distinct {
		keys = s.distinctKeys()
	}
	c.orderByKeys(keys, distinct)
}

func (c *compiler) orderByKeys(keys []Sort, distinct bool) {
	order := make([]string, len(keys))
	for i, key := range keys {
		text := c.byteExact(key.Column)
		if distinct {
			text = tables.Quote(key.Column.Name())
		}
		order[i] = c.sortKey(key, c.sortable(key.Column, text))
	}
	c.write(" ORDER BY ", strings.Join(order, ", "))
}

// sortable is a column to sort by, given as text: an ENUM would sort by position.
func (c *compiler) sortable(column Column, text string) string {
	if kind := column.Kind(); c.dialect.Enums && (kind == tables.KindVerified || kind == tables.KindAccounted) {
		return c.comparable(column)
	}
	return text
}

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

// countedBy finds the counts from which a query can be answered, nil when the rows must be read.
func (c *compiler) countedBy(scope Scope, filter Filter, columns []Column) *countKind {
	if !c.counted {
		return nil
	}
	columns = filter.columns(slices.Clone(columns))
	if scope.Owner != "" {
		columns = append(columns, columnByName["Owner"])
	}
	for i := range countKinds {
		if countKinds[i].has(columns) {
			return &countKinds[i]
		}
	}
	return nil
}

// countSource are the rows that a summary reads, or in their place their counts under the same names. Each table is asked by
// itself for what matches: MariaDB would first put all of their union on disk.
func (c *compiler) countSource(kind *countKind, scope Scope, filter Filter) {
	if kind == nil {
		c.write(`"Jobs"`)
		c.where(scope, filter)
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

// foldedCounts selects the counts of a kind under the names of its columns.
func (c *compiler) foldedCounts(kind *countKind) {
	c.write(`SELECT "VO"`)
	for i, column := range kind.columns {
		c.write(`, "Value`, itoa(i+1), `" AS `, tables.Quote(column.Name()))
	}
	c.write(`, "Count" FROM "JobCounts" WHERE "Kind" = `, itoa(kind.number))
}

// countedTotal adds up counts and differences by themselves: MariaDB would put their union on disk.
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

// countOf is the number of jobs in what countSource gives.
func (c *compiler) countOf(kind *countKind) string {
	if kind == nil {
		return "count(*)"
	}
	return `CAST(sum("Count") AS ` + c.dialect.Integer + ")"
}

// havingNonZero keeps groups out of which no job is left.
func (c *compiler) havingNonZero(kind *countKind) string {
	if kind == nil {
		return ""
	}
	return ` HAVING sum("Count") <> 0`
}

// rowsAfter selects rows that come after a place, in parts that follow one another: first those that are like
// it in all keys but the last, then in fewer and fewer. Each part is one range of an index; by one condition
// for all of them, engines pass over every row that is like it in the first key.
func (c *compiler) rowsAfter(s Search, place []any) []func(limit int64) statement {
	var parts []func(int64) statement
	keys := s.keys()
	for like, key := range slices.Backward(keys) {
		for _, sign := range key.signsAfter(place[like]) {
			parts = append(parts, func(limit int64) statement {
				part := &compiler{dialect: c.dialect, schema: c.schema}
				return part.partAfter(s, like, sign, place, limit)
			})
		}
	}
	return parts
}

const (
	isNull    = " IS NULL"
	isNotNull = " IS NOT NULL"
)

// signsAfter is how a key compares that comes after the value: NULLs come first ascending, and last descending, where
// they are a range of their own. A live schema may have NULLs in any column but JobID.
func (k Sort) signsAfter(value any) []string {
	switch {
	case value == nil && k.Descending:
		return nil
	case value == nil:
		return []string{isNotNull}
	case !k.Descending:
		return []string{comparisonSigns[opGreater]}
	case k.Column == (Column{}):
		return []string{comparisonSigns[opLess]}
	}
	return []string{comparisonSigns[opLess], isNull}
}

// partAfter selects rows that are like the place in the first keys, and compare with it by the sign in the next.
func (c *compiler) partAfter(s Search, like int, sign string, place []any, limit int64) statement {
	c.write("SELECT ", selectList(s.columns()), c.placeList(s), ` FROM "Jobs"`)
	c.writeForcedIndex(s)
	word := " WHERE "
	if c.where(s.Scope, s.Filter) {
		word = " AND "
	}
	keys := s.keys()
	for i, key := range keys[:like] {
		c.write(word)
		c.placeCondition(key, " = ", place[i])
		word = " AND "
	}
	c.write(word)
	c.placeCondition(keys[like], sign, place[like])
	if sign == isNull {
		like++
	}
	c.orderByKeys(keys[like:], false) // rows are alike in the others; MariaDB would sort by them
	c.write(" LIMIT ", c.arg(limit))
	return c.statement()
}

// writeForcedIndex names the index to use, where there is one along which the rows are.
func (c *compiler) writeForcedIndex(s Search) {
	if index := c.forcedIndex(s); index != "" {
		c.write(" FORCE INDEX (", tables.Quote(index), ")")
	}
}

// forcedIndex is the index that a page or part of one is a range of, for MariaDB, which by itself goes through all rows of the VO or sorts
// them; "" where there is none, or where filters may lead to fewer rows.
func (c *compiler) forcedIndex(s Search) string {
	if !c.dialect.ForceIndex || s.Scope.VO == "" || s.Scope.Owner != "" || s.Filter.op != opAnd {
		return ""
	}
	keys, filters := s.keys(), s.Filter.kids
	switch {
	case len(filters) == 0:
		return c.schema.OfVO[keys[0].Column.Name()]
	case len(filters) == 1 && len(keys) == 1 && filters[0].equals():
		return c.schema.OfVO[filters[0].column.Name()]
	}
	return ""
}

// placeCondition compares a key with its value; NULL is like NULL.
func (c *compiler) placeCondition(key Sort, sign string, value any) {
	if value == nil && sign == " = " {
		sign = isNull
	}
	c.write(c.sortable(key.Column, c.byteExact(key.Column)), sign)
	if sign != isNull && sign != isNotNull {
		c.write(c.arg(value))
	}
}

// placeList selects a row's place beside its columns. Drivers would read a time that has this type.
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
