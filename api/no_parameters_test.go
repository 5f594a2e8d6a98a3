package api_test

import (
	"net/http"
	"strings"
	"testing"

	"jobdb"
	"jobdb/api"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// Outputs of jobs that a database has no place for are counted in the log: each time that their
// number has doubled.
func TestDroppedOutputs(t *testing.T) {
	db := jobdbtest.Open(t, oracle.DIRAC(t, "9.1.22", jobdbtest.MariaDBWith), jobdb.Options{})
	w := start(t, func(c *api.Config) {
		c.DB, c.Jobs = db, &wms.JobManager{DB: db, Rules: wms.DefaultRules, Clock: c.Clock}
	})
	w.submit(alice, "one")
	for range 5 {
		if got := w.ask(http.MethodPatch, "/api/jobs/heartbeat", w.token(alice), `{"1": {"StandardOutput": "x"}}`); got.status != http.StatusOK {
			t.Fatalf("the heartbeat: %+v", got)
		}
	}
	if n := strings.Count(w.log.String(), "dropped="); n != 3 || !strings.Contains(w.log.String(), "dropped=4") {
		t.Errorf("the log has %d numbers:\n%s", n, w.log)
	}
	details := w.ask(http.MethodGet, "/api/jobdb/jobs/1", w.token(alice), "")
	if details.status != http.StatusOK || !strings.Contains(details.body, `"Parameters":{}`) {
		t.Errorf("the details: %+v", details)
	}
	series := w.ask(http.MethodPost, "/api/jobdb/series", w.token(alice), `{"columns":["Status"],"from":"2024","to":"2025"}`)
	if series.status != http.StatusBadRequest || !strings.Contains(series.body, "no counts over time are noted") {
		t.Errorf("counts over time: %+v", series)
	}
	if got := w.ask(http.MethodPatch, "/api/jobs/metadata", w.token(alice), `{"1": {"Mood": "good"}}`); got.status != http.StatusBadRequest {
		t.Errorf("metadata: %+v", got)
	}
}
