package jobdbtest

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jobdb/jobdbtest/internal/engine"
)

//go:embed legacy.sql
var legacySQL string

// LegacyMariaDB returns the URL of a new database with the tables of a legacy DIRAC, history included, in latin1.
// All else is as MariaDB says.
func LegacyMariaDB(tb testing.TB) string {
	tb.Helper()
	address := MariaDBWith(tb, "latin1")
	db, err := engine.Open(address)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for statement := range strings.SplitSeq(strings.TrimSpace(legacySQL), ";\n") {
		if _, err := db.ExecContext(tb.Context(), strings.TrimSuffix(statement, ";")); err != nil {
			tb.Fatalf("legacy.sql: %v\n%s", err, statement)
		}
	}
	return address
}

// DiracXMariaDB returns the URL of a new database with the tables that the reference makes of its JobDB and its
// JobLoggingDB. The reference is the Python package in the virtual environment whose interpreter is
// JOBDB_ORACLE_PYTHON, by default that of "make oracle"; without it the test is skipped, and fails when CI is set.
// All else is as MariaDBWith says.
func DiracXMariaDB(tb testing.TB, charset string) string {
	tb.Helper()
	python, script := oracle(tb, "create_all.py")
	address := MariaDBWith(tb, charset)
	run(tb, python, script, address)
	return address
}

// DiracXSQLite is DiracXMariaDB with a SQLite file.
func DiracXSQLite(tb testing.TB) string {
	tb.Helper()
	python, script := oracle(tb, "create_all.py")
	address := "sqlite:" + filepath.Join(tb.TempDir(), "diracx.db")
	run(tb, python, script, address)
	return address
}

// oracle returns the reference's Python and the path of a script for it.
func oracle(tb testing.TB, name string) (python, script string) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the reference")
	}
	root, err := moduleRoot()
	if err != nil {
		tb.Fatal(err)
	}
	python = os.Getenv("JOBDB_ORACLE_PYTHON")
	if python == "" {
		python = filepath.Join(root, ".cache", "oracle-venv", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		complain := tb.Skipf
		if os.Getenv("CI") != "" {
			complain = tb.Fatalf
		}
		complain("\n\n!!! NOT TESTED: no reference: %v\nto install it: make oracle, or set JOBDB_ORACLE_PYTHON to its Python\n", err)
	}
	return python, filepath.Join(root, "oracle", name)
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod here or above")
		}
		folder = parent
	}
	return "", err
}

func run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), program, args...).CombinedOutput() //nolint:gosec // a test's own program
	if err != nil {
		tb.Fatalf("%s: %v\n%s", filepath.Base(args[0]), err, output)
	}
}
