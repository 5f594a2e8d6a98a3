package faults_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// everyEngine makes a database on each engine that has the tables of jobdb.
func everyEngine(t *testing.T, test func(t *testing.T, address string, db *jobdb.DB)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) string{
		"SQLite":  func(tb testing.TB) string { tb.Helper(); return "sqlite:" + filepath.Join(tb.TempDir(), "jobs.db") },
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			address := open(t)
			test(t, address, jobdbtest.Open(t, address, jobdb.Options{}))
		})
	}
}

// A job of which 150,000 things were told takes no longer to tell one more of, in time or late, than
// another.
func TestLongHistory(t *testing.T) {
	everyEngine(t, func(t *testing.T, address string, db *jobdb.DB) {
		s := startServer(t, "--db", address)
		token := s.token("alice", "JobAdministrator", "NormalUser")
		for range 2 {
			if r := s.send(token, http.MethodPost, "/api/jobs/jdl", `["Executable = \"x\";"]`); r.status != http.StatusCreated {
				t.Fatalf("%d %s", r.status, r.body)
			}
		}
		now := time.Now().UTC()
		records := make([]jobdb.HistoryRecord, 150_000)
		for i := range records {
			at := now.Add(time.Duration(i-len(records)) * 100 * time.Millisecond)
			records[i] = jobdb.HistoryRecord{JobID: 2, Status: "Waiting", MinorStatus: "m", ApplicationStatus: "a", Time: at, Source: "x"}
		}
		if err := db.InsertHistory(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		took := map[string]time.Duration{}
		for _, of := range []struct {
			what string
			job  int
			late time.Duration
		}{{"short", 1, 0}, {"long", 2, 0}, {"short, late", 1, time.Hour}, {"long, late", 2, time.Hour}} {
			took[of.what] = median(15, func(int) {
				at := time.Now().UTC().Add(-of.late).Format(time.RFC3339Nano)
				r := s.send(token, http.MethodPatch, "/api/jobs/status", fmt.Sprintf(`{"%d":{"%s":{"ApplicationStatus":"x","Source":"y"}}}`, of.job, at))
				if r.status != http.StatusOK {
					t.Fatalf("%d %s", r.status, r.body)
				}
			})
			t.Logf("%s: %v", of.what, took[of.what])
		}
		for _, late := range []string{"", ", late"} {
			if long, short := took["long"+late], took["short"+late]; long > 3*short+25*time.Millisecond {
				t.Errorf("an update%s of the long history takes %v, of a short one %v", late, long, short)
			}
		}
	})
}

// median is how long most of n calls take.
func median(n int, call func(i int)) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		call(i)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n/2]
}
