package wms_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestNoScope wants an action of which nobody said whose jobs it is about to be refused, and
// nothing changed.
func TestNoScope(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	id := jobsIn(t, m, "Running")[0]
	before := everything(t, m, id)
	for name, act := range map[string]func() error{
		"status": func() error {
			updates := map[jobdb.JobID][]wms.StatusUpdate{id: {{Time: now, Status: jobdb.StatusKilled, Source: "test"}}}
			_, err := m.SetStatus(t.Context(), wms.Scope{}, updates, wms.StatusOptions{})
			return err
		},
		"heartbeat": func() error {
			_, err := m.Heartbeat(t.Context(), wms.Scope{Owner: "alice"}, map[jobdb.JobID]wms.Beat{id: {}})
			return err
		},
		"metadata": func() error {
			return m.SetMetadata(t.Context(), wms.Scope{}, map[jobdb.JobID]map[string]any{id: {"Site": "x"}})
		},
		"reschedule": func() error {
			_, err := m.Reschedule(t.Context(), wms.Scope{}, []jobdb.JobID{id}, false)
			return err
		},
	} {
		if err := act(); !errors.Is(err, jobdb.ErrNoScope) {
			t.Errorf("%s: got %v, want: %v", name, err, jobdb.ErrNoScope)
		}
	}
	if diff := cmp.Diff(before, everything(t, m, id)); diff != "" {
		t.Errorf("- before, + after:\n%s", diff)
	}
}

// TestJobsOfOthersAreNotHeld has a user name a job of another owner of the VO and one of his own, for which the
// request has to wait. Meanwhile the other's heartbeat mustn't wait for it.
func TestJobsOfOthersAreNotHeld(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		if name == "SQLite" { // which has one writer at a time
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			ids := jobsIn(t, m, "Running", "Running")
			theirs, mine := ids[0], ids[1]
			setAttribute(t, m, theirs, jobdb.Attributes{"Owner": "bob"})
			for _, scope := range []wms.Scope{{VO: "lhcb", Owner: "alice"}, {VO: "lhcb", Owner: "alice", Hidden: true}} {
				testNotHeld(t, m, scope, theirs, mine)
			}
		})
	}
}

func testNotHeld(t *testing.T, m *wms.JobManager, scope wms.Scope, theirs, mine jobdb.JobID) {
	t.Helper()
	ended := make(chan error, 1)
	err := m.DB.Tx(t.Context(), func(ctx context.Context, tx *jobdb.Tx) error {
		if _, err := tx.LockJobs(ctx, []jobdb.JobID{mine}, "Status"); err != nil {
			return err
		}
		go func() {
			_, err := m.Heartbeat(t.Context(), scope, map[jobdb.JobID]wms.Beat{theirs: {}, mine: {}})
			ended <- err
		}()
		time.Sleep(time.Second) // until it waits for the job that is held here
		select {
		case err := <-ended:
			t.Errorf("it was to wait for its own job: %v", err)
			ended <- err
		default:
		}
		waits, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := m.Heartbeat(waits, wms.Scope{VO: "lhcb", Owner: "bob"}, map[jobdb.JobID]wms.Beat{theirs: {}}); err != nil {
			t.Errorf("the other's heartbeat: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-ended; errors.Is(err, wms.ErrNotOwner) == scope.Hidden || scope.Hidden && err != nil {
		t.Errorf("%+v: %v", scope, err)
	}
}
