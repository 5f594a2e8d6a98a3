package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestServerTasks starts the background work of a server, and waits until it has done all of it.
func TestServerTasks(t *testing.T) {
	folder := t.TempDir()
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	jobs, err := wms.NewJobManager(db, wms.DefaultRules, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := db.CreateJobs(t.Context(), []string{"[]", "[]", "[]"})
	if err != nil {
		t.Fatal(err)
	}
	old := db.Now().Add(-100 * 24 * time.Hour)
	if err := db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{
		ids[0]: {"VO": "lhcb", "Status": "Done", "LastUpdateTime": old},
		ids[1]: {"VO": "lhcb", "Status": "Running", "LastUpdateTime": old},
		ids[2]: {"VO": "lhcb", "Status": "Done", "LastUpdateTime": db.Now()},
	}); err != nil {
		t.Fatal(err)
	}
	settings := Settings{Series: true, Retention: filepath.Join(folder, "r.json"), Stalled: filepath.Join(folder, "s.json")}
	for path, text := range map[string]string{settings.Retention: `{"Default": {"Jobs": {"Done": "90d"}}}`, settings.Stalled: `{"Default": {"FailedAfter": "never"}}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log strings.Builder
	server := &serveCommand{Settings: settings}
	rules, err := server.openTaskRules()
	if err != nil {
		t.Fatal(err)
	}
	stop, err := server.startTasks(t.Context(), jobs, rules, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); !tasksDone(t, db); {
		select {
		case <-deadline:
			t.Fatal("the tasks aren't done")
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	for _, line := range []string{`msg="old jobs were purged" vo=lhcb deleted="jobs Done: 1"`, `msg="jobs weren't heard of" vo=lhcb stalled=1 failed=0`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, &log)
		}
	}
}

// tasksDone reports whether a job was purged, one is Stalled, and the counts were noted.
func tasksDone(t *testing.T, db *jobdb.DB) bool {
	t.Helper()
	page, err := db.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{VO: "lhcb"}, Columns: statusColumn(t)})
	if err != nil {
		t.Fatal(err)
	}
	stalled := false
	for _, row := range page.Rows {
		stalled = stalled || row[0] == "Stalled"
	}
	query := jobdb.SeriesQuery{
		Scope: jobdb.Scope{VO: "lhcb"}, By: statusColumn(t), From: db.Now().Add(-time.Hour), To: db.Now().Add(time.Hour), Bucket: time.Hour,
	}
	rows, err := db.Series(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return stalled && page.Total == 2 && len(rows.Series) > 0
}

func statusColumn(t *testing.T) []jobdb.Column {
	t.Helper()
	column, err := jobdb.ParseColumn("Status")
	if err != nil {
		t.Fatal(err)
	}
	return []jobdb.Column{column}
}
