package wms

import (
	"strings"
	"testing"

	"jobdb"
	"jobdb/jdl"
)

// What was prepared before the transaction counts only for a job that is still the same.
func TestRescheduleOfWhatChangedMeanwhile(t *testing.T) {
	const id = 7
	again := func(executable, owner string, early map[jobdb.JobID]preparedJob) preparedJob {
		r := &rescheduling{
			JobManager: &JobManager{Rules: DefaultRules}, early: early, readBudget: newJDLBudget(1), reportBudget: newJDLBudget(1),
			jobs:      map[jobdb.JobID]jobdb.Attributes{id: {"Owner": owner, "OwnerGroup": "lhcb_user", "VO": "lhcb"}},
			originals: map[jobdb.JobID]string{id: jdl.Compress("[Executable = '" + executable + "';]")},
		}
		return r.prepared(id)
	}
	early := map[jobdb.JobID]preparedJob{id: again("old", "alice", nil)}
	marked := early[id]
	marked.job.Site = "as prepared before"
	early[id] = marked
	for _, c := range []struct{ executable, owner, site string }{
		{"old", "alice", "as prepared before"}, {"new", "alice", anySite}, {"old", "bob", anySite},
	} {
		p := again(c.executable, c.owner, early)
		if p.err != nil || p.job.Site != c.site || !strings.Contains(p.job.JDL, c.executable) || !strings.Contains(p.job.JDL, c.owner) {
			t.Errorf("%s of %s: %+v", c.executable, c.owner, p)
		}
	}
}
