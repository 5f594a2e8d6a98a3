package jobdb

import (
	"strconv"
	"strings"
	"time"
)

// dialect is all that differs between engines in the text of a statement.
// What differs in connecting is in open_*.go.
type dialect struct {
	name string

	numbered   bool      // placeholders are $1, $2 …, not ?
	like       [3]string // before the column, between column and pattern, after the pattern
	asText     [2]string // around a column that isn't a text
	nullsFirst bool      // NULLs must be told to sort as in the other engines
	returning  bool      // an UPDATE can return its rows
	forces     bool      // takes the index that it is told to, and has to be told
	unindexed  string    // before a grouped column: the index is to be chosen by the filters instead
	longTexts  bool      // reading long texts out of a batch takes longer than a statement for each
	regexp     bool      // REGEXP is evaluated by Go
	integer    string    // the type of 64-bit integers in a CAST
	rawTimes   bool      // sorts times that Go has none of: two forms of one in SQLite, and MariaDB's 0000-00-00, which is read as NULL
	enums      bool      // flags are ENUMs, which sort by position unless cast
	lock       string    // after a SELECT of rows that the transaction will change
	skipLocked string    // the same, passing over rows that another transaction holds
	lockSource string    // after a source joined with the rows that a statement will change, where it would lock them in any order
	mostJobs   int       // of a list in one statement
	// valueArguments is how many arguments an INSERT … VALUES has at most; 0 where a batch is inserted faster from a source.
	// MariaDB keeps half a kilobyte for each argument of each statement that a connection remembers.
	valueArguments int

	upsert    func(key, set []string) string
	adding    func(t *table, column string) string           // an upsert that adds to a column
	parameter func(c column) string                          // a placeholder for a value of the column's type
	source    func(columns []column) string                  // a derived table s of columns c0, c1 … from one batch
	arguments func(columns []column, rows [][]any) []any     // the batch for such a source
	in        func(ids []int64) (string, []any)              // after a column: it is one of several, which ascend
	many      func(negated bool, values []any) (string, any) // after a column: it is, or is not, one of many values; nil: a list is as good
	bound     func(t time.Time) any                          // a time to compare with
	update    func(table, set, source, where string) string  // t and s are the names of table and source
	join      string                                         // of a source with a table; the source drives
	timeEqual func(column, value string) string              // of times in keys
	oneTime   func(column string) string                     // a time in one form
}

// likeEscape stands before wildcards that are meant literally. It is not
// the backslash because engines and their modes differ on backslashes in literals.
const likeEscape = '|'

const likeEnd = " ESCAPE '" + string(likeEscape) + "'"

var sqliteDialect = dialect{
	name:      "sqlite",
	like:      [3]string{"", " LIKE ", likeEnd},
	asText:    [2]string{"CAST(", " AS TEXT)"},
	unindexed: "+",
	integer:   "INTEGER",
	rawTimes:  true,
	longTexts: true,
	mostJobs:  mostRows,
	regexp:    true,
	returning: true,
	upsert:    upsertOnConflict,
	adding:    addOnConflict,
	parameter: func(column) string { return "?" },
	source:    sqliteSource,
	arguments: jsonArguments,
	many:      sqliteMany,
	in:        sqliteIn,
	bound:     func(t time.Time) any { return sqliteBound(t) },
	update:    updateFrom,
	join:      " CROSS JOIN ", // which SQLite doesn't turn round
	oneTime: func(column string) string {
		return "CASE length(" + column + ") WHEN 19 THEN " + column + " || '.000000' ELSE " + column + " END"
	},
	timeEqual: func(column, value string) string { // both text forms of a time
		return column + " IN (" + value + ", substr(" + value + ", 1, 19))"
	},
}

