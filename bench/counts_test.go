package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// The same writes go to a database whose jobs are counted and to one whose jobs aren't.
func TestCounts(t *testing.T) {
	s := smallRun(t)
	s.methods = regexp.MustCompile("^(InsertJobAttributes|SetJobAttributes)$")
	results, err := countsOn(t.Context(), s, "sqlite", 300)
	if err != nil || len(results) != 4 {
		t.Fatalf("%+v, %v", results, err)
	}
	for _, r := range results {
		if r.Ours <= 0 || r.Bare <= 0 || r.Ratio <= 0 {
			t.Errorf("not measured: %+v", r)
		}
	}
}

func TestUncountedDatabaseHasNoTriggers(t *testing.T) {
	for _, uncounted := range []bool{false, true} {
		s := smallRun(t)
		s.uncounted = uncounted
		d, err := openDatabase(t.Context(), s, "sqlite", 100)
		if err != nil {
			t.Fatal(err)
		}
		defer d.close(false) //nolint:errcheck // only read
		n, err := queryInt(t.Context(), d.bare.reader, `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'Count%'`)
		if err != nil || (n == 0) != uncounted {
			t.Errorf("uncounted %v: %d triggers, %v", uncounted, n, err)
		}
	}
}

func TestCountsTable(t *testing.T) {
	table := countsTable([]result{{
		Engine: "sqlite", Jobs: 10, Method: "SetJobAttributes", Size: 1000, Ours: 20 * time.Millisecond, Bare: 10 * time.Millisecond,
		RatioLow: 0.4, Ratio: 0.5, RatioHigh: 0.8,
	}})
	if want := "| SetJobAttributes | 1,000 | 20.0 | 10.0 | 2.00 (1.25–2.50) |\n"; !strings.Contains(table, want) {
		t.Errorf("no %q in\n%s", want, table)
	}
}
