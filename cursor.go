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

// cursor is the place of a row in the order of a search, which clients send to get the page after
// it. That page costs as much as the first one, and rows that come or go before the place don't
// shift it.
type cursor struct {
	Order  string `json:"o"` // engine and sort keys; see Search.order
	Before int64  `json:"n"` // rows on the pages before
	// Values of the sort keys: int64, string, time.Time or nil. Where the engine's times don't all
	// survive time.Time, such as 0000-00-00, they are strings.
	Values []any `json:"v"`
}

// order names the order of a search. A cursor is only valid for searches of the same order.
func (s Search) order(d *engine.Dialect) string {
	parts := []string{d.Name}
	for _, key := range s.keys() {
		parts = append(parts, key.Column.Name()+map[bool]string{false: " asc", true: " desc"}[key.Descending])
	}
	return strings.Join(parts, ",")
}

// placeColumns are the columns of a row's place, of kinds that compare as the engine sorts.
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
		panic(err) // numbers and texts always have a JSON form
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errCursor = &QueryError{
	Field: "cursor", Reason: "isn't one that this server gave for a search with this sort; begin again with page 1",
}

// parseCursor reads the search's cursor. It is untrusted input: every field is validated.
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
		key := s.keys()[i].Column
		if c.Values[i], err = cursorValue(key, column.Kind, c.Values[i]); err != nil {
			return c, errCursor
		}
		if value, _ := s.fixed(key); s.fixes(key) && c.Values[i] != value {
			return c, errCursor // of a search for another value, behind which this one has no place
		}
	}
	return c, nil
}

// cursorValue checks a value of a cursor and returns it as the driver gets it. It belongs to a sort
// key, and is of the kind that placeColumns gives it.
func cursorValue(key Column, kind tables.Kind, value any) (any, error) {
	if value == nil {
		if key == colJobID {
			return nil, errCursor
		}
		return nil, nil
	}
	if number, ok := value.(json.Number); ok && kind == tables.KindInteger {
		return number.Int64()
	}
	text, ok := value.(string)
	switch {
	case !ok || kind == tables.KindInteger || checkText(text) != nil:
		return nil, errCursor
	case kind == tables.KindTime:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err == nil {
			err = checkYear(at.UTC()) // drivers refuse others
		}
		return at.UTC(), err
	case key.Kind() == tables.KindTime:
		at, err := parseStoredTime(text)
		if err == nil && !strings.Contains(text, "-00") && at.(time.Time).Format(time.DateTime) != text[:len(time.DateTime)] { //nolint:forcetypeassert // times are all it gives
			return nil, errCursor // MySQL refuses dates that no calendar has, but for zeros, which its tables may hold
		}
		return text, err
	}
	return text, nil
}
