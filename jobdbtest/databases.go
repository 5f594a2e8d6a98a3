package jobdbtest

import (
	"path/filepath"
	"testing"

	"jobdb"
)

// Engines are the engines that jobdb runs on, by their names, each with what returns the URL of a
// new, empty database on it.
var Engines = map[string]func(testing.TB) string{"SQLite": SQLite, "MariaDB": MariaDB, "MySQL": MySQL, "PostgreSQL": PostgreSQL}

// SQLite returns the URL of a new file, which goes when the test ends.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "jobs.db")
}

// EachEngine runs a test on each of [Engines], with the URL of a new, empty database. Subtests bear
// the engines' names.
func EachEngine(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, newDatabase := range Engines {
		t.Run(name, func(t *testing.T) { test(t, newDatabase(t)) })
	}
}

// Open opens a database for a test and makes the tables where there are none. It is closed when the
// test ends.
func Open(tb testing.TB, address string, options jobdb.Options) *jobdb.DB {
	tb.Helper()
	db, err := jobdb.Open(tb.Context(), address, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close the database: %v", err)
		}
	})
	if db.Schema() == jobdb.SchemaEmpty {
		if _, err := db.Migrate(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}
