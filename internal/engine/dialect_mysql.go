package engine

import (
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// lowerASCII goes around a text, and makes its ASCII letters lower case but no others, as LOWER
// would. It takes the text's bytes for a character set in which only ASCII letters have two cases.
var lowerASCII = [2]string{"CONVERT(CAST(LOWER(CONVERT(CAST(", " AS BINARY) USING hebrew)) AS BINARY) USING utf8mb4)"}

// MariaDB is the dialect of MariaDB, and the base of MySQL's.
var MariaDB = Dialect{
	Name:       "mysql",
	Product:    "MariaDB",
	Oldest:     "10.6",
	Migrations: "mysql",
	Catalog:    mysqlCatalog,
	Like:       [3]string{lowerASCII[0], lowerASCII[1] + " COLLATE utf8mb4_bin LIKE ", likeEnd},
	AsText:     [2]string{"CAST(", " AS CHAR)"},
	Integer:    "SIGNED",
	TextTimes:  true,
	Enums:      true,
	ZeroTime:   "'0000-00-00 00:00:00'",
	Lock:       " FOR UPDATE",
	LockWithin: true,
	ByList:     " FORCE INDEX (PRIMARY)",
	SkipLocked: " FOR UPDATE SKIP LOCKED",

	MaxIDs:             maxListed,
	MaxInsertArguments: 2048,

	ExactCollation: "utf8mb4_nopad_bin",
	KeepsDDL:       true,
	tableRights:    []string{"CREATE", "ALTER", "INSERT"},
	lockName:       "CONCAT('jobdb/', MD5(DATABASE()))",
	unlimited:      "SET SESSION max_statement_time = 0",

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
	Join:           " STRAIGHT_JOIN ",
	ForceIndex:     true,
	CountsInGroups: true,
	TimeEqual:      equal,
	Minutes:        [2]string{"TIMESTAMPDIFF(MINUTE, '1970-01-01', ", ")"},
	Divide:         " DIV ",
	NormalTime:     func(column string) string { return "NULLIF(" + column + ", '0000-00-00 00:00:00')" },
}

// MySQL is the dialect of MySQL: MariaDB's, except for what MySQL lacks or names differently.
var MySQL = func() Dialect {
	d := MariaDB
	d.Product = "MySQL"
	d.Oldest = "8.0.17"
	d.Migrations = "mysql8"
	d.Recoded = [2]string{"CAST(", " AS CHAR CHARACTER SET utf8mb4)"} // a bare one would have to be in that set already
	d.CountsInGroups = false                                          // it compares each entry with the whole key of its group, which is slow
	d.RowsFirst = "/*+ NO_ICP(" + tables.Jobs.Name + ") */ "
	d.IDStep = "SELECT @@auto_increment_increment"
	d.ExactCollation = "utf8mb4_0900_bin"
	d.tableRights = []string{"CREATE", "ALTER", "INSERT", "REFERENCES"}
	d.lockName = "CONCAT('jobdb/', LEFT(SHA2(DATABASE(), 256), 32))" // newer releases have no MD5
	d.unlimited = "SET SESSION max_execution_time = 0"
	return d
}()

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

// maxListed is how many IDs one list has at most.
const maxListed = 1000

// mysqlIn is a plain list. With a batch instead, MariaDB compares every row with every job if it
// takes the table for almost empty. Each length of the list is a statement of its own, which every
// connection prepares and remembers. So there are few lengths, and the last job is repeated to fill
// the list.
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
