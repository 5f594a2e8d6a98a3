package wms_test

import (
	"errors"
	"testing"

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
