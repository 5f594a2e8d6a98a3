package faults_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// A database that gives no answer is told as such: nobody is asked for more filters, and everybody
// to come again.
func TestSilentDatabaseIsUnavailable(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			between := newProxy(t, open(t))
			s := startServer(t, "--db", between.address, "--query-time", "2s")
			token := s.token("alice", "NormalUser")
			ask := func(path, body string) reply { return s.send(token, http.MethodPost, path, body) }
			if r := ask("/api/jobs/search", "{}"); r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			between.hold()
			defer between.letGo()
			for path, body := range map[string]string{"/api/jobs/search": "{}", "/api/jobs/summary": `{"grouping":["Owner"]}`} {
				began := time.Now()
				r := ask(path, body)
				if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "the database can't be reached") || r.err != nil {
					t.Errorf("%s: %d %s %v", path, r.status, r.body, r.err)
				}
				t.Logf("%s: %d after %v: %s", path, r.status, time.Since(began).Round(time.Millisecond), r.body)
			}
			between.letGo()
			if r := ask("/api/jobs/search", "{}"); r.status != http.StatusOK {
				t.Errorf("afterwards: %d %s", r.status, r.body)
			}
		})
	}
}
