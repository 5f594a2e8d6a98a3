package conformance

import (
	"context"
	"time"

	"jobdb"
)

// This file holds jobs still while something is done that depends on them.
var holdTests = []conformanceTest{
	{"LockJobs", testHoldJobs},
	{"HeldJobsWait", testHeldJobsWait},
	{"JobsOfOthersAreNotHeld", testJobsOfOthersAreNotHeld},
}

// What is held has the values of a page; jobs that don't exist are left out.
func testHoldJobs(f *fixture) {
	started := noon.Add(time.Hour)
	ids := f.addJobs(
		jobdb.Attributes{"Status": "Running", "StartExecTime": started, "UserPriority": int64(5), "VerifiedFlag": true, "AccountedFlag": jobdb.AccountedFailed},
		jobdb.Attributes{"Owner": "Alice "},
	)
	names := []string{"AccountedFlag", "Status", "StartExecTime", "UserPriority", "VerifiedFlag", "Owner", "JobID"}
	want := map[jobdb.JobID]jobdb.Attributes{
		ids[0]: {
			"AccountedFlag": jobdb.AccountedFailed, "Status": "Running", "StartExecTime": f.stored(started), "UserPriority": int64(5), "VerifiedFlag": true,
			"Owner": "Unknown", "JobID": int64(ids[0]),
		},
		ids[1]: {
			"AccountedFlag": jobdb.AccountedFalse, "Status": "Received", "StartExecTime": nil, "UserPriority": int64(0), "VerifiedFlag": false,
			"Owner": "Alice ", "JobID": int64(ids[1]),
		},
	}
	wanted := []jobdb.JobID{ids[1], missingID, ids[0], ids[1]}
	got, err := f.LockJobs(f.ctx, wanted, names...)
	f.ok(err)
	f.equal("held jobs", got, want)
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{ids[1]: {"Owner": "bob"}}, false)
		f.ok(err)
		got, err = tx.LockJobs(ctx, wanted, names...)
		return err
	}))
	want[ids[1]]["Owner"] = "bob"
	f.equal("jobs held in a transaction", got, want)

	got, err = f.LockJobs(f.ctx, ids[:1])
	f.ok(err)
	f.equal("a job without columns", got, map[jobdb.JobID]jobdb.Attributes{ids[0]: {}})
	got, err = f.LockJobs(f.ctx, nil, "Status")
	f.ok(err)
	f.equal("no jobs", len(got), 0)
	_, err = f.LockJobs(f.ctx, ids, "Status", "status")
	f.refused(err, jobdb.ErrInvalidQuery, `"status"`)
}

// Sixteen callers count in a column of the same jobs, each reading before it
// writes: nobody's step is lost, whatever the order in which they name the jobs.
func testHeldJobsWait(f *fixture) {
	const callers, steps = 16, 5
	ids := f.addPlainJobs(2)
	step := func(ids []jobdb.JobID) error {
		return f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			jobs, err := tx.LockJobs(ctx, ids, "UserPriority")
			if err != nil {
				return err
			}
			next := map[jobdb.JobID]jobdb.Attributes{}
			for id, job := range jobs {
				n, _ := job["UserPriority"].(int64)
				next[id] = jobdb.Attributes{"UserPriority": n + 1}
			}
			_, err = tx.SetProperties(ctx, next, false)
			return err
		})
	}
	f.together(callers, func(i int) error {
		for range steps {
			if err := step([]jobdb.JobID{ids[i%2], ids[1-i%2]}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range ids {
		f.equal("the count", f.attributes(id, "UserPriority")["UserPriority"], int64(callers*steps))
	}
}

// Who names jobs of another VO or owner holds those of their own, and keeps nobody from changing the others.
func testJobsOfOthersAreNotHeld(f *fixture) {
	ids, other := f.addPlainJobs(2), *f
	other.vo = "x" + f.vo
	theirs := append(other.addPlainJobs(3), f.addPlainJobs(1)...)
	set := func(ids []jobdb.JobID, owner string) {
		values := map[jobdb.JobID]jobdb.Attributes{}
		for _, id := range ids {
			values[id] = jobdb.Attributes{"Owner": owner}
		}
		_, err := f.SetJobAttributes(f.ctx, values, jobdb.SetOptions{})
		f.ok(err)
	}
	set(ids, "alice")
	set(theirs[:3], "alice")
	set(theirs[3:], "bob")
	all := []jobdb.JobID{theirs[0], ids[0], theirs[1], ids[1], theirs[2], theirs[3], missingID}
	for _, vo := range []string{"nobody's", "\x00", ""} {
		got, err := f.LockJobsOf(f.ctx, vo, "", all, "VO")
		f.ok(err)
		f.equal("jobs of "+vo, len(got), 0)
		if vo != "" {
			got, err = f.LockJobsOf(f.ctx, f.vo, vo, all, "VO")
			f.ok(err)
			f.equal("jobs of the owner "+vo, len(got), 0)
		}
	}
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		got, err := tx.LockJobsOf(ctx, f.vo, "alice", all, "VO")
		f.equal("held jobs", got, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": f.vo}, ids[1]: {"VO": f.vo}})
		if err != nil || f.Engine() == "sqlite" { // which has one writer at a time
			return err
		}
		waits, cancel := context.WithTimeout(f.ctx, 5*time.Second)
		defer cancel()
		_, err = f.SetJobAttributes(waits, map[jobdb.JobID]jobdb.Attributes{theirs[0]: {"Site": "x"}, theirs[1]: {"Site": "x"}, theirs[2]: {"Site": "x"}, theirs[3]: {"Site": "x"}}, jobdb.SetOptions{})
		f.ok(err)
		return nil
	}))
}
