package jobdbtest

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"jobdb/jobdbtest/internal/engine"
)

// Raw opens a database without jobdb, as another program sees it, and closes it when the test ends.
// Names in quotes (") are names on every engine. The drivers are those that jobdb brings along.
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
