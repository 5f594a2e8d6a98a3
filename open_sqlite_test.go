package jobdb

import (
	"path/filepath"
	"testing"
	"time"
)

// TestSQLiteTimeForms has one time stored in both of the reference's text
// forms: they are one value to distinct, summary, filters and conditions.
func TestSQLiteTimeForms(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	ids, err := db.CreateJobs(ctx, []string{"[]", "[]"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		attributes := Attributes{"VO": "lhcb", "HeartBeatTime": at, "LastUpdateTime": at}
		if err := db.InsertJobAttributes(ctx, map[JobID]Attributes{id: attributes}); err != nil {
			t.Fatal(err)
		}
	}
	const short = `UPDATE "Jobs" SET "HeartBeatTime" = '2024-01-01 10:00:00', "LastUpdateTime" = '2024-01-01 10:00:00' WHERE "JobID" = 1`
	if _, err := db.engine.Writer.ExecContext(ctx, short); err != nil {
		t.Fatal(err)
	}
	search, err := SearchRequest{Parameters: []string{"HeartBeatTime"}, Distinct: true, Search: []FilterSpec{
		{Parameter: "HeartBeatTime", Operator: "eq", Value: "2024-01-01 10:00:00"},
	}}.Parse(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	search.Scope.AllVOs = true
	page, err := db.Search(ctx, search)
	if err != nil || page.Total != 1 || page.Rows[0][0] != at {
		t.Errorf("distinct: %v, %v", page, err)
	}
	summary, err := SummaryRequest{Grouping: []string{"HeartBeatTime"}}.Parse(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	summary.Scope.AllVOs = true
	rows, err := db.Summary(ctx, summary)
	if err != nil || len(rows.Rows) != 1 || rows.Rows[0][1] != int64(2) {
		t.Errorf("summary: %v, %v", rows, err)
	}
	later := map[JobID]Attributes{ids[0]: {"Site": "X"}, ids[1]: {"Site": "X"}}
	if n, err := db.SetJobAttributes(ctx, later, SetOptions{At: at.Add(-time.Microsecond)}); n != 0 || err != nil {
		t.Errorf("set attributes a microsecond before: %d, %v", n, err)
	}
	if n, err := db.SetJobAttributes(ctx, later, SetOptions{At: at}); n != 2 || err != nil {
		t.Errorf("set attributes at that time: %d, %v", n, err)
	}
}
