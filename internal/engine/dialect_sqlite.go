package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// SQLite is the dialect of both of its drivers.
var SQLite = Dialect{
	Name:          "sqlite",
	Product:       "SQLite",
	Migrations:    "sqlite",
	Catalog:       sqliteCatalog,
	Like:          [3]string{"", " LIKE ", likeEnd},
	AsText:        [2]string{"CAST(", " AS TEXT)"},
	NoIndexPrefix: "+",
	IndexedBy:     " INDEXED BY ",
	Integer:       "INTEGER",
	TextTimes:     true,
	LongTexts:     true,
	MaxIDs:        MaxRows,
	Regexp:        true,
	OneWriter:     true,
	InProcess:     true,
	Returning:     true,
	Upsert:        upsertOnConflict,
	UpsertAdding:  addOnConflict,
	parameter:     sqliteParameter,
	source:        sqliteSource,
	arguments:     jsonArguments,
	ManyValues:    sqliteMany,
	InIDs:         sqliteIn,
	TimeBound:     func(t time.Time) any { return sqliteBound(t) },
	Update:        updateFrom,
	Join:          " CROSS JOIN ", // SQLite keeps its order
	NormalTime: func(column string) string {
		return "CASE length(" + column + ") WHEN 19 THEN " + column + " || '.000000' ELSE " + column + " END"
	},
	Minutes: [2]string{"unixepoch(substr(", ", 1, 19)) / 60"}, // with a fraction it would round
	Divide:  " / ",
	TimeEqual: func(column, value string) string { // both text forms of a time
		return column + " IN (" + value + ", substr(" + value + ", 1, 19))"
	},
}

// sqliteParameter casts integers. Without their type SQLite would sort rows that have a given key
// by that key.
func sqliteParameter(c tables.Column) string {
	if c.Kind == tables.KindInteger {
		return "CAST(? AS INTEGER)"
	}
	return "?"
}

// sqliteSource reads a batch from one argument of JSON, an array of rows.
func sqliteSource(columns []tables.Column) string {
	parts := make([]string, len(columns))
	for i := range columns {
		n := strconv.Itoa(i)
		parts[i] = "json_extract(value, '$[" + n + "]') AS c" + n
	}
	return "(SELECT " + strings.Join(parts, ", ") + " FROM json_each(?)) AS s"
}

func sqliteIn(ids []int64) (string, []any) {
	list := []byte{'['}
	for _, id := range ids {
		list = append(strconv.AppendInt(list, id, 10), ',')
	}
	list[len(list)-1] = ']'
	return " IN (SELECT value FROM json_each(?))", []any{string(list)}
}

func sqliteMany(negated bool, values []any) (string, any) {
	list := []byte{'['}
	for _, value := range values {
		list = append(appendJSON(list, value), ',')
	}
	list[len(list)-1] = ']'
	if negated {
		return " NOT IN (SELECT value FROM json_each(?))", string(list)
	}
	return " IN (SELECT value FROM json_each(?))", string(list)
}

// sqliteTimeFormat is the text form of a time. DiracX writes the same.
const sqliteTimeFormat = "2006-01-02 15:04:05.000000"

// sqliteBound is a time to compare with: a whole second sorts before both forms of itself, with and
// without a fraction.
func sqliteBound(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format(sqliteTimeFormat)
}
