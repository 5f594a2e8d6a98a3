package faults_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// What a client wrote that hangs up meanwhile is done; requests of clients that hung up are no
// errors in the log.
func TestClientsThatHangUp(t *testing.T) {
	for name, open := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			address := open(t)
			s := startMigrated(t, address)
			token := s.token("alice", "NormalUser", "GenericPilot", "JobAdministrator")
			if r := s.send(token, "POST", "/api/jobs/jdl", `["Executable = 'x';"]`); r.status != http.StatusCreated {
				t.Fatalf("submit: %+v", r)
			}
			if name != "SQLite" { // where nobody can look in as easily
				s.hangUpBehindLock(t, token, address)
			}
			s.hangUpAtRandom(token)
			s.stop() // waits for those that are under way
			said := s.said()
			for line := range strings.Lines(said) {
				if strings.Contains(line, "level=ERROR") {
					t.Errorf("in the log: %s", line)
				}
			}
			if t.Failed() {
				t.Log(said)
			}
			t.Logf("%d requests, %d of clients that hung up, of which %d failed",
				strings.Count(said, "msg=request"), strings.Count(said, "gone=true"), strings.Count(said, "status=499"))
		})
	}
}

// hangUpBehindLock sends a change of a job that another program holds, and hangs up: it is done as
// soon as it can be.
func (s *server) hangUpBehindLock(t *testing.T, token, address string) {
	t.Helper()
	raw := jobdbtest.Raw(t, address)
	holder, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := holder.ExecContext(t.Context(), `SELECT 1 FROM "Jobs" WHERE "JobID" = 1 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r := s.sendIn(ctx, token, "PATCH", "/api/jobs/metadata", `{"1":{"Site":"LCG.CERN.ch"}}`); r.err == nil {
		t.Errorf("the server answered while the job was held: %+v", r)
	}
	time.Sleep(time.Second) // for the server to notice
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	var site string
	for began := time.Now(); site != "LCG.CERN.ch" && time.Since(began) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		if err := raw.QueryRowContext(t.Context(), `SELECT "Site" FROM "Jobs" WHERE "JobID" = 1`).Scan(&site); err != nil {
			t.Fatal(err)
		}
	}
	if site != "LCG.CERN.ch" {
		t.Errorf("the change of a client that hung up was not made")
	}
}

// hangUpAtRandom has clients that hang up within some milliseconds.
func (s *server) hangUpAtRandom(token string) {
	requests := []struct{ method, path, body string }{
		{"POST", "/api/jobs/jdl", `["Executable = 'x'; Parameters = 20;"]`},
		{"PATCH", "/api/jobs/heartbeat", `{"1":{"LoadAverage":1}}`},
		{"PATCH", "/api/jobs/metadata", `{"1":{"Site":"LCG.PIC.es"}}`},
		{"POST", "/api/jobs/search", `{"search":[{"parameter":"Owner","operator":"like","value":"%a%"}]}`},
		{"POST", "/api/jobs/summary", `{"grouping":["Status","Owner"]}`},
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(rand.IntN(8000))*time.Microsecond)
				request := requests[n%len(requests)]
				if r := s.sendIn(ctx, token, request.method, request.path, request.body); r.err == nil && r.status >= 300 {
					s.t.Errorf("%s: %+v", request.path, r)
				}
				cancel()
			}
		})
	}
	all.Wait()
}
