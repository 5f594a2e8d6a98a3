package jobdbtest

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"jobdb"
	"jobdb/jobdbtest/internal/engine"
)

// Raw opens a database without jobdb, as another program sees it, and closes it when the test ends. Names in
// quotes (") are names on every engine. The drivers are those that jobdb brings along.
func Raw(tb testing.TB, address string) *sql.DB {
	tb.Helper()
	db, err := openRaw(address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func openRaw(address string) (*sql.DB, error) {
	file, isSQLite := strings.CutPrefix(address, "sqlite:")
	if !isSQLite {
		return engine.Open(address)
	}
	name := "sqlite" // the pure-Go driver
	if slices.Contains(sql.Drivers(), "sqlite3") {
		name = "sqlite3"
	}
	return sql.Open(name, "file:"+file)
}

// HistoryGaps returns the jobs of a database whose history isn't numbered
// from 1 without a gap. It looks without the help of jobdb.
func HistoryGaps(tb testing.TB, address string) []jobdb.JobID {
	tb.Helper()
	rows, err := Raw(tb, address).QueryContext(tb.Context(),
		`SELECT "JobID" FROM "LoggingInfo" GROUP BY "JobID" HAVING MIN("SeqNum") <> 1 OR MAX("SeqNum") <> COUNT(*)`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var ids []jobdb.JobID
	for rows.Next() {
		var id jobdb.JobID
		if err := rows.Scan(&id); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return ids
}
