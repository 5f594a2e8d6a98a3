package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// The same writes go to a database whose jobs are counted and indexed, and to one that lacks that.
func TestCounts(t *testing.T) {
	s := smallRun(t)
	s.methods = regexp.MustCompile("^(InsertJobAttributes|SetJobAttributes)$")
	for _, lacks := range []lacking{lacksCounts, lacksIndexes} {
		results, err := countsOn(t.Context(), s, "sqlite", 300, lacks)
		if err != nil || len(results) != 4 {
			t.Fatalf("%+v, %v", results, err)
		}
		for _, r := range results {
			if r.Ours <= 0 || r.Bare <= 0 || r.Ratio <= 0 {
				t.Errorf("not measured: %+v", r)
			}
		}
	}
}

func TestWhatDatabasesLack(t *testing.T) {
	for _, engine := range []string{"sqlite", "mariadb", "mysql", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			needServer(t, engine)
			triggers, indexes := `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'Count%'`,
				`SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'VO%'`
			switch engine {
			case "postgres":
				triggers, indexes = `SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'Count%'`, `SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'VO%'`
			case "mariadb", "mysql":
				triggers = `SELECT count(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE 'Count%'`
				indexes = `SELECT count(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME LIKE 'VO%'`
			}
			for _, lacks := range []lacking{lacksNothing, lacksCounts, lacksIndexes} {
				s := smallRun(t)
				s.lacks = lacks
				d, err := openDatabase(t.Context(), s, engine, 100)
				if err != nil {
					t.Fatal(err)
				}
				n, err := queryInt(t.Context(), d.unmeasured.reader, triggers)
				if err != nil || (n == 0) != (lacks != lacksNothing) {
					t.Errorf("%q: %d triggers, %v", lacks, n, err)
				}
				n, err = queryInt(t.Context(), d.unmeasured.reader, indexes)
				if err != nil || (n == 0) != (lacks == lacksIndexes) {
					t.Errorf("%q: %d indexes, %v", lacks, n, err)
				}
				if err := d.close(false); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestCountsTable(t *testing.T) {
	r := result{
		Engine: "sqlite", Jobs: 10, Method: "SetJobAttributes", Size: 1000, Ours: 20 * time.Millisecond, Bare: 10 * time.Millisecond,
		RatioLow: 0.4, Ratio: 0.5, RatioHigh: 0.8,
	}
	plain := r
	plain.Ratio = 0.25
	table := countsTable([]result{r}, []result{plain})
	if want := "| SetJobAttributes | 1,000 | 20.0 | 2.00 (1.25–2.50) | 4.00 (1.25–2.50) |\n"; !strings.Contains(table, want) {
		t.Errorf("no %q in\n%s", want, table)
	}
}
