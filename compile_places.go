package jobdb

import (
	"cmp"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// place is a part of the rows after a row in the order of a search: those that equal it in the first
// keys, and compare with it by the sign in the next.
type place struct {
	equal  int // keys
	sign   string
	values []any // of the row's keys, those of ordering
}

// placesAfter are the parts of the rows after a row, which follow one another: first those that equal
// it in all sort keys but the last, then in fewer and fewer. Each is one range of an index; with one
// condition for all of them, engines read every row that equals it in the first key.
func (s Search) placesAfter(values []any) []place {
	var parts []place
	var ordering []any
	keys := s.keys()
	for i, value := range values {
		if !s.fixes(keys[i].Column) {
			ordering = append(ordering, value)
		}
	}
	for equal, key := range slices.Backward(s.ordering()) {
		for _, sign := range key.signsAfter(ordering[equal]) {
			parts = append(parts, place{equal, sign, ordering})
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
	c.writeForcedIndex(cmp.Or(c.along, c.forcedIndex(s)))
	word := " WHERE "
	if c.where(s.Scope, s.Filter) {
		word = " AND "
	}
	c.orderByKeys(c.placeConditions(s.ordering(), after, word))
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
