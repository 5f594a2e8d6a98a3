package jobdb

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// A cursor is the place of a row in the order of a search. A page that begins after it
// costs what the first one costs, and rows that come or go before it move nothing.

// cursor is what a client carries from page to page.
type cursor struct {
	Order  string `json:"o"` // what the place is one of: engine and sort keys
	Before int64  `json:"n"` // rows up to and with this one
	Values []any  `json:"v"` // of the sort keys: int64, string, time.Time or nil; times as texts where the engine sorts what Go's times lack
}

// order tells orders apart: a place in one is none in another.
func (s Search) order(d *engine.Dialect) string {
	parts := []string{d.Name}
	for _, key := range s.keys() {
		parts = append(parts, key.Column.Name()+map[bool]string{false: " asc", true: " desc"}[key.Descending])
	}
	return strings.Join(parts, ",")
}

// placeColumns are what of a row tells its place, in a form that compares as the engine sorts.
func (s Search) placeColumns(d *engine.Dialect) []tables.Column {
	var columns []tables.Column
	for _, key := range s.keys() {
		c := key.Column.def()
		if c.Kind != tables.KindInteger && (c.Kind != tables.KindTime || d.TextTimes) {
			c.Kind = tables.KindText
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
func (s Search) parseCursor(d *engine.Dialect) (cursor, error) {
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
		if c.Values[i], err = cursorValue(column, c.Values[i], s.keys()[i].Column); err != nil {
			return c, errCursor
		}
	}
	return c, nil
}

// cursorValue is a value of a cursor as the driver gets it.
func cursorValue(c tables.Column, value any, of Column) (any, error) {
	if value == nil {
		if of == (Column{}) {
			return nil, errCursor
		}
		return nil, nil
	}
	if number, ok := value.(json.Number); ok && c.Kind == tables.KindInteger {
		return number.Int64()
	}
	text, ok := value.(string)
	switch {
	case !ok || c.Kind == tables.KindInteger || checkText(text) != nil:
		return nil, errCursor
	case c.Kind == tables.KindTime:
		at, err := time.Parse(time.RFC3339Nano, text)
		if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 { // which drivers refuse
			return nil, errCursor
		}
		return at, err
	case of.Kind() == tables.KindTime:
		at, err := parseStoredTime(text)
		if err == nil && !strings.Contains(text, "-00") && at.(time.Time).Format(time.DateTime) != text[:len(time.DateTime)] { //nolint:forcetypeassert // times are all it gives
			return nil, errCursor // MySQL refuses dates that no calendar has, but for zeros, which its tables may hold
		}
		return text, err
	}
	return text, nil
}
