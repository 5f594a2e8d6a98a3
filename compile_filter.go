package jobdb

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"jobdb/internal/tables"
)

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
