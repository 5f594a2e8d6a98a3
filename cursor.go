package jobdb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// A cursor is the place of a row in the order of a search. A page that begins after it
// costs what the first one costs, and rows that come or go before it move nothing.

// cursor is what a client carries from page to page.
type cursor struct {
	Order  string `json:"o"` // what the place is one of: engine and sort keys
	Before int64  `json:"n"` // rows up to and with this one
	Values []any  `json:"v"` // of the sort keys: int64, string, time.Time or nil; times as texts where the engine sorts what Go's times lack
}

// keys are the columns by which rows are sorted, JobID the last of them: it leaves no ties.
func (s Search) keys() []Sort {
	keys := slices.Clone(s.Sort)
	if i := slices.IndexFunc(keys, func(k Sort) bool { return k.Column == (Column{}) }); i >= 0 {
		return keys[:i+1]
	}
	return append(keys, Sort{Descending: len(keys) > 0 && keys[len(keys)-1].Descending})
}

// order tells orders apart: a place in one is none in another.
func (s Search) order(d *dialect) string {
	parts := []string{d.name}
	for _, key := range s.keys() {
		parts = append(parts, key.Column.Name()+map[bool]string{false: " asc", true: " desc"}[key.Descending])
	}
	return strings.Join(parts, ",")
}

// placeColumns are what of a row tells its place, in a form that compares as the engine sorts.
func (s Search) placeColumns(d *dialect) []column {
	var columns []column
	for _, key := range s.keys() {
		c := key.Column.def()
		if c.kind != Integer && (c.kind != Time || d.rawTimes) {
			c.kind = Text
		}
		columns = append(columns, c)
	}
	return columns
}

