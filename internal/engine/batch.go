package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// MaxRows and MaxBytes bound the part of a batch in one statement: even if all its bytes are
// escaped it fits into the smallest usual packet of MariaDB and MySQL (16 MiB).
const (
	MaxRows  = 5000
	MaxBytes = 2 << 20
)

// Batch returns a derived table s with the columns c0, c1 … that holds the rows, and its arguments.
// A single row comes without JSON or arrays, which would cost more than the row itself: PostgreSQL,
// for one, would plan the statement anew each time.
func (d *Dialect) Batch(columns []tables.Column, rows [][]any) (source string, args []any) {
	if len(rows) > 1 {
		return d.source(columns), d.arguments(columns, rows)
	}
	parts := make([]string, len(columns))
	args = make([]any, len(columns))
	for i, c := range columns {
		parts[i] = d.parameter(c) + " AS c" + strconv.Itoa(i)
		args[i] = d.Argument(rows[0][i])
	}
	return "(SELECT " + strings.Join(parts, ", ") + ") AS s", args
}

// jsonArguments writes the rows as one JSON array of arrays.
func jsonArguments(_ []tables.Column, rows [][]any) []any {
	b := make([]byte, 0, 64*len(rows))
	b = append(b, '[')
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, value := range row {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, value)
		}
		b = append(b, ']')
	}
	return []any{string(append(b, ']'))}
}

func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case time.Time:
		b = append(b, '"')
		b = v.AppendFormat(b, sqliteTimeFormat)
		return append(b, '"')
	case string:
		return appendJSONString(b, v)
	}
	panic("no such kind of value in a batch")
}

// appendJSONString quotes valid UTF-8.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		if c < ' ' {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, '\\', c)
		}
	}
	return append(append(b, s[start:]...), '"')
}
