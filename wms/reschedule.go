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

// Rescheduled is what became of a job that runs again: its new values. Times are in UTC.
type Rescheduled struct {
	JDL                            string // as it is stored now, decompressed
	Site                           string
	UserPriority                   int64
	RescheduleCounter              int64
	RescheduleTime                 time.Time
	Status                         jobdb.Status
	MinorStatus, ApplicationStatus string
	LastUpdateTime                 time.Time
}

// RescheduleReport is the outcome of [JobManager.Reschedule].
type RescheduleReport struct {
	Success map[jobdb.JobID]Rescheduled
	Failed  map[jobdb.JobID]string // the reasons
}

// What the status of a job says that is rescheduled, or isn't any more.
const (
	minorRescheduled      = "Job Rescheduled"
	minorMaxReschedulings = "Maximum of reschedulings reached"
	sourceReschedule      = "Unknown" // the reference names none
)

// notRescheduled are the statuses in which a job isn't rescheduled: its work is done, or somebody
// ended it.
var notRescheduled = []jobdb.Status{
	jobdb.StatusDone, jobdb.StatusCompleted, jobdb.StatusCompleting, jobdb.StatusKilled, jobdb.StatusDeleted,
}

// MayReschedule reports whether a job in a status can be made to run again.
func MayReschedule(status jobdb.Status) bool { return !slices.Contains(notRescheduled, status) }

// Reschedule makes jobs run again, as DiracX's reschedule_jobs does. From any status but Done,
// Completed, Completing, Killed and Deleted they become Received (as the state machine lets them,
// Submitting and Rescheduled ones too). Their JDL is made anew from the original one, and with it
// their Site and UserPriority, which is 0 without a Priority. RescheduleCounter grows by one, or is
// set to 0 with reset. StartExecTime, EndExecTime and HeartBeatTime are forgotten, the parameters
// are archived under the cycle that ends, and pending commands expire. Optimizer parameters stay:
// they are overwritten as the jobs pass through the optimizers again.
//
// The report's Failed has the jobs that don't exist, can't be rescheduled, or whose original JDL
// can't be prepared any more; they stay as they are. It also has those that were rescheduled as
// often as the rules of their VO allow; they become Failed if the state machine lets them, unless
// the rules allow no rescheduling at all: then they stay as they are, too.
//
// On [ErrNotOwner], for a job of another owner, nothing is written. All is one transaction, and the
// number of statements doesn't depend on the number of jobs.
func (m *JobManager) Reschedule(ctx context.Context, scope Scope, ids []jobdb.JobID, reset bool) (RescheduleReport, error) {
	var r *rescheduling
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := scope.lock(ctx, tx, ids, slices.Concat(rescheduleColumns, updateColumns)...)
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
		if err := r.run(ctx, tx); err != nil {
			return err
		}
		return r.leaveTaskQueues(ctx, tx)
	})
	if err != nil {
		return RescheduleReport{}, err
	}
	return r.report, nil
}

var rescheduleColumns = []string{"MinorStatus", "OwnerGroup", "VerifiedFlag", "RescheduleCounter"}

// rescheduling is a request that is being worked on.
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
	r.refuse()
	ids := slices.Collect(maps.Keys(r.jobs))
	originals, err := tx.OriginalJDLs(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.prepare(id, originals[id]); err != nil {
			r.fail(id, "its original JDL can't be prepared any more: "+err.Error())
		}
	}
	failed := StatusUpdate{Status: "Failed", MinorStatus: minorMaxReschedulings}
	if _, err := r.setStatus(ctx, tx, r.exhausted, failed, false); err != nil {
		return err
	}
	if len(r.jobs) == 0 {
		return nil
	}
	return r.store(ctx, tx)
}

// refuse sorts out the jobs that can't be rescheduled.
func (r *rescheduling) refuse() {
	for id, job := range r.jobs {
		status, limit := statusOf(job), r.Rules.rulesOf(textOf(job, "VO")).MaxReschedulings
		switch {
		case job["VerifiedFlag"] != true:
			r.fail(id, fmt.Sprintf("VerifiedFlag is False: Status %s, Minor Status: %s", status, job["MinorStatus"]))
		case limit == 0:
			r.fail(id, "rescheduling is switched off (MaxReschedulings is 0)")
		case !MayReschedule(status):
			r.fail(id, "a job in "+string(status)+" is not rescheduled; submit it anew")
		case r.counter(job) > limit:
			r.exhausted[id] = job
			r.fail(id, fmt.Sprintf("Maximum number of reschedules exceeded (%d)", limit))
		}
	}
}

