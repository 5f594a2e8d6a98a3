package main

import (
	"testing"

	"jobdb/oracle"
)

// TestLiveScripts serves databases that others made, and changes nothing of them but rows.
func TestLiveScripts(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"DiracX on SQLite": oracle.SQLite, "legacy MariaDB": oracle.LegacyMariaDB,
	} {
		t.Run(name, func(t *testing.T) { runScripts(t, "testdata/live", []string{"JOBDB_DB=" + open(t)}) })
	}
}
