package wms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// Rescheduled is what became of a job that is to run again.
type Rescheduled struct {
	JDL                                    string // as it is stored now, plain
	Site                                   string
	UserPriority                           int64
	RescheduleCounter                      int64
	RescheduleTime                         time.Time
	Status, MinorStatus, ApplicationStatus string
	LastUpdateTime                         time.Time
}

// RescheduleReport is the outcome of [JobManager.Reschedule].
type RescheduleReport struct {
	Success map[jobdb.JobID]Rescheduled
	Failed  map[jobdb.JobID]string // why
}

// What the statuses of jobs say that were to run again.
const (
	minorRescheduled      = "Job Rescheduled"
	minorMaxReschedulings = "Maximum of reschedulings reached"
	sourceReschedule      = "Unknown" // the reference names none
)

// notAgain are the statuses in which a job isn't rescheduled: its work is done, or it was ended on purpose.
var notAgain = []string{"Done", "Completed", "Completing", statusKilled, statusDeleted}

// Reschedule makes jobs run again: from any status but Done, Completed, Completing, Killed and Deleted they go to
// Received (Submitting and Rescheduled too, as the state machine lets them), with the JDL that their original one gives
// now. They get their Site and UserPriority from it, which is 0 without a Priority, as in the reference. RescheduleCounter counts one
// up, or with reset becomes 0. When they began, ended and were last heard of is forgotten; their parameters
// are archived under the cycle that ends; pending commands expire. What optimizers know
// of them stays: it will be overwritten as the jobs pass through again.
//
// A job that was rescheduled as often as the rules of its VO allow becomes Failed, where the state machine
// lets it. It is in the report's Failed, as are jobs that don't exist, can't be rescheduled, or whose
// original JDL can't be prepared any more; those stay as they are.
//
// A job out of reach is [ErrNotOwner]; then nothing is written. All is one transaction,
// and the number of statements doesn't depend on that of jobs.
func (m *JobManager) Reschedule(ctx context.Context, reach Reach, ids []jobdb.JobID, reset bool) (RescheduleReport, error) {
	var r *rescheduling
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := reach.hold(ctx, tx, ids, slices.Concat(rescheduleColumns, changeColumns)...)
		if err != nil {
			return err
		}
		r = &rescheduling{
			JobManager: m, jobs: jobs, reset: reset,
			report:    RescheduleReport{Success: map[jobdb.JobID]Rescheduled{}, Failed: map[jobdb.JobID]string{}},
			exhausted: map[jobdb.JobID]jobdb.Attributes{},
		}
		for _, id := range missing(ids, jobs) {
			r.report.Failed[id] = "Not found"
		}
		return r.run(ctx, tx)
	})
	if err != nil {
		return RescheduleReport{}, err
	}
	return r.report, nil
}

var rescheduleColumns = []string{"MinorStatus", "OwnerGroup", "VerifiedFlag", "RescheduleCounter"}

// rescheduling is a request on its way.
type rescheduling struct {
	*JobManager
	reset     bool
	jobs      map[jobdb.JobID]jobdb.Attributes // those that may still succeed
	exhausted map[jobdb.JobID]jobdb.Attributes // those that were rescheduled too often
	report    RescheduleReport
}

func (r *rescheduling) fail(id jobdb.JobID, reason string) {
	r.report.Failed[id] = reason
	delete(r.jobs, id)
}

func (r *rescheduling) run(ctx context.Context, tx *jobdb.Tx) error {
	r.sort()
	again := slices.Collect(maps.Keys(r.jobs))
	originals, err := tx.OriginalJDLs(ctx, again)
	if err != nil {
		return err
	}
	for _, id := range again {
		if err := r.prepare(id, originals[id]); err != nil {
			r.fail(id, "its original JDL can't be prepared any more: "+err.Error())
		}
	}
	if _, err := r.setStatus(ctx, tx, r.exhausted, manner{}, StatusUpdate{Status: "Failed", MinorStatus: minorMaxReschedulings}); err != nil {
		return err
	}
	if len(r.jobs) == 0 {
		return nil
	}
	return r.store(ctx, tx)
}