var mysqlDialect = dialect{
	name:       "mysql",
	like:       [3]string{"LOWER(", ") LIKE LOWER(", ")" + likeEnd},
	asText:     [2]string{"CAST(", " AS CHAR)"},
	integer:    "SIGNED",
	rawTimes:   true,
	enums:      true,
	lock:       " FOR UPDATE",
	skipLocked: " FOR UPDATE SKIP LOCKED",

	mostJobs:       mostListed,
	valueArguments: 2048,

	upsert: func(_, set []string) string {
		for i, c := range set {
			set[i] = quoteName(c) + " = VALUES(" + quoteName(c) + ")"
		}
		return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	},
	adding: func(_ *table, column string) string {
		name := quoteName(column)
		return " ON DUPLICATE KEY UPDATE " + name + " = " + name + " + VALUES(" + name + ")"
	},
	parameter: func(c column) string {
		if c.kind == Text || c.kind == Verified || c.kind == Accounted {
			return "CONVERT(? USING utf8mb4)"
		}
		return "CAST(? AS " + strings.Replace(mysqlType(c), "BIGINT", "SIGNED", 1) + ")"
	},
	source:    mysqlSource,
	arguments: jsonArguments,
	in:        mysqlIn,
	bound:     func(t time.Time) any { return t },
	update: func(table, set, source, where string) string {
		return "UPDATE " + source + " STRAIGHT_JOIN " + table + " AS t SET " + set + " WHERE " + where
	},
	join:      " STRAIGHT_JOIN ",
	forces:    true,
	timeEqual: equal,
	oneTime:   func(column string) string { return column },
}

var postgresDialect = dialect{
	name:       "postgres",
	numbered:   true,
	mostJobs:   mostRows,
	integer:    "BIGINT",
	returning:  true,
	like:       [3]string{"", " ILIKE ", likeEnd},
	asText:     [2]string{"CAST(", ` AS TEXT) COLLATE "C"`},
	nullsFirst: true,
	lock:       " FOR UPDATE OF t",
	skipLocked: " FOR UPDATE OF t SKIP LOCKED",
	lockSource: " ORDER BY s.c0 FOR UPDATE OF t",
	upsert:     upsertOnConflict,
	adding:     addOnConflict,
	parameter:  func(c column) string { return "?::" + postgresTypes[c.kind] },
	source:     postgresSource,
	arguments:  postgresArguments,
	many:       postgresMany,
	in:         postgresIn,
	bound:      func(t time.Time) any { return t },
	update:     updateFrom,
	join:       " JOIN ",
	timeEqual:  equal,
	oneTime:    func(column string) string { return column },
}

func equal(column, value string) string { return column + " = " + value }

func upsertOnConflict(key, set []string) string {
	keys := make([]string, len(key))
	for i, c := range key {
		keys[i] = quoteName(c)
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = quoteName(c) + " = excluded." + quoteName(c)
	}
	return " WHERE 1 = 1 ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func addOnConflict(t *table, column string) string {
	name := quoteName(column)
	return upsertOnConflict(t.key, []string{column}) + " + " + t.quoted() + "." + name
}

// inOrder is a source whose rows of a table are locked in the order of the
// source, so that statements on the same rows don't deadlock. The other engines go along
// the source by themselves.
func (d *dialect) inOrder(source, table, on string) string {
	if d.lockSource == "" {
		return source
	}
	return "(SELECT s.* FROM " + source + d.join + table + " AS t ON " + on + d.lockSource + ") AS s"
}

func updateFrom(table, set, source, where string) string {
	return "UPDATE " + table + " AS t SET " + set + " FROM " + source + " WHERE " + where
}

// batch gives a derived table s of columns c0, c1 … that holds the rows, and
// its arguments. A single row comes without JSON or arrays, which cost more than
// the row: PostgreSQL, for one, would plan the statement anew each time.
func (d *dialect) batch(columns []column, rows [][]any) (source string, args []any) {
	if len(rows) > 1 {
		return d.source(columns), d.arguments(columns, rows)
	}
	parts := make([]string, len(columns))
	args = make([]any, len(columns))
	for i, c := range columns {
		parts[i] = d.parameter(c) + " AS c" + strconv.Itoa(i)
		args[i] = d.argument(rows[0][i])
	}
	return "(SELECT " + strings.Join(parts, ", ") + ") AS s", args
}

// argument is a value to store.
func (d *dialect) argument(value any) any {
	if at, ok := value.(time.Time); ok && d.name == "sqlite" {
		return at.Format(sqliteTimeFormat)
	}
	return value
}

// sqliteSource reads a batch from one argument of JSON, an array of rows.
func sqliteSource(columns []column) string {
	parts := make([]string, len(columns))
	for i := range columns {
		n := strconv.Itoa(i)
		parts[i] = "json_extract(value, '$[" + n + "]') AS c" + n
	}
	return "(SELECT " + strings.Join(parts, ", ") + " FROM json_each(?)) AS s"
}

