package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// Dialect is all that differs between engines in the text of a statement.
// What differs in connecting is in open_*.go.
type Dialect struct {
	Name    string // of the family: sqlite, mysql (MariaDB, too) or postgres
	Product string // what people call it: SQLite, MariaDB, MySQL or PostgreSQL

	numbered      bool      // placeholders are $1, $2 …, not ?
	Like          [3]string // before the column, between column and pattern, after the pattern, which is in lower case
	AsText        [2]string // around a column that isn't a text
	NullsFirst    bool      // NULLs must be told to sort as in the other engines
	Returning     bool      // an UPDATE can return its rows
	ForceIndex    bool      // takes the index that it is told to, and has to be told
	NoIndexPrefix string    // before a grouped column: the index is to be chosen by the filters instead
	LongTexts     bool      // reading long texts out of a batch takes longer than a statement for each
	Regexp        bool      // REGEXP is evaluated by Go
	Integer       string    // the type of 64-bit integers in a CAST
	TextTimes     bool      // sorts times that Go has none of: two forms of one in SQLite, and MariaDB's 0000-00-00, which is read as NULL
	Enums         bool      // flags are ENUMs, which sort by position unless cast, and hold '' for none
	ZeroTime      string    // stands for none, beside NULL; "" where nothing does
	Lock          string    // after a SELECT of rows that the transaction will change
	SkipLocked    string    // the same, passing over rows that another transaction holds
	LockSource    string    // after a source joined with the rows that a statement will change, where it would lock them in any order
	MaxIDs        int       // of a list in one statement
	IDStep        string    // asks how far apart the IDs are that the rows of one INSERT get; "" where an INSERT returns them

	Recoded        [2]string // around an argument that is converted to another character set
	ExactCollation string    // compares utf8mb4 byte by byte, trailing spaces included; "" where all do
	LockName       string    // of the lock that migrations take: the database's, because other databases on the server have their own
	Unlimited      string    // a statement after which no statement of the session has a time limit

	// valueArguments is how many arguments an INSERT … VALUES has at most; 0 where a batch is inserted faster from a source.
	// MariaDB keeps half a kilobyte for each argument of each statement that a connection remembers.
	MaxInsertArguments int

	Upsert       func(key, set []string) string
	UpsertAdding func(t *tables.Table, column string) string       // an upsert that adds to a column
	parameter    func(c tables.Column) string                      // a placeholder for a value of the column's type
	source       func(columns []tables.Column) string              // a derived table s of columns c0, c1 … from one batch
	arguments    func(columns []tables.Column, rows [][]any) []any // the batch for such a source
	InIDs        func(ids []int64) (string, []any)                 // after a column: it is one of several, which ascend
	ManyValues   func(negated bool, values []any) (string, any)    // after a column: it is, or is not, one of many values; nil: a list is as good
	TimeBound    func(t time.Time) any                             // a time to compare with
	Update       func(table, set, source, where string) string     // t and s are the names of table and source
	Join         string                                            // of a source with a table; the source drives
	TimeEqual    func(column, value string) string                 // of times in keys
	NormalTime   func(column string) string                        // a time in one form, NULL for none
}

// LikeEscape stands before wildcards that are meant literally. It is not
// the backslash because engines and their modes differ on backslashes in literals.
const LikeEscape = '|'

const likeEnd = " ESCAPE '" + string(LikeEscape) + "'"

var SQLite = Dialect{
	Name:          "sqlite",
	Product:       "SQLite",
	Like:          [3]string{"", " LIKE ", likeEnd},
	AsText:        [2]string{"CAST(", " AS TEXT)"},
	NoIndexPrefix: "+",
	Integer:       "INTEGER",
	TextTimes:     true,
	LongTexts:     true,
	MaxIDs:        MaxRows,
	Regexp:        true,
	Returning:     true,
	Upsert:        upsertOnConflict,
	UpsertAdding:  addOnConflict,
	parameter:     func(tables.Column) string { return "?" },
	source:        sqliteSource,
	arguments:     jsonArguments,
	ManyValues:    sqliteMany,
	InIDs:         sqliteIn,
	TimeBound:     func(t time.Time) any { return sqliteBound(t) },
	Update:        updateFrom,
	Join:          " CROSS JOIN ", // which SQLite doesn't turn round
	NormalTime: func(column string) string {
		return "CASE length(" + column + ") WHEN 19 THEN " + column + " || '.000000' ELSE " + column + " END"
	},
	TimeEqual: func(column, value string) string { // both text forms of a time
		return column + " IN (" + value + ", substr(" + value + ", 1, 19))"
	},
}