// sort finds out which jobs can't be rescheduled.
func (r *rescheduling) sort() {
	for id, job := range r.jobs {
		status, most := textOf(job, "Status"), r.Rules.of(textOf(job, "VO")).MaxReschedulings
		switch {
		case job["VerifiedFlag"] != true:
			r.fail(id, fmt.Sprintf("VerifiedFlag is False: Status %s, Minor Status: %s", status, job["MinorStatus"]))
		case slices.Contains(notAgain, status):
			r.fail(id, "a job in "+status+" is not rescheduled; submit it anew")
		case r.counter(id) > most:
			r.exhausted[id] = job
			r.fail(id, fmt.Sprintf("Maximum number of reschedules exceeded (%d)", most))
		}
	}
}

// counter is how often a job will have been rescheduled.
func (r *rescheduling) counter(id jobdb.JobID) int64 {
	if r.reset {
		return 0
	}
	before, _ := r.jobs[id]["RescheduleCounter"].(int64)
	return before + 1
}

// prepare finds out what becomes of a job, from its original JDL as it is stored.
func (r *rescheduling) prepare(id jobdb.JobID, original string) error {
	if original == "" {
		return errors.New("there is none")
	}
	text, err := jdl.Decompress(original)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(text, "[") { // as old clients sent it
		text = jdl.Enclose(text)
	}
	ad, err := jdl.ParseAd(text)
	if err != nil {
		return err
	}
	job := r.jobs[id]
	owner := Owner{Name: textOf(job, "Owner"), Group: textOf(job, "OwnerGroup"), VO: textOf(job, "VO")}
	text, priority, err := r.Rules.of(owner.VO).prepare(ad, owner, id)
	if err != nil {
		return err
	}
	site, err := siteOf(ad)
	if err != nil {
		return err
	}
	r.report.Success[id] = Rescheduled{
		JDL:  strings.ReplaceAll(text, "%j", strconv.FormatInt(int64(id), 10)),
		Site: site, UserPriority: priority, RescheduleCounter: r.counter(id),
	}
	return nil
}

func textOf(job jobdb.Attributes, name string) string {
	text, _ := job[name].(string)
	return text
}

// store writes all that changes of the jobs that are left.
func (r *rescheduling) store(ctx context.Context, tx *jobdb.Tx) error {
	changes, err := r.setStatus(ctx, tx, r.jobs, manner{force: true}, StatusUpdate{Status: received.status, MinorStatus: minorRescheduled})
	if err != nil {
		return err
	}
	ids := slices.Collect(maps.Keys(r.jobs))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	jdls := make(map[jobdb.JobID]string, len(ids))
	for id, job := range r.report.Success {
		change := changes[id]
		job.Status, job.MinorStatus, job.ApplicationStatus = change.Status, change.MinorStatus, change.ApplicationStatus
		job.RescheduleTime, job.LastUpdateTime = change.LastUpdateTime, change.LastUpdateTime
		r.report.Success[id] = job
		jdls[id] = jdl.Compress(job.JDL)
		attributes[id] = jobdb.Attributes{
			"Site": job.Site, "UserPriority": job.UserPriority, "RescheduleTime": job.RescheduleTime,
			"RescheduleCounter": job.RescheduleCounter, "StartExecTime": nil, "EndExecTime": nil, "HeartBeatTime": nil,
		}
	}
	for _, write := range []func() error{
		func() error { return tx.UpdateJobJDLs(ctx, jdls) },
		func() error { return tx.ArchiveJobParameters(ctx, ids) }, // under the counter as it is before the next line
		func() error { return setAttributes(ctx, tx, attributes) },
		func() error { return tx.ExpireJobCommands(ctx, ids) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// setStatus changes the status of jobs from now on, whatever their history tells of clocks that are ahead.
func (r *rescheduling) setStatus(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, how manner, to StatusUpdate,
) (map[jobdb.JobID]StatusChange, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	to.Time, to.ApplicationStatus, to.Source = r.Clock(), unknownApplication, sourceReschedule
	updates := make(map[jobdb.JobID][]StatusUpdate, len(jobs))
	for id := range jobs {
		updates[id] = []StatusUpdate{to}
	}
	how.urgent = func(StatusUpdate) bool { return true }
	return r.change(ctx, tx, jobs, updates, how)
}
