package jobdb

import (
	"database/sql"
	"errors"
	"strconv"
	"time"

	"jobdb/internal/tables"
)

// cell takes one value from a driver, whatever form it has there.
type cell struct {
	kind  tables.Kind
	value any // int64, string, time.Time, bool, AccountedFlag, float64 or nil
}

// Scan implements sql.Scanner.
func (c *cell) Scan(src any) error {
	if bytes, ok := src.([]byte); ok {
		src = string(bytes)
	}
	if src == nil {
		c.value = nil
		return nil
	}
	var err error
	switch c.kind {
	case tables.Integer:
		c.value, err = scanInteger(src)
	case tables.Text:
		c.value, err = scanText(src)
	case tables.Time:
		c.value, err = scanTime(src)
	case tables.Verified:
		c.value = src == "True"
	case tables.Accounted:
		// What a live ENUM calls "" was never set.
		switch src {
		case "True":
			c.value = AccountedTrue
		case "Failed":
			c.value = AccountedFailed
		default:
			c.value = AccountedFalse
		}
	case tables.Decimal:
		c.value, err = scanDecimal(src)
	}
	return err
}

var errForm = errors.New("a value of an unexpected type")

func scanInteger(src any) (any, error) {
	switch v := src.(type) {
	case int64:
		return src, nil // what is an any already is not made one again
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	n, err := storedInteger(src)
	if err != nil {
		return nil, errForm
	}
	return n, nil
}

func scanText(src any) (any, error) {
	switch v := src.(type) {
	case string:
		return src, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return nil, errForm
}

func scanDecimal(src any) (any, error) {
	switch v := src.(type) {
	case float64:
		return src, nil
	case int64:
		return float64(v), nil
	case string:
		return strconv.ParseFloat(v, 64)
	}
	return nil, errForm
}

func scanTime(src any) (any, error) {
	switch v := src.(type) {
	case time.Time:
		if v.IsZero() { // how MariaDB's 0000-00-00 arrives
			return nil, nil
		}
		if v.Location() == time.UTC {
			return src, nil
		}
		return v.UTC(), nil
	case string:
		return parseStoredTime(v)
	}
	return nil, errForm
}

// parseStoredTime reads both text forms of a time in SQLite, with and
// without a fraction of a second.
func parseStoredTime(text string) (any, error) {
	const whole = len("2006-01-02 15:04:05")
	if len(text) < whole {
		return nil, errors.New("a time that can't be read: " + quoteShort(text))
	}
	var parts [7]int
	for i, field := range [7][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}, {20, len(text)}} {
		if i == 6 && len(text) <= whole+1 {
			break
		}
		for _, digit := range []byte(text[field[0]:field[1]]) {
			if digit < '0' || digit > '9' {
				return nil, errors.New("a time that can't be read: " + quoteShort(text))
			}
			parts[i] = parts[i]*10 + int(digit-'0')
		}
	}
	nanoseconds := parts[6]
	for digits := len(text) - whole - 1; digits >= 0 && digits < 9; digits++ {
		nanoseconds *= 10
	}
	return time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], nanoseconds, time.UTC), nil
}

// cells are the destinations of one row.
func cells(columns []tables.Column) ([]cell, []any) {
	values := make([]cell, len(columns))
	targets := make([]any, len(columns))
	for i, c := range columns {
		values[i].kind = c.Kind
		targets[i] = &values[i]
	}
	return values, targets
}

// scanRows calls each with the values of every row; the slice is used again.
func scanRows(columns []tables.Column, each func([]cell) error) func(*sql.Rows) error {
	values, targets := cells(columns)
	return func(rows *sql.Rows) error {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		return each(values)
	}
}

func (c *cell) id() JobID { n, _ := c.value.(int64); return JobID(n) }

func (c *cell) integer() int64 { n, _ := c.value.(int64); return n }

func (c *cell) text() string { s, _ := c.value.(string); return s }

func (c *cell) time() time.Time { t, _ := c.value.(time.Time); return t }

func (c *cell) float() float64 { f, _ := c.value.(float64); return f }
