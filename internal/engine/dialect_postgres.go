package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// PostgreSQL is the dialect of PostgreSQL.
var PostgreSQL = Dialect{
	Name:         "postgres",
	Product:      "PostgreSQL",
	Oldest:       "14.0",
	Migrations:   "postgres",
	Catalog:      postgresCatalog,
	numbered:     true,
	MaxIDs:       MaxRows,
	Integer:      "BIGINT",
	Returning:    true,
	Like:         [3]string{"", " ILIKE ", likeEnd},
	AsText:       [2]string{"CAST(", ` AS TEXT) COLLATE "C"`},
	NullsFirst:   true,
	PlannedApart: " OFFSET 0",
	Lock:         " FOR UPDATE OF t",
	LockWriters:  [2]string{"LOCK TABLE ", " IN EXCLUSIVE MODE"},
	SkipLocked:   " FOR UPDATE OF t SKIP LOCKED",
	LockSource:   " ORDER BY s.c0 FOR UPDATE OF t",
	Upsert:       upsertOnConflict,
	UpsertAdding: addOnConflict,
	parameter:    func(c tables.Column) string { return "?::" + postgresTypes[c.Kind] },
	source:       postgresSource,
	arguments:    postgresArguments,
	ManyValues:   postgresMany,
	InIDs:        postgresIn,
	TimeBound:    func(t time.Time) any { return t },
	Update:       updateFrom,
	Join:         " JOIN ",
	TimeEqual:    equal,
	Minutes:      [2]string{"CAST(date_part('epoch', date_bin('1 minute', ", ", TIMESTAMPTZ '1970-01-01 00:00:00Z')) / 60 AS BIGINT)"},
	Divide:       " / ",
	NormalTime:   func(column string) string { return column },
}

func postgresMany(negated bool, values []any) (string, any) {
	if negated {
		return " <> ALL(?)", array(values)
	}
	return " = ANY(?)", array(values)
}

// array returns values as a slice of their own type.
func array(values []any) any {
	if _, ok := values[0].(int64); ok {
		return sliceOf[int64](values)
	}
	return sliceOf[string](values)
}

func sliceOf[T any](values []any) []T {
	slice := make([]T, len(values))
	for i, value := range values {
		slice[i] = value.(T) //nolint:forcetypeassert // values are of the column's kind
	}
	return slice
}

// postgresIn passes the IDs as []int64, which the driver writes three times as fast.
func postgresIn(ids []int64) (string, []any) { return " = ANY(?)", []any{ids} }

// postgresSource reads a batch from one array for each column.
func postgresSource(columns []tables.Column) string {
	arrays := make([]string, len(columns))
	names := make([]string, len(columns))
	for i, c := range columns {
		arrays[i] = "?::" + postgresTypes[c.Kind] + "[]"
		names[i] = "c" + strconv.Itoa(i)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS s(" + strings.Join(names, ", ") + ")"
}

var postgresTypes = map[tables.Kind]string{
	tables.KindInteger: "bigint", tables.KindText: "text", tables.KindTime: "timestamptz",
	tables.KindVerified: "text", tables.KindAccounted: "text", tables.KindDecimal: "float8",
}

func postgresArguments(columns []tables.Column, rows [][]any) []any {
	arguments := make([]any, len(columns))
	for i, c := range columns {
		switch c.Kind {
		case tables.KindInteger:
			arguments[i] = transpose[int64](rows, i)
		case tables.KindDecimal:
			arguments[i] = transpose[float64](rows, i)
		case tables.KindTime:
			arguments[i] = transpose[time.Time](rows, i)
		case tables.KindText, tables.KindVerified, tables.KindAccounted:
			arguments[i] = transpose[string](rows, i)
		}
	}
	return arguments
}

// transpose returns one column of the rows; a NULL becomes a nil pointer.
func transpose[T any](rows [][]any, column int) []*T {
	values := make([]T, len(rows))
	pointers := make([]*T, len(rows))
	for i, row := range rows {
		if v, ok := row[column].(T); ok {
			values[i] = v
			pointers[i] = &values[i]
		}
	}
	return pointers
}
