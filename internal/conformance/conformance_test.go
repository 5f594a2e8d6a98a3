package conformance_test

import (
	"database/sql"
	"slices"
	"testing"

	"jobdb/internal/conformance"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// The suite is held against every database there is.

func TestSQLite(t *testing.T) {
	conformance.Run(t, jobdbtest.SQLite, onSQLite(conformance.Traits{}))
}

func TestSQLiteMemory(t *testing.T) {
	conformance.Run(t, func(testing.TB) string { return "sqlite::memory:" }, onSQLite(conformance.Traits{InMemory: true}))
}

func TestMariaDB(t *testing.T) { conformance.Run(t, jobdbtest.MariaDB, conformance.Traits{}) }

func TestMySQL(t *testing.T) { conformance.Run(t, jobdbtest.MySQL, conformance.Traits{}) }

func TestPostgreSQL(t *testing.T) { conformance.Run(t, jobdbtest.PostgreSQL, conformance.Traits{}) }

func TestDiracXSQLite(t *testing.T) {
	conformance.Run(t, oracle.SQLite, onSQLite(conformance.DiracXSQLiteTraits))
}

// onSQLite adds what the driver that is used without cgo can't do.
func onSQLite(traits conformance.Traits) conformance.Traits {
	traits.LateCancel = !slices.Contains(sql.Drivers(), "sqlite3")
	return traits
}

func TestDiracXMariaDB(t *testing.T) {
	for charset, traits := range map[string]conformance.Traits{
		"utf8mb4": conformance.DiracXMariaDBTraits, "latin1": conformance.DiracXMariaDBLatin1Traits,
	} {
		t.Run(charset, func(t *testing.T) {
			traits.SameServer = traits.Latin1
			conformance.Run(t, func(tb testing.TB) string { return oracle.MariaDB(tb, charset) }, traits)
		})
	}
}

func TestDiracXMySQL(t *testing.T) {
	for charset, traits := range map[string]conformance.Traits{
		"utf8mb4": conformance.DiracXMySQLTraits, "latin1": conformance.DiracXMariaDBLatin1Traits,
	} {
		t.Run(charset, func(t *testing.T) {
			traits.SameServer = traits.Latin1
			conformance.Run(t, func(tb testing.TB) string { return oracle.MySQL(tb, charset) }, traits)
		})
	}
}

func TestDIRACMariaDB(t *testing.T) {
	testReleases(t, jobdbtest.MariaDBWith, conformance.DIRACMariaDBTraits)
}

func TestDIRACMySQL(t *testing.T) {
	testReleases(t, jobdbtest.MySQLWith, conformance.DIRACMySQLTraits)
}

// testReleases holds the suite against the forms that the releases of DIRAC 9 ship; those between
// 9.0.28 and 9.1.22 differ from the first by an index only.
func testReleases(t *testing.T, server oracle.Server, traits conformance.Traits) {
	newest := traits
	newest.NoParameters = true
	traits.SameServer = true
	for release, traits := range map[string]conformance.Traits{"9.0.28": traits, "9.1.22": newest} {
		t.Run(release, func(t *testing.T) {
			conformance.Run(t, func(tb testing.TB) string { return oracle.DIRAC(tb, release, server) }, traits)
		})
	}
	t.Run("9.1.22 in two databases", func(t *testing.T) {
		conformance.RunApart(t, func(tb testing.TB) (jobs, history string) {
			return oracle.DIRACApart(tb, "9.1.22", server, "latin1")
		}, newest)
	})
}
