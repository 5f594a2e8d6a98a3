package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// Dialect is all that differs between engines in the text of statements and in what their catalogs
// say. What differs in connections and errors is in [Engine].
type Dialect struct {
	Name       string // of the family: sqlite, mysql (MariaDB, too) or postgres
	Product    string // what people call it: SQLite, MariaDB, MySQL or PostgreSQL
	Oldest     string // the first release that has what jobdb's statements need; "": any
	Migrations string // the folder of its migrations

	Catalog Catalog

	// Placeholders and values.
	numbered  bool                              // placeholders are $1, $2 …, not ?
	parameter func(c tables.Column) string      // a placeholder for a value of the column's type
	TimeBound func(t time.Time) any             // a time as an argument of a comparison
	TimeEqual func(column, value string) string // compares times in keys
	Integer   string                            // the type of 64-bit integers in a CAST
	AsText    [2]string                         // around a column that isn't a text
	Enums     bool                              // flags are ENUMs, which sort by position unless cast, and hold '' for none
	ZeroTime  string                            // a time that means none, beside NULL; "" where there is no such time

	// TextTimes: cursors carry times as text. SQLite has two texts of one time, and MariaDB's
	// 0000-00-00 doesn't survive time.Time.
	TextTimes  bool
	NormalTime func(column string) string // one text for each time, where two texts are the same time; NULL for none
	Minutes    [2]string                  // around a column of times from 1970 on: the whole minutes since then
	Divide     string                     // divides integers, without a remainder

	// Comparing texts.
	Like           [3]string // before the column, between column and pattern, after the pattern, which is in lower case
	Regexp         bool      // REGEXP is evaluated by Go
	Recoded        [2]string // around an argument that is converted to another character set
	ExactCollation string    // compares utf8mb4 byte by byte, trailing spaces included; "" where every column does

	// Lists of values, each after a column.
	InIDs      func(ids []int64) (string, []any)              // the column is one of several IDs, given in ascending order
	MaxIDs     int                                            // in one list
	ManyValues func(negated bool, values []any) (string, any) // the column is, or is not, one of many values; nil: a plain list is as good

	// Choosing how a query runs.
	NullsFirst     bool   // needs NULLS FIRST or LAST to sort NULLs as the other engines do
	IndexedBy      string // before the name of an index to use; "" where the optimizer itself knows how few rows a range has
	ForceIndex     bool   // supports FORCE INDEX and needs it; the optimizer picks a worse plan
	CountsInGroups bool   // counts the jobs of a group of an index faster than it groups them
	RowsFirst      string // after SELECT: reads each row before it checks conditions on it (no index condition pushdown)
	NoIndexPrefix  string // before a grouped column: keeps its index from being used, so that the filters choose one
	PlannedApart   string // at the end of a subquery: its rows are found as if all of them were wanted, in any order
	LongTexts      bool   // reading long texts of a batch takes longer than a statement for each
	Join           string // of a source with a table; reads the source first

	// Locks.
	Lock       string // after a SELECT of rows that the transaction will change
	SkipLocked string // the same, but skips rows that another transaction holds
	LockWithin bool   // Lock works in the query of an INSERT, its subqueries too, and reads what was committed meanwhile
	ByList     string // after a table whose rows are changed by a list of keys: finds and locks them in the key's order; "" where there is no such hint
	LockSource string // after a source joined with rows to change: locks them in order; "" where the join does so itself

	// Writing.
	OneWriter    bool                                          // only one transaction at a time can write
	InProcess    bool                                          // the engine runs in this process, not on a server
	Returning    bool                                          // an UPDATE can return its rows
	IDStep       string                                        // asks how far apart the IDs of an INSERT are; "" where it returns its IDs
	Upsert       func(key, set []string) string                // ends an INSERT of rows some of which may exist
	UpsertAdding func(t *tables.Table, column string) string   // an upsert that adds to a column
	Update       func(table, set, source, where string) string // t and s are the names of table and source

	// MaxInsertArguments is how many arguments an INSERT … VALUES has at most; 0 where a batch is
	// inserted faster from a source. MariaDB keeps half a kilobyte for each argument of each
	// statement that a connection remembers.
	MaxInsertArguments int

	source    func(columns []tables.Column) string              // a derived table s of columns c0, c1 … from one batch
	arguments func(columns []tables.Column, rows [][]any) []any // the batch for such a source

	// Migrating.
	KeepsDDL    bool      // DDL can't be rolled back
	LockWriters [2]string // around a table: locks out writers until the transaction ends; empty where DDL does so itself
	tableRights []string  // needed to make and change tables
	lockName    string    // an expression for the name of the migration lock, one for each database of the server
	unlimited   string    // a statement after which no statement of the session has a time limit
}

// LikeEscape stands before wildcards that are meant literally. It is not the backslash because
// engines and their modes differ on backslashes in literals.
const LikeEscape = '|'

const likeEnd = " ESCAPE '" + string(LikeEscape) + "'"

// Rebind numbers the placeholders of a statement written with ?. No statement of ours has a ? that
// isn't one.
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

// Argument is a value to store as the driver takes it.
func (d *Dialect) Argument(value any) any {
	if at, ok := value.(time.Time); ok && d.Catalog.Untyped {
		return at.Format(sqliteTimeFormat)
	}
	return value
}

// InOrder returns a source that locks the joined rows of a table in the order of the source, so
// that statements on the same rows don't deadlock. Engines without LockSource do so by themselves.
func (d *Dialect) InOrder(source, table, on string) string {
	if d.LockSource == "" {
		return source
	}
	return "(SELECT s.* FROM " + source + d.Join + table + " AS t ON " + on + d.LockSource + ") AS s"
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

func updateFrom(table, set, source, where string) string {
	return "UPDATE " + table + " AS t SET " + set + " FROM " + source + " WHERE " + where
}