// counter is how often a job will have been rescheduled.
func (r *rescheduling) counter(job jobdb.Attributes) int64 {
	if r.reset {
		return 0
	}
	before, _ := job["RescheduleCounter"].(int64)
	return before + 1
}

// prepare finds out what becomes of a job, from its original JDL as it is stored.
func (r *rescheduling) prepare(id jobdb.JobID, original string) error {
	ad, err := originalAd(original)
	if err != nil {
		return err
	}
	job := r.jobs[id]
	owner := Owner{Name: textOf(job, "Owner"), Group: textOf(job, "OwnerGroup"), VO: textOf(job, "VO")}
	text, priority, err := r.Rules.rulesOf(owner.VO).prepare(ad, owner, id)
	if err != nil {
		return err
	}
	site, err := siteOf(ad)
	if err != nil {
		return err
	}
	r.report.Success[id] = Rescheduled{
		JDL:  strings.ReplaceAll(text, "%j", strconv.FormatInt(int64(id), 10)),
		Site: site, UserPriority: priority, RescheduleCounter: r.counter(job),
	}
	return nil
}

// originalAd reads an original JDL as it is stored.
func originalAd(original string) (*jdl.Ad, error) {
	if original == "" {
		return nil, errors.New("there is none")
	}
	text, err := jdl.Decompress(original)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(text, "[") { // old versions of DIRAC stored it as clients sent it
		text = jdl.Enclose(text)
	}
	return jdl.ParseAd(text)
}

// textOf returns a column that is a text, "" if it is NULL or wasn't read.
// statusOf is a job's status; jobs come from the database with plain texts.
func statusOf(job jobdb.Attributes) jobdb.Status { return jobdb.Status(textOf(job, "Status")) }

func textOf(job jobdb.Attributes, name string) string {
	text, _ := job[name].(string)
	return text
}

// store writes all that changes of the jobs that are left, and completes the report.
func (r *rescheduling) store(ctx context.Context, tx *jobdb.Tx) error {
	again := StatusUpdate{Status: received.status, MinorStatus: minorRescheduled}
	changes, err := r.setStatus(ctx, tx, r.jobs, again, true)
	if err != nil {
		return err
	}
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(r.jobs))
	jdls := make(map[jobdb.JobID]string, len(r.jobs))
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
	ids := slices.Collect(maps.Keys(r.jobs))
	if err := tx.UpdateJobJDLs(ctx, jdls); err != nil {
		return err
	}
	// Parameters are archived under the RescheduleCounter that the job has; so this goes before it
	// is set.
	if err := r.archiveParameters(ctx, tx, ids); err != nil {
		return err
	}
	if err := setAttributes(ctx, tx, attributes); err != nil {
		return err
	}
	return tx.ExpireJobCommands(ctx, ids)
}

// archiveParameters archives the parameters of jobs from where they are. In OpenSearch they stay, as
// DIRAC leaves them: those that the new run sets replace them one by one.
func (r *rescheduling) archiveParameters(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) error {
	if r.Parameters == nil {
		return tx.ArchiveJobParameters(ctx, ids)
	}
	ofVO := map[string][]jobdb.JobID{}
	for _, id := range ids {
		vo := textOf(r.jobs[id], "VO")
		ofVO[vo] = append(ofVO[vo], id)
	}
	for vo, some := range ofVO {
		parameters, err := r.Parameters.Get(ctx, vo, some)
		if err != nil {
			return err
		}
		if err := tx.ArchiveParameters(ctx, parameters); err != nil {
			return err
		}
	}
	return nil
}

// leaveTaskQueues takes out of the task queues what was rescheduled, or failed because that was
// done too often.
func (r *rescheduling) leaveTaskQueues(ctx context.Context, tx *jobdb.Tx) error {
	ids := slices.AppendSeq(slices.Collect(maps.Keys(r.exhausted)), maps.Keys(r.jobs))
	return r.JobManager.leaveTaskQueues(ctx, tx, ids)
}

// setStatus changes the status of jobs as of now. force lets any status follow any other.
func (r *rescheduling) setStatus(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, to StatusUpdate, force bool,
) (map[jobdb.JobID]StatusChange, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	to.Time, to.ApplicationStatus, to.Source = r.Clock(), unknownApplication, sourceReschedule
	updates := make(map[jobdb.JobID][]StatusUpdate, len(jobs))
	for id := range jobs {
		updates[id] = []StatusUpdate{to}
	}
	return r.applyUpdates(ctx, tx, jobs, updates, updatePolicy{force: force, countsAsNow: always})
}
