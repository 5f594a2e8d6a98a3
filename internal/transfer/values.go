package transfer

import (
	"math"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// convert makes of what a driver gave a value of the kind: int64, string, time.Time, float64, or
// nil. It reports false when it can't be read, as 0000-00-00.
func convert(kind tables.Kind, raw any) (value any, ok bool) {
	if bytes, isBytes := raw.([]byte); isBytes {
		raw = string(bytes)
	}
	if raw == nil {
		return nil, true
	}
	switch kind {
	case tables.KindInteger:
		n, ok := toInteger(raw)
		return n, ok
	case tables.KindText, tables.KindVerified, tables.KindAccounted:
		return toText(raw)
	case tables.KindTime:
		return toTime(raw)
	case tables.KindDecimal:
		return toDecimal(raw)
	}
	return nil, false
}

func toInteger(raw any) (int64, bool) {
	switch v := raw.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64 //nolint:gosec // told when it doesn't fit
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case []byte:
		return toInteger(string(v))
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func toText(raw any) (any, bool) {
	switch v := raw.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return nil, false
}

// timeForms are those in which SQLite has times.
var timeForms = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.RFC3339, "2006-01-02"}

func toTime(raw any) (any, bool) {
	switch v := raw.(type) {
	case time.Time:
		if v.Year() < 1 || v.Year() > 9999 || v.IsZero() { // 0000-00-00 arrives as zero
			return nil, false
		}
		return v.UTC().Truncate(time.Microsecond), true
	case string:
		for _, form := range timeForms {
			if at, err := time.Parse(form, v); err == nil {
				return toTime(at)
			}
		}
	}
	return nil, false
}

func toDecimal(raw any) (any, bool) {
	switch v := raw.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int64:
		return float64(v), true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, false
		}
		return toDecimal(n)
	}
	return nil, false
}
