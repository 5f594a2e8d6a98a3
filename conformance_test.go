package jobdb_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// The suite in jobdbtest is the definition of the access layer; here it is held against every database there is.

func TestSQLite(t *testing.T) {
	conforms(t, onSQLite(jobdbtest.Traits{}), func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "jobs.db") })
}

func TestMariaDB(t *testing.T) { conforms(t, jobdbtest.Traits{}, jobdbtest.MariaDB) }

func TestMySQL(t *testing.T) { conforms(t, jobdbtest.Traits{}, jobdbtest.MySQL) }

func TestPostgreSQL(t *testing.T) { conforms(t, jobdbtest.Traits{}, jobdbtest.PostgreSQL) }

func TestDiracXSQLite(t *testing.T) {
	conforms(t, onSQLite(jobdbtest.DiracXSQLiteTraits), jobdbtest.DiracXSQLite)
}

// onSQLite adds what the driver that is used without cgo can't do.
func onSQLite(traits jobdbtest.Traits) jobdbtest.Traits {
	traits.LateCancel = !slices.Contains(sql.Drivers(), "sqlite3")
	return traits
}

func TestDiracXMariaDB(t *testing.T) {
	for charset, traits := range map[string]jobdbtest.Traits{
		"utf8mb4": jobdbtest.DiracXMariaDBTraits, "latin1": jobdbtest.DiracXMariaDBLatin1Traits,
	} {
		t.Run(charset, func(t *testing.T) {
			conforms(t, traits, func(tb testing.TB) string { return jobdbtest.DiracXMariaDB(tb, charset) })
		})
	}
}

func TestDiracXMySQL(t *testing.T) {
	for charset, traits := range map[string]jobdbtest.Traits{
		"utf8mb4": jobdbtest.DiracXMySQLTraits, "latin1": jobdbtest.DiracXMariaDBLatin1Traits,
	} {
		t.Run(charset, func(t *testing.T) {
			conforms(t, traits, func(tb testing.TB) string { return jobdbtest.DiracXMySQL(tb, charset) })
		})
	}
}

func TestLegacyMySQL(t *testing.T) {
	conforms(t, jobdbtest.LegacyMariaDBTraits, jobdbtest.LegacyMySQL)
}

func TestLegacyMariaDB(t *testing.T) {
	conforms(t, jobdbtest.LegacyMariaDBTraits, jobdbtest.LegacyMariaDB)
}

// conforms runs the suite on databases that database makes.
func conforms(t *testing.T, traits jobdbtest.Traits, database func(testing.TB) string) {
	t.Helper()
	jobdbtest.Run(t, func(tb testing.TB, options jobdb.Options) *jobdb.DB {
		return jobdbtest.Open(tb, database(tb), options)
	}, traits)
}
