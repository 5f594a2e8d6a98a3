package jobdb

import (
	"database/sql"
	"errors"
	"strconv"
	"time"

	"jobdb/internal/tables"
)

// scanned is a value from a driver, of any type that one of them uses for the kind.
type scanned struct {
	kind  tables.Kind
	value any // int64, string, time.Time, bool, AccountedFlag, float64 or nil
}

// Scan implements sql.Scanner.
func (c *scanned) Scan(src any) error {
	if bytes, ok := src.([]byte); ok {
		src = string(bytes)
	}
	if src == nil {
		c.value = nil
		return nil
	}
	var err error
	switch c.kind {
	case tables.KindInteger:
		c.value, err = scanInteger(src)
	case tables.KindText:
		c.value, err = scanText(src)
	case tables.KindTime:
		c.value, err = scanTime(src)
	case tables.KindVerified:
		c.value = scanVerified(src)
	case tables.KindAccounted:
		c.value = scanAccounted(src)
	case tables.KindDecimal:
		c.value, err = scanDecimal(src)
	}
	return err
}

var errUnexpectedType = errors.New("a value of an unexpected type")

func scanInteger(src any) (any, error) {
	switch v := src.(type) {
	case int64:
		return src, nil // v would be allocated again as an any
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	n, err := toInteger(src)
	if err != nil {
		return nil, errUnexpectedType
	}
	return n, nil
}

// scanVerified reads a flag; the "" of a live ENUM was never set.
func scanVerified(src any) any {
	if src == "" {
		return nil
	}
	return src == "True"
}

func scanAccounted(src any) any {
	switch src {
	case "":
		return nil
	case "True":
		return AccountedTrue
	case "Failed":
		return AccountedFailed
	}
	return AccountedFalse
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
	return nil, errUnexpectedType
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
	return nil, errUnexpectedType
}

func scanTime(src any) (any, error) {
	switch v := src.(type) {
	case time.Time:
		if v.IsZero() { // what the driver makes of MariaDB's 0000-00-00
			return nil, nil
		}
		if v.Location() == time.UTC {
			return src, nil
		}
		return v.UTC(), nil
	case string:
		return parseStoredTime(v)
	}
	return nil, errUnexpectedType
}

// parseStoredTime reads a time in text, with or without a fraction of a second: SQLite has both
// forms.
func parseStoredTime(text string) (any, error) {
	const whole = len("2006-01-02 15:04:05")
	if len(text) < whole {
		return nil, errors.New("a time that can't be read: " + quoteShort(text))
	}
	year, month, day := 100*twoDigits(text[0:])+twoDigits(text[2:]), twoDigits(text[5:]), twoDigits(text[8:])
	hour, minute, second := twoDigits(text[11:]), twoDigits(text[14:]), twoDigits(text[17:])
	bad := year > 9999 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 60
	nanoseconds := 0
	if len(text) > whole+1 {
		for i := range len("000000000") { // others may have written more digits
			digit := byte(0)
			if at := whole + 1 + i; at < len(text) {
				digit = text[at] - '0'
			}
			bad = bad || digit > 9
			nanoseconds = 10*nanoseconds + int(digit)
		}
	}
	if bad {
		return nil, errors.New("a time that can't be read: " + quoteShort(text))
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds, time.UTC), nil
}

// twoDigits is the number that a text begins with; it is more than 9999 if those aren't two digits.
func twoDigits(text string) int {
	tens, ones := text[0]-'0', text[1]-'0'
	if tens > 9 || ones > 9 {
		return 10_000
	}
	return 10*int(tens) + int(ones)
}

// newScanned returns the values of a row, and pointers to them as the targets of a Scan.
func newScanned(columns []tables.Column) ([]scanned, []any) {
	values := make([]scanned, len(columns))
	targets := make([]any, len(columns))
	for i, c := range columns {
		values[i].kind = c.Kind
		targets[i] = &values[i]
	}
	return values, targets
}

// scanRows makes a function for session.query that calls each with the values of a row. They are
// valid until it returns.
func scanRows(columns []tables.Column, each func([]scanned) error) func(*sql.Rows) error {
	values, targets := newScanned(columns)
	return func(rows *sql.Rows) error {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		return each(values)
	}
}

func (c *scanned) id() JobID { n, _ := c.value.(int64); return JobID(n) }

func (c *scanned) integer() int64 { n, _ := c.value.(int64); return n }

func (c *scanned) text() string { s, _ := c.value.(string); return s }

func (c *scanned) time() time.Time { t, _ := c.value.(time.Time); return t }

func (c *scanned) float() float64 { f, _ := c.value.(float64); return f }
