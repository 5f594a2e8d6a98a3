package wms_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

func TestNewJobManager(t *testing.T) {
	db := open(t, jobdbtest.SQLite(t)).DB
	m, err := wms.NewJobManager(db, wms.RuleBook{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wms.DefaultRules, m.Rules); diff != "" || m.DB != db {
		t.Error(diff)
	}
	if told := m.Clock(); !told.Equal(db.Now()) {
		t.Errorf("its clock says %v, the database's %v", told, db.Now())
	}
	if _, err := m.Submit(t.Context(), alice, []string{`Executable = "x";`}); err != nil {
		t.Error(err)
	}
	strict := wms.RuleBook{VOs: map[string]wms.Rules{"lhcb": {}}}
	for _, test := range []struct {
		db    *jobdb.DB
		rules wms.RuleBook
		want  string
	}{
		{nil, wms.DefaultRules, "a job manager needs a database"},
		{db, strict, "the rules of the VO lhcb: MaxJobs must be more than 0"},
		{db, wms.RuleBook{Default: wms.Rules{MaxJobs: 1, MinPriority: 1}}, "the rules of Default: MinPriority is more than MaxPriority"},
	} {
		if _, err := wms.NewJobManager(test.db, test.rules, clock); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v; want %s", err, test.want)
		}
	}
}