// mysqlSource reads a batch from one argument of JSON, an array of rows.
func mysqlSource(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		n := strconv.Itoa(i)
		parts[i] = "c" + n + " " + mysqlType(c) + " PATH '$[" + n + "]'"
	}
	return "JSON_TABLE(?, '$[*]' COLUMNS(" + strings.Join(parts, ", ") + ")) AS s"
}

func mysqlType(c column) string {
	switch c.kind {
	case Integer:
		return "BIGINT"
	case Time:
		return "DATETIME(6)"
	case decimal:
		return "DECIMAL(12, 3)"
	case Text, Verified, Accounted:
	}
	if c.length == 0 {
		return "MEDIUMTEXT CHARACTER SET utf8mb4"
	}
	return "VARCHAR(" + strconv.Itoa(c.length) + ") CHARACTER SET utf8mb4"
}

func sqliteIn(ids []int64) (string, []any) {
	list := []byte{'['}
	for _, id := range ids {
		list = append(strconv.AppendInt(list, id, 10), ',')
	}
	list[len(list)-1] = ']'
	return " IN (SELECT value FROM json_each(?))", []any{string(list)}
}

// mostListed is how many jobs a list of MariaDB's has.
const mostListed = 1000

// mysqlIn is a plain list: a table that MariaDB takes for almost empty it
// would join with a batch by comparing every row with every job. Each length
// is a statement that every connection prepares and remembers, so there
// are few of them: the last job is repeated.
func mysqlIn(ids []int64) (string, []any) {
	n := 2
	for n < len(ids) {
		n = min(2*n, mostListed)
	}
	args := make([]any, n)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	return " IN (?" + strings.Repeat(", ?", n-1) + ")", args
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

func postgresMany(negated bool, values []any) (string, any) {
	if negated {
		return " <> ALL(?)", array(values)
	}
	return " = ANY(?)", array(values)
}

// array gives values as a slice of their own type.
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

// postgresIn gives numbers of Go's own type, which the driver writes three times as fast.
func postgresIn(ids []int64) (string, []any) { return " = ANY(?)", []any{ids} }

// postgresSource reads a batch from one array for each column.
func postgresSource(columns []column) string {
	arrays := make([]string, len(columns))
	names := make([]string, len(columns))
	for i, c := range columns {
		arrays[i] = "?::" + postgresTypes[c.kind] + "[]"
		names[i] = "c" + strconv.Itoa(i)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS s(" + strings.Join(names, ", ") + ")"
}

var postgresTypes = map[Kind]string{
	Integer: "bigint", Text: "text", Time: "timestamptz", Verified: "text", Accounted: "text", decimal: "float8",
}

func postgresArguments(columns []column, rows [][]any) []any {
	arguments := make([]any, len(columns))
	for i, c := range columns {
		switch c.kind {
		case Integer:
			arguments[i] = transpose[int64](rows, i)
		case decimal:
			arguments[i] = transpose[float64](rows, i)
		case Time:
			arguments[i] = transpose[time.Time](rows, i)
		case Text, Verified, Accounted:
			arguments[i] = transpose[string](rows, i)
		}
	}
	return arguments
}

// transpose gathers one column; a NULL becomes a nil pointer.
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

// jsonArguments writes the rows as one JSON array of arrays.
func jsonArguments(_ []column, rows [][]any) []any {
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

// sqliteTimeFormat is the text form of a time that the reference writes too.
const sqliteTimeFormat = "2006-01-02 15:04:05.000000"

// sqliteBound is a time to compare with: a whole second sorts before both
// forms of itself, with and without a fraction.
func sqliteBound(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format(sqliteTimeFormat)
}

// rebind numbers the placeholders of a statement written with ?.
// No statement of ours has a ? that isn't one.
func (d *dialect) rebind(statement string) string {
	if !d.numbered || strings.IndexByte(statement, '?') < 0 {
		return statement
	}
	b := make([]byte, 0, len(statement)+16)
	n := 0
	for i := range len(statement) {
		if statement[i] != '?' {
			b = append(b, statement[i])
			continue
		}
		n++
		b = strconv.AppendInt(append(b, '$'), int64(n), 10)
	}
	return string(b)
}

// What one statement takes of a batch at most: few enough bytes for the
// smallest usual packet (16 MiB) even when all are escaped.
const (
	mostRows  = 5000
	mostBytes = 2 << 20
)
