package main

import (
	"testing"

	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestLiveScripts serves databases that others made, and changes nothing of them but rows.
func TestLiveScripts(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"DiracX on SQLite":        oracle.SQLite,
		"DIRAC 9.1.21 on MariaDB": func(tb testing.TB) string { return oracle.DIRAC(tb, "9.1.21", jobdbtest.MariaDBWith) },
	} {
		t.Run(name, func(t *testing.T) { runScripts(t, "testdata/live", []string{"JOBDB_DB=" + open(t)}) })
	}
}
