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
	Values []any  `json:"v"` // of the sort keys: int64, string, time.Time or nil; of SQLite times as they are stored
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
		if c.kind != Integer && (c.kind != Time || d.name == "sqlite") {
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
		if !c.nullable {
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
		return at.UTC(), err
	case of.Kind() == Time:
		_, err := parseStoredTime(text)
		return text, err
	}
	return text, nil
}

// rowsAfter selects rows that come after a place, in as many statements as it takes to have
// each go along an index: where the first key may be NULL, NULLs are a part of their own.
func (c *compiler) rowsAfter(s Search, place []any) []func(limit int64) statement {
	first := s.keys()[0]
	name := quoteName(first.Column.Name())
	part := func(condition string, keys []Sort, place []any) func(int64) statement {
		return func(limit int64) statement {
			part := &compiler{dialect: c.dialect, schema: c.schema}
			return part.part(s, condition, keys, place, limit)
		}
	}
	rest := part(name+" IS NULL", s.keys()[1:], place[1:])
	switch isNull := place[0] == nil; {
	case isNull && !first.Descending:
		return []func(int64) statement{rest, part(name+" IS NOT NULL", nil, nil)}
	case isNull:
		return []func(int64) statement{rest}
	case first.Column.def().nullable && first.Descending:
		return []func(int64) statement{part("", s.keys(), place), part(name+" IS NULL", nil, nil)}
	}
	return []func(int64) statement{part("", s.keys(), place)}
}

// part is one of these statements; without keys it is a part's beginning.
func (c *compiler) part(s Search, condition string, keys []Sort, place []any, limit int64) statement {
	c.write("SELECT ", selectList(s.columns()), c.placeList(s), ` FROM "Jobs"`)
	word := " WHERE "
	if c.where(s.Scope, s.Filter) {
		word = " AND "
	}
	if condition != "" {
		c.write(word, condition)
		word = " AND "
	}
	if len(keys) > 0 {
		c.write(word)
		c.after(keys, place, condition == "")
	}
	c.orderBy(s, false)
	c.write(" LIMIT ", c.arg(limit))
	return c.statement()
}

// placeList selects a row's place beside its columns. SQLite's drivers would read a time that has this type.
func (c *compiler) placeList(s Search) string {
	names := []string{""} // begins with a comma
	for _, key := range s.keys() {
		name := quoteName(key.Column.Name())
		if key.Column.Kind() == Time && c.dialect.name == "sqlite" {
			name = c.dialect.asText[0] + name + c.dialect.asText[1]
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// after is the condition of rows that come after a place. The bound on the first key is what an index serves; NULLs
// that come last it would leave out, so there it is for callers who ask for them by themselves.
func (c *compiler) after(keys []Sort, place []any, withoutNulls bool) {
	first, name := keys[0], c.keyText(keys[0])
	nullsLast := first.Descending && first.Column.def().nullable
	if name == quoteName(first.Column.Name()) && len(keys) > 1 && place[0] != nil && (withoutNulls || !nullsLast) {
		c.write(name, map[bool]string{false: " >= ", true: " <= "}[first.Descending], c.arg(place[0]), " AND ")
	}
	c.write("(")
	for i, key := range keys {
		if i > 0 {
			c.write(" OR ")
		}
		c.write("(")
		for j, equal := range keys[:i] {
			c.equalPlace(equal, place[j])
			c.write(" AND ")
		}
		c.beyondPlace(key, place[i])
		c.write(")")
	}
	c.write(")")
}

func (c *compiler) keyText(key Sort) string { return c.sortable(key.Column, c.exact(key.Column)) }

func (c *compiler) equalPlace(key Sort, value any) {
	if value == nil {
		c.write(c.keyText(key), " IS NULL")
		return
	}
	c.write(c.keyText(key), " = ", c.arg(value))
}

// beyondPlace holds after the value: NULLs come first ascending and last descending.
func (c *compiler) beyondPlace(key Sort, value any) {
	name := c.keyText(key)
	switch {
	case value == nil && key.Descending:
		c.write("1 = 0")
	case value == nil:
		c.write(name, " IS NOT NULL")
	case key.Descending && key.Column.def().nullable:
		c.write("(", name, " < ", c.arg(value), " OR ", name, " IS NULL)")
	case key.Descending:
		c.write(name, " < ", c.arg(value))
	default:
		c.write(name, " > ", c.arg(value))
	}
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
