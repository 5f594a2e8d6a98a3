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
			conformance.Run(t, func(tb testing.TB) string { return oracle.MariaDB(tb, charset) }, traits)
		})
	}
}

func TestDiracXMySQL(t *testing.T) {
	for charset, traits := range map[string]conformance.Traits{
		"utf8mb4": conformance.DiracXMySQLTraits, "latin1": conformance.DiracXMariaDBLatin1Traits,
	} {
		t.Run(charset, func(t *testing.T) {
			conformance.Run(t, func(tb testing.TB) string { return oracle.MySQL(tb, charset) }, traits)
		})
	}
}

func TestLegacyMySQL(t *testing.T) {
	conformance.Run(t, oracle.LegacyMySQL, conformance.LegacyMariaDBTraits)
}

func TestLegacyMariaDB(t *testing.T) {
	conformance.Run(t, oracle.LegacyMariaDB, conformance.LegacyMariaDBTraits)
}
