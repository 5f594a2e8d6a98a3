package wms_test

import (
	"errors"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// A submission that would make too many jobs is refused as a whole, and others that have ended don't
// count.
func TestQuotas(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	m, err := wms.NewJobManager(db, wms.DefaultRules, nil)
	if err != nil {
		t.Fatal(err)
	}
	limited := wms.DefaultRules.Default
	limited.MaxUserJobs, limited.MaxVOJobs = 3, 4
	if err := m.SetRules(wms.RuleBook{Default: limited}); err != nil {
		t.Fatal(err)
	}
	submit := func(name string, n int) error {
		t.Helper()
		jdls := make([]string, n)
		for i := range jdls {
			jdls[i] = `Executable = "x";`
		}
		_, err := m.Submit(t.Context(), wms.Owner{Name: name, Group: "lhcb_user", VO: "lhcb"}, jdls)
		return err
	}
	refused := func(err error, want wms.QuotaError) {
		t.Helper()
		if e := (*wms.QuotaError)(nil); !errors.As(err, &e) || *e != want || !errors.Is(err, wms.ErrQuota) {
			t.Errorf("got %v, want %v", err, &want)
		}
	}
	if err := submit("alice", 2); err != nil {
		t.Fatal(err)
	}
	refused(submit("alice", 2), wms.QuotaError{Of: "you", Jobs: 2, New: 2, Most: 3})
	if err := submit("bob", 2); err != nil {
		t.Fatal(err)
	}
	refused(submit("alice", 1), wms.QuotaError{Of: "the users of your VO together", Jobs: 4, New: 1, Most: 4})
	if _, err := db.SetJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{1: {"Status": "Done"}, 2: {"Status": "Deleted"}}, jobdb.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := submit("alice", 2); err != nil {
		t.Error(err)
	}
	if _, err := m.SubmitOnce(t.Context(), wms.Owner{Name: "alice", Group: "lhcb_user", VO: "lhcb"}, "key", []string{`Executable = "x";`}); !errors.Is(err, wms.ErrQuota) {
		t.Error(err)
	}
	limited.MaxUserJobs = -1
	if err := m.SetRules(wms.RuleBook{Default: limited}); err == nil {
		t.Error("a quota of -1 is taken")
	}
}
