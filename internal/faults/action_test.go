package faults_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// A server is killed in the middle of an action on 3,000 jobs, and started again: it goes on, each
// job is done once, and all are.
func TestKilledInAnAction(t *testing.T) {
	for name, open := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			const jobs = 3000
			address := open(t)
			s := startMigrated(t, address)
			db := jobdbtest.Open(t, address, jobdb.Options{FoldInterval: -1})
			ids, err := db.CreateJobs(t.Context(), make([]string, jobs))
			if err != nil {
				t.Fatal(err)
			}
			attributes := map[jobdb.JobID]jobdb.Attributes{}
			for _, id := range ids {
				attributes[id] = jobdb.Attributes{"VO": "local", "Owner": "alice", "OwnerGroup": "user", "Status": "Waiting", "LastUpdateTime": db.Now()}
			}
			if err := db.InsertJobAttributes(t.Context(), attributes); err != nil {
				t.Fatal(err)
			}
			token := s.token("alice", "NormalUser")
			began := s.send(token, http.MethodPost, "/api/jobdb/actions", `{"action": "kill", "search": []}`)
			var action int64
			if n, err := fmt.Sscanf(began.body, `{"id":%d,`, &action); n != 1 || began.status != http.StatusOK {
				t.Fatalf("begin an action: %+v, %v", began, err)
			}
			scope := jobdb.ActionScope{VO: "local", Username: "alice"}
			done := func(enough func(jobdb.Action) bool) jobdb.Action {
				t.Helper()
				for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
					a, err := db.Action(t.Context(), scope, action)
					if err != nil {
						t.Fatal(err)
					}
					if enough(a) {
						return a
					}
					if time.Since(began) > 3*time.Minute {
						t.Fatalf("it doesn't go on: %+v", a)
					}
				}
			}
			done(func(a jobdb.Action) bool { return a.Done >= 400 })
			s.kill()
			between := done(func(jobdb.Action) bool { return true })
			if between.State != jobdb.ActionRunning {
				t.Fatalf("it ended before the server was killed: %+v", between)
			}
			s.again()
			end := done(func(a jobdb.Action) bool { return a.State != jobdb.ActionRunning })
			if end.State != jobdb.ActionDone || end.Done != jobs || end.Refused+end.Failed > 0 {
				t.Errorf("%+v", end)
			}
			histories, err := db.History(t.Context(), ids)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				kills := 0
				for _, record := range histories[id] {
					if record.Status == jobdb.StatusKilled {
						kills++
					}
				}
				if kills != 1 {
					t.Errorf("job %d was killed %d times", id, kills)
				}
			}
			t.Logf("the server was killed after %d of %d jobs", between.Done, jobs)
		})
	}
}