// lowerASCII is around a text in MariaDB and MySQL whose ASCII letters are to be lower case, and no
// others, of which LOWER knows many: it takes the text's bytes for a character set that has no
// other letters with two cases.
var lowerASCII = [2]string{"CONVERT(CAST(LOWER(CONVERT(CAST(", " AS BINARY) USING hebrew)) AS BINARY) USING utf8mb4)"}

var MariaDB = Dialect{
	Name:       "mysql",
	Product:    "MariaDB",
	Like:       [3]string{lowerASCII[0], lowerASCII[1] + " COLLATE utf8mb4_bin LIKE ", likeEnd},
	AsText:     [2]string{"CAST(", " AS CHAR)"},
	Integer:    "SIGNED",
	TextTimes:  true,
	Enums:      true,
	ZeroTime:   "'0000-00-00 00:00:00'",
	Lock:       " FOR UPDATE",
	SkipLocked: " FOR UPDATE SKIP LOCKED",

	MaxIDs:             maxListed,
	MaxInsertArguments: 2048,

	ExactCollation: "utf8mb4_nopad_bin",
	LockName:       "CONCAT('jobdb/', MD5(DATABASE()))",
	Unlimited:      "SET SESSION max_statement_time = 0",

	Upsert: func(_, set []string) string {
		for i, c := range set {
			set[i] = tables.Quote(c) + " = VALUES(" + tables.Quote(c) + ")"
		}
		return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	},
	UpsertAdding: func(_ *tables.Table, column string) string {
		name := tables.Quote(column)
		return " ON DUPLICATE KEY UPDATE " + name + " = " + name + " + VALUES(" + name + ")"
	},
	parameter: func(c tables.Column) string {
		if c.Kind == tables.KindText || c.Kind == tables.KindVerified || c.Kind == tables.KindAccounted {
			return "CONVERT(? USING utf8mb4)"
		}
		return "CAST(? AS " + strings.Replace(mysqlType(c), "BIGINT", "SIGNED", 1) + ")"
	},
	source:    mysqlSource,
	arguments: jsonArguments,
	InIDs:     mysqlIn,
	TimeBound: func(t time.Time) any { return t },
	Update: func(table, set, source, where string) string {
		return "UPDATE " + source + " STRAIGHT_JOIN " + table + " AS t SET " + set + " WHERE " + where
	},
	Join:       " STRAIGHT_JOIN ",
	ForceIndex: true,
	TimeEqual:  equal,
	NormalTime: func(column string) string { return "NULLIF(" + column + ", '0000-00-00 00:00:00')" },
}

// MySQL is MariaDB's but for what MySQL lacks or calls otherwise.
var MySQL = func() Dialect {
	d := MariaDB
	d.Product = "MySQL"
	d.Recoded = [2]string{"CAST(", " AS CHAR CHARACTER SET utf8mb4)"} // a bare one would have to be in that set already
	d.IDStep = "SELECT @@auto_increment_increment"
	d.ExactCollation = "utf8mb4_0900_bin"
	d.LockName = "CONCAT('jobdb/', LEFT(SHA2(DATABASE(), 256), 32))" // newer releases have no MD5
	d.Unlimited = "SET SESSION max_execution_time = 0"
	return d
}()

