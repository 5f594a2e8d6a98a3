package jobdb_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// TestMigrateSeries updates a database from before there were counts over time, and has them noted.
func TestMigrateSeries(t *testing.T) {
	url := jobdbtest.SQLite(t)
	if err := openDB(t, url).MigrateTo(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, url)
	ids, err := db.CreateJobs(t.Context(), []string{"[]"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": "lhcb", "Status": "Running"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.NoteSeries(t.Context()); !errors.Is(err, jobdb.ErrSchema) {
		t.Errorf("noted without a table: %v", err)
	}
	if names := migrate(t, db); !slices.Contains(names, "0009_series") {
		t.Errorf("migrated: %v", names)
	}
	if _, err := db.RebuildCounts(t.Context()); err != nil { // a later migration has jobs counted anew
		t.Fatal(err)
	}
	if noted, err := db.NoteSeries(t.Context()); err != nil || !noted {
		t.Fatal(noted, err)
	}
	status, err := jobdb.ParseColumn("Status")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Series(t.Context(), jobdb.SeriesQuery{
		Scope: jobdb.Scope{VO: "lhcb"}, By: []jobdb.Column{status}, From: db.Now().Add(-time.Hour), To: db.Now().Add(time.Minute), Bucket: 24 * time.Hour,
	})
	if err != nil || len(rows.Series) != 1 || rows.Series[0].Values[0] != "Running" {
		t.Errorf("series: %+v, %v", rows, err)
	}
}