func (c cursor) String() string {
	for i, value := range c.Values {
		if at, ok := value.(time.Time); ok {
			c.Values[i] = at.Format(time.RFC3339Nano)
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and texts
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errCursor = &QueryError{
	Field: "cursor", Reason: "isn't one that this server gave for a search with this sort; begin again with page 1",
}

// parseCursor reads a cursor, of which nothing is believed.
func (s Search) parseCursor(d *dialect) (cursor, error) {
	var c cursor
	text, err := base64.RawURLEncoding.DecodeString(s.Cursor)
	if err != nil {
		return c, errCursor
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	columns := s.placeColumns(d)
	if decoder.Decode(&c) != nil || c.Order != s.order(d) || c.Before < 0 || c.Before > math.MaxInt64/2 || len(c.Values) != len(columns) {
		return c, errCursor
	}
	for i, column := range columns {
		if c.Values[i], err = column.placed(c.Values[i], s.keys()[i].Column); err != nil {
			return c, errCursor
		}
	}
	return c, nil
}

// placed is a value of a cursor as the driver gets it.
func (c column) placed(value any, of Column) (any, error) {
	if value == nil {
		if of == (Column{}) {
			return nil, errCursor
		}
		return nil, nil
	}
	if number, ok := value.(json.Number); ok && c.kind == Integer {
		return number.Int64()
	}
	text, ok := value.(string)
	switch {
	case !ok || c.kind == Integer || checkText(text) != nil:
		return nil, errCursor
	case c.kind == Time:
		at, err := time.Parse(time.RFC3339Nano, text)
		if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 { // which drivers refuse
			return nil, errCursor
		}
		return at, err
	case of.Kind() == Time:
		_, err := parseStoredTime(text)
		return text, err
	}
	return text, nil
}

// rowsAfter selects rows that come after a place, in parts that follow one another: first those that are like
// it in all keys but the last, then in fewer and fewer. Each part is one range of an index; by one condition
// for all of them, engines pass over every row that is like it in the first key.
func (c *compiler) rowsAfter(s Search, place []any) []func(limit int64) statement {
	var parts []func(int64) statement
	keys := s.keys()
	for like, key := range slices.Backward(keys) {
		for _, sign := range key.beyond(place[like]) {
			parts = append(parts, func(limit int64) statement {
				part := &compiler{dialect: c.dialect, schema: c.schema}
				return part.part(s, like, sign, place, limit)
			})
		}
	}
	return parts
}

const (
	isNull    = " IS NULL"
	isNotNull = " IS NOT NULL"
)

// beyond is how a key compares that comes after the value: NULLs come first ascending, and last descending, where
// they are a range of their own. A live schema may have NULLs in any column but JobID.
func (k Sort) beyond(value any) []string {
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

// part selects rows that are like the place in the first keys, and compare with it by the sign in the next.
func (c *compiler) part(s Search, like int, sign string, place []any, limit int64) statement {
	c.write("SELECT ", selectList(s.columns()), c.placeList(s), ` FROM "Jobs"`)
	c.force(s)
	word := " WHERE "
	if c.where(s.Scope, s.Filter) {
		word = " AND "
	}
	keys := s.keys()
	for i, key := range keys[:like] {
		c.write(word)
		c.place(key, " = ", place[i])
		word = " AND "
	}
	c.write(word)
	c.place(keys[like], sign, place[like])
	if sign == isNull {
		like++
	}
	c.orderByKeys(keys[like:], false) // rows are alike in the others; MariaDB would sort by them
	c.write(" LIMIT ", c.arg(limit))
	return c.statement()
}

// force names the index to use, where there is one along which the rows are.
func (c *compiler) force(s Search) {
	if index := c.along(s); index != "" {
		c.write(" FORCE INDEX (", quoteName(index), ")")
	}
}

// along is the index that a page or part of one is a range of, for MariaDB, which by itself goes through all rows of the VO or sorts
// them; "" where there is none, or where filters may lead to fewer rows.
func (c *compiler) along(s Search) string {
	if !c.dialect.forces || s.Scope.VO == "" || s.Scope.Owner != "" || s.Filter.op != opAnd {
		return ""
	}
	keys, filters := s.keys(), s.Filter.kids
	switch {
	case len(filters) == 0:
		return c.schema.ofVO[keys[0].Column.Name()]
	case len(filters) == 1 && len(keys) == 1 && filters[0].equals():
		return c.schema.ofVO[filters[0].column.Name()]
	}
	return ""
}

// equals reports whether one value is wanted, after which an index goes on with the JobID.
func (f Filter) equals() bool { return f.op == opIn && len(f.values) == 1 && f.column.Kind() == Text }

// place compares a key with its value; NULL is like NULL.
func (c *compiler) place(key Sort, sign string, value any) {
	if value == nil && sign == " = " {
		sign = isNull
	}
	c.write(c.sortable(key.Column, c.exact(key.Column)), sign)
	if sign != isNull && sign != isNotNull {
		c.write(c.arg(value))
	}
}

// placeList selects a row's place beside its columns. Drivers would read a time that has this type.
func (c *compiler) placeList(s Search) string {
	names := []string{""} // begins with a comma
	for _, key := range s.keys() {
		name := quoteName(key.Column.Name())
		if key.Column.Kind() == Time && c.dialect.rawTimes {
			name = c.dialect.asText[0] + name + c.dialect.asText[1]
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// pageAfter gives the page that begins after the search's cursor, and the next cursor if rows follow.
func (s *session) pageAfter(ctx context.Context, search Search, perPage int, each func([]any) error) (found, error) {
	from, err := search.parseCursor(s.db.dialect)
	if err != nil {
		return found{}, err
	}
	f := found{total: -1, before: from.Before}
	rows, place := int64(0), []any(nil)
	for _, part := range s.compiler().rowsAfter(search, from.Values) {
		left := int64(perPage) + 1 - rows // one more tells whether there is a next page
		if left <= 0 {
			break
		}
		err := s.placedRows(ctx, part(left), search, func(row, at []any) error {
			if rows++; rows > int64(perPage) {
				return nil
			}
			place = at
			return each(row)
		})
		if err != nil {
			return f, err
		}
	}
	if rows > int64(perPage) {
		f.next = cursor{search.order(s.db.dialect), from.Before + int64(perPage), place}.String()
	}
	return f, nil
}

// placedRows runs a query for rows with their places.
func (s *session) placedRows(ctx context.Context, st statement, search Search, each func(row, place []any) error) error {
	columns := definitions(search.columns())
	n := len(columns)
	return s.table(ctx, st, append(columns, search.placeColumns(s.db.dialect)...), func(row []any) error {
		return each(row[:n:n], row[n:])
	})
}