var PostgreSQL = Dialect{
	Name:         "postgres",
	Product:      "PostgreSQL",
	numbered:     true,
	MaxIDs:       MaxRows,
	Integer:      "BIGINT",
	Returning:    true,
	Like:         [3]string{"", " ILIKE ", likeEnd},
	AsText:       [2]string{"CAST(", ` AS TEXT) COLLATE "C"`},
	NullsFirst:   true,
	Lock:         " FOR UPDATE OF t",
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
	NormalTime:   func(column string) string { return column },
}

func equal(column, value string) string { return column + " = " + value }

func upsertOnConflict(key, set []string) string {
	keys := make([]string, len(key))
	for i, c := range key {
		keys[i] = tables.Quote(c)
	}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = tables.Quote(c) + " = excluded." + tables.Quote(c)
	}
	return " WHERE 1 = 1 ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func addOnConflict(t *tables.Table, column string) string {
	name := tables.Quote(column)
	return upsertOnConflict(t.Key, []string{column}) + " + " + t.Quoted() + "." + name
}

// InOrder is a source whose rows of a table are locked in the order of the
// source, so that statements on the same rows don't deadlock. The other engines go along
// the source by themselves.
func (d *Dialect) InOrder(source, table, on string) string {
	if d.LockSource == "" {
		return source
	}
	return "(SELECT s.* FROM " + source + d.Join + table + " AS t ON " + on + d.LockSource + ") AS s"
}

func updateFrom(table, set, source, where string) string {
	return "UPDATE " + table + " AS t SET " + set + " FROM " + source + " WHERE " + where
}

// Batch gives a derived table s of columns c0, c1 … that holds the rows, and
// its arguments. A single row comes without JSON or arrays, which cost more than
// the row: PostgreSQL, for one, would plan the statement anew each time.
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

// Argument is a value to store.
func (d *Dialect) Argument(value any) any {
	if at, ok := value.(time.Time); ok && d.Name == "sqlite" {
		return at.Format(sqliteTimeFormat)
	}
	return value
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

// mysqlSource reads a batch from one argument of JSON, an array of rows.
func mysqlSource(columns []tables.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		n := strconv.Itoa(i)
		parts[i] = "c" + n + " " + mysqlType(c) + " PATH '$[" + n + "]'"
	}
	return "JSON_TABLE(?, '$[*]' COLUMNS(" + strings.Join(parts, ", ") + ")) AS s"
}

func mysqlType(c tables.Column) string {
	switch c.Kind {
	case tables.KindInteger:
		return "BIGINT"
	case tables.KindTime:
		return "DATETIME(6)"
	case tables.KindDecimal:
		return "DECIMAL(12, 3)"
	case tables.KindText, tables.KindVerified, tables.KindAccounted:
	}
	if c.Length == 0 {
		return "MEDIUMTEXT CHARACTER SET utf8mb4"
	}
	return "VARCHAR(" + strconv.Itoa(c.Length) + ") CHARACTER SET utf8mb4"
}

func sqliteIn(ids []int64) (string, []any) {
	list := []byte{'['}
	for _, id := range ids {
		list = append(strconv.AppendInt(list, id, 10), ',')
	}
	list[len(list)-1] = ']'
	return " IN (SELECT value FROM json_each(?))", []any{string(list)}
}

// maxListed is how many jobs a list of MariaDB's has.
const maxListed = 1000

// mysqlIn is a plain list: a table that MariaDB takes for almost empty it
// would join with a batch by comparing every row with every job. Each length
// is a statement that every connection prepares and remembers, so there
// are few of them: the last job is repeated.
func mysqlIn(ids []int64) (string, []any) {
	n := 2
	for n < len(ids) {
		n = min(2*n, maxListed)
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
	tables.KindInteger: "bigint", tables.KindText: "text", tables.KindTime: "timestamptz", tables.KindVerified: "text", tables.KindAccounted: "text", tables.KindDecimal: "float8",
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

// Rebind numbers the placeholders of a statement written with ?.
// No statement of ours has a ? that isn't one.
func (d *Dialect) Rebind(statement string) string {
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
	MaxRows  = 5000
	MaxBytes = 2 << 20
)
