package jobdb_test

import (
	"strings"
	"testing"
	"time"

	"jobdb"
)

// The jobs of a database that an older jobdb filled are counted after its
// migration; until then totals and summaries read them. One had no counts, one others.
func TestCountsOfAnOlderDatabase(t *testing.T) {
	for name, migrations := range map[string]int{"no counts": 2, "other kinds": 8} {
		t.Run(name, func(t *testing.T) { testCountsOfAnOlderDatabase(t, migrations) })
	}
}

func testCountsOfAnOlderDatabase(t *testing.T, migrations int) {
	onEmpty(t, func(t *testing.T, url string) {
		if err := openDB(t, url).MigrateTo(t.Context(), migrations); err != nil {
			t.Fatal(err)
		}
		db := openWith(t, url, jobdb.Options{FoldInterval: 5 * time.Millisecond})
		// As that jobdb made them: today's methods write columns that it may not have.
		raw(t, db, `INSERT INTO "JobJDLs" ("JDL") VALUES (''), (''), ('')`)
		raw(t, db, `INSERT INTO "Jobs" ("JobID", "VO", "Status") SELECT "JobID", 'lhcb', 'Waiting' FROM "JobJDLs"`)
		wantWaiting(t, db, 3)
		if db.Counted() {
			t.Error("there are no counts yet")
		}
		migrate(t, db)
		wantWaiting(t, db, 3) // counted or not
		for deadline := time.Now().Add(20 * time.Second); !db.Counted(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the jobs that were there are still not counted")
			}
		}
		wantWaiting(t, db, 3)
		addWaiting(t, db, 2)
		wantWaiting(t, db, 5)
		if wrong, err := db.VerifyCounts(t.Context()); err != nil || len(wrong) > 0 {
			t.Errorf("wrong counts %v, error %v", wrong, err)
		}
		if again := openDB(t, url); !again.Counted() {
			t.Error("a server that starts later doesn't use the counts")
		}
	})
}

// Counts whose triggers somebody dropped are not believed.
func TestCountsWithoutTriggers(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		migrate(t, db)
		addWaiting(t, db, 1)
		drop := `DROP TRIGGER "CountUpdated"`
		if db.Engine() == "postgres" {
			drop += ` ON "Jobs"`
		}
		raw(t, db, drop)
		again := openDB(t, url)
		raw(t, again, `UPDATE "Jobs" SET "Status" = 'Done'`)
		wantWaiting(t, again, 0)
		if limits := check(t, again).Limits; len(limits) != 1 || !strings.Contains(limits[0], "triggers") {
			t.Errorf("schema check tells the limits %q", limits)
		}
		if _, err := again.RebuildCounts(t.Context()); err == nil {
			t.Error("counts that nobody keeps were rebuilt")
		}
	})
}

// Counts that have become zero are deleted now and then.
func TestZeroCountsAreSwept(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		db := openWith(t, url, jobdb.Options{FoldInterval: -1})
		migrate(t, db)
		addWaiting(t, db, 2)
		fold := func() (zeros int) {
			if _, err := db.FoldCounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := db.Raw().QueryRowContext(t.Context(), `SELECT count(*) FROM "JobSums" WHERE "Count" = 0`).Scan(&zeros); err != nil {
				t.Fatal(err)
			}
			return zeros
		}
		fold()
		raw(t, db, `UPDATE "Jobs" SET "Status" = 'Done'`)
		if zeros := fold(); zeros == 0 {
			t.Error("no count became zero")
		}
		db.SweepSoon()
		if zeros := fold(); zeros > 0 {
			t.Errorf("%d counts are zero still", zeros)
		}
		wantWaiting(t, db, 0)
		if wrong, err := db.VerifyCounts(t.Context()); err != nil || len(wrong) > 0 {
			t.Errorf("wrong counts %v, error %v", wrong, err)
		}
	})
}

func addWaiting(t *testing.T, db *jobdb.DB, n int) {
	t.Helper()
	ids, err := db.CreateJobs(t.Context(), make([]string, n))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		rows[id] = jobdb.Attributes{"VO": "lhcb", "Status": "Waiting"}
	}
	if err := db.InsertJobAttributes(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func wantWaiting(t *testing.T, db *jobdb.DB, want int64) {
	t.Helper()
	request := jobdb.SummaryRequest{Grouping: []string{"VO"}, Search: []jobdb.FilterSpec{{Parameter: "Status", Operator: "eq", Value: "Waiting"}}}
	summary, err := request.Parse(db.Limits())
	if err != nil {
		t.Fatal(err)
	}
	summary.Scope.AllVOs = true
	rows, err := db.Summary(t.Context(), summary)
	if err != nil {
		t.Fatal(err)
	}
	got := int64(0)
	for _, row := range rows.Rows {
		got += row[1].(int64)
	}
	if got != want {
		t.Errorf("%d waiting jobs, want %d", got, want)
	}
}
