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

// Rescheduled has the new values of a job that runs again. Times are in UTC.
type Rescheduled struct {
	JDL                            string // decompressed; "" where the JDLs of one call have more than 8 MB together
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

// The minor statuses of a job that is rescheduled, and of one that no longer is; and the source in
// its history.
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
// number of statements doesn't depend on the number of jobs. If the JDLs are large a first
// transaction only reads them; they are prepared before the second one, which writes.
func (m *JobManager) Reschedule(ctx context.Context, scope Scope, ids []jobdb.JobID, reset bool) (RescheduleReport, error) {
	r, err := m.rescheduleLocked(ctx, sourceReschedule, reset, func(ctx context.Context, tx *jobdb.Tx) (map[jobdb.JobID]jobdb.Attributes, error) {
		return scope.lock(ctx, tx, ids, slices.Concat(rescheduleColumns, updateColumns)...)
	})
	if err != nil {
		return RescheduleReport{}, err
	}
	for _, id := range ids {
		if _, tried := r.report.Success[id]; !tried && r.report.Failed[id] == "" {
			r.report.Failed[id] = "Not found"
		}
	}
	return r.report, nil
}

// rescheduleLocked reschedules the jobs that lock finds and locks, and returns what became of them.
func (m *JobManager) rescheduleLocked(
	ctx context.Context, source string, reset bool, lock func(context.Context, *jobdb.Tx) (map[jobdb.JobID]jobdb.Attributes, error),
) (*rescheduling, error) {
	var r *rescheduling
	var early map[jobdb.JobID]preparedJob
	run := func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := lock(ctx, tx)
		if err != nil {
			return err
		}
		r = m.newRescheduling(jobs, reset, early)
		r.source = source
		if err := r.run(ctx, tx); err != nil {
			return err
		}
		return r.leaveTaskQueues(ctx, tx)
	}
	err := m.DB.Tx(ctx, run)
	if errors.Is(err, errPrepareFirst) {
		early = r.prepareEarly()
		err = m.DB.Tx(ctx, run)
	}
	return r, err
}

// newRescheduling makes a rescheduling of jobs that a transaction has locked. early is what was
// prepared before the transaction, nil if nothing was.
func (m *JobManager) newRescheduling(jobs map[jobdb.JobID]jobdb.Attributes, reset bool, early map[jobdb.JobID]preparedJob) *rescheduling {
	return &rescheduling{
		JobManager: m, jobs: jobs, reset: reset, early: early, stored: map[jobdb.JobID]string{}, source: sourceReschedule,
		report:    RescheduleReport{Success: map[jobdb.JobID]Rescheduled{}, Failed: map[jobdb.JobID]string{}},
		exhausted: map[jobdb.JobID]jobdb.Attributes{}, storedBudget: newJDLBudget(len(jobs)), readBudget: newJDLBudget(len(jobs)),
		reportBudget: jdlBudget{left: maxReportedJDLs},
	}
}

// Bounds of the JDLs of jobs that are rescheduled together, in bytes. Stored JDLs are compressed:
// one of a few kilobytes can take a thousand times as much memory.
const (
	maxJDLs         = 32 << 20 // once as they are stored, and once uncompressed
	maxReportedJDLs = 8 << 20  // in a report
)

var errLongJDL = errors.New("its JDL is too long to be read together with those of the others; reschedule it by itself, or fewer at a time")

// jdlBudget bounds the JDLs of one request. Texts up to share, which is the bound divided by the
// number of jobs, always fit; longer ones use up left.
type jdlBudget struct{ share, left int }

func newJDLBudget(jobs int) jdlBudget { return jdlBudget{maxJDLs / max(1, jobs), maxJDLs} }

// take reports whether a text fits, and uses up the budget for it.
func (b *jdlBudget) take(text string) bool {
	switch n := len(text); {
	case n <= b.share:
	case n <= b.left:
		b.left -= n
	default:
		return false
	}
	return true
}

// largeReschedule is from how many bytes of stored JDLs on they are prepared before the
// transaction, during which nobody else can write to SQLite. For fewer a second transaction would
// take longer.
const largeReschedule = 32 << 10

// errPrepareFirst ends a transaction whose JDLs are to be prepared before it. Callers never see it.
var errPrepareFirst = errors.New("the JDLs are to be prepared before the transaction")

var rescheduleColumns = []string{"MinorStatus", "OwnerGroup", "VerifiedFlag", "RescheduleCounter"}

// rescheduling is a request that is being worked on.
type rescheduling struct {
	*JobManager
	reset        bool
	source       string                           // in the history
	jobs         map[jobdb.JobID]jobdb.Attributes // without those that have failed
	exhausted    map[jobdb.JobID]jobdb.Attributes // those that were rescheduled too often
	storedBudget jdlBudget                        // of the original JDLs, as they are stored
	readBudget   jdlBudget                        // of the decompressed JDLs
	reportBudget jdlBudget                        // of the JDLs in the report
	originals    map[jobdb.JobID]string           // the original JDLs of jobs, as they are stored
	early        map[jobdb.JobID]preparedJob      // what was prepared before the transaction; nil: nothing
	stored       map[jobdb.JobID]string           // the new JDLs, as they are stored
	report       RescheduleReport
}

// preparedJob is what a job becomes, and what that was made from.
type preparedJob struct {
	original string
	owner    Owner
	job      Rescheduled
	stored   string // its JDL
	err      error
}

func (r *rescheduling) fail(id jobdb.JobID, reason string) {
	r.report.Failed[id] = reason
	delete(r.jobs, id)
}

func (r *rescheduling) run(ctx context.Context, tx *jobdb.Tx) error {
	r.refuse()
	ids := slices.Collect(maps.Keys(r.jobs))
	if err := r.readOriginals(ctx, tx, ids); err != nil {
		return err
	}
	if r.early == nil && r.isLarge() {
		return errPrepareFirst
	}
	for _, id := range slices.Sorted(maps.Keys(r.jobs)) {
		p := r.prepared(id)
		switch {
		case errors.Is(p.err, errLongJDL):
			r.fail(id, p.err.Error())
			continue
		case p.err != nil:
			r.fail(id, "its original JDL can't be prepared any more: "+p.err.Error())
			continue
		}
		p.job.RescheduleCounter = counterAfter(r.jobs[id], r.reset)
		r.report.Success[id], r.stored[id] = p.job, p.stored
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

// readOriginals reads the original JDLs that fit into the budget, and fails the jobs of the others.
func (r *rescheduling) readOriginals(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) error {
	r.originals = make(map[jobdb.JobID]string, len(ids))
	return tx.EachOriginalJDL(ctx, ids, func(id jobdb.JobID, text string) {
		if r.storedBudget.take(text) {
			r.originals[id] = text
		} else {
			r.fail(id, errLongJDL.Error())
		}
	})
}

// refuse fails the jobs that can't be rescheduled.
func (r *rescheduling) refuse() {
	for id, job := range r.jobs {
		reason, isExhausted := r.refusesReschedule(job, r.reset)
		if isExhausted {
			r.exhausted[id] = job
		}
		if reason != "" {
			r.fail(id, reason)
		}
	}
}

// refusesReschedule says why a job can't be rescheduled, "" if it can, as far as can be told
// without its JDL. isExhausted reports that it was rescheduled too often.
func (m *JobManager) refusesReschedule(job jobdb.Attributes, reset bool) (reason string, isExhausted bool) {
	status, limit := statusOf(job), m.rulesOf(textOf(job, "VO")).MaxReschedulings
	switch {
	case job["VerifiedFlag"] != true:
		return fmt.Sprintf("VerifiedFlag is False: Status %s, Minor Status: %s", status, job["MinorStatus"]), false
	case limit == 0:
		return "rescheduling is switched off (MaxReschedulings is 0)", false
	case !MayReschedule(status):
		return "a job in " + string(status) + " is not rescheduled; submit it anew", false
	case counterAfter(job, reset) > limit:
		return fmt.Sprintf("Maximum number of reschedules exceeded (%d)", limit), true
	}
	return "", false
}

// counterAfter is the job's RescheduleCounter after this reschedule.
func counterAfter(job jobdb.Attributes, reset bool) int64 {
	if reset {
		return 0
	}
	before, _ := job["RescheduleCounter"].(int64)
	return before + 1
}

func (r *rescheduling) isLarge() bool {
	size := 0
	for _, original := range r.originals {
		size += len(original)
	}
	return size >= largeReschedule
}

// prepareEarly prepares all jobs whose originals were read.
func (r *rescheduling) prepareEarly() map[jobdb.JobID]preparedJob {
	early := make(map[jobdb.JobID]preparedJob, len(r.jobs))
	for _, id := range slices.Sorted(maps.Keys(r.jobs)) {
		early[id] = r.prepared(id)
	}
	return early
}

// prepared returns what a job becomes, as it was prepared before the transaction if the job hasn't
// changed since.
func (r *rescheduling) prepared(id jobdb.JobID) preparedJob {
	job := r.jobs[id]
	p := preparedJob{original: r.originals[id], owner: Owner{Name: textOf(job, "Owner"), Group: textOf(job, "OwnerGroup"), VO: textOf(job, "VO")}}
	if before, ok := r.early[id]; ok && before.original == p.original && before.owner == p.owner {
		return before
	}
	p.err = r.prepare(id, &p)
	return p
}

// preparing bounds how many JDLs are prepared at once, in all requests. Each takes ten times its
// length of memory and a processor: more at once would use more memory and be no faster.
var preparing = make(chan struct{}, 2)

// prepare makes what a job becomes from its original JDL.
func (r *rescheduling) prepare(id jobdb.JobID, p *preparedJob) error {
	preparing <- struct{}{}
	defer func() { <-preparing }()
	original, err := originalText(p.original)
	if err != nil {
		return err
	}
	if !r.readBudget.take(original) { // the JDL made of it is about as long
		return errLongJDL
	}
	ad, err := jdl.ParseAd(original)
	if err != nil {
		return err
	}
	text, priority, err := r.rulesOf(p.owner.VO).prepare(ad, p.owner, id)
	if err != nil {
		return err
	}
	site, err := siteOf(ad)
	p.job = Rescheduled{JDL: strings.ReplaceAll(text, "%j", strconv.FormatInt(int64(id), 10)), Site: site, UserPriority: priority}
	if p.stored = jdl.Compress(p.job.JDL); !r.reportBudget.take(p.job.JDL) {
		p.job.JDL = ""
	}
	return err
}

// originalText reads an original JDL as it is stored.
func originalText(original string) (string, error) {
	if original == "" {
		return "", errors.New("there is none")
	}
	text, err := jdl.Decompress(original)
	if err == nil && !strings.HasPrefix(text, "[") { // old versions of DIRAC stored it as clients sent it
		text = jdl.Enclose(text)
	}
	return text, err
}

// store writes the changes of the jobs that haven't failed, and completes the report.
func (r *rescheduling) store(ctx context.Context, tx *jobdb.Tx) error {
	again := StatusUpdate{Status: received.status, MinorStatus: minorRescheduled}
	changes, err := r.setStatus(ctx, tx, r.jobs, again, true)
	if err != nil {
		return err
	}
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(r.jobs))
	for id, job := range r.report.Success {
		change := changes[id]
		job.Status, job.MinorStatus, job.ApplicationStatus = change.Status, change.MinorStatus, change.ApplicationStatus
		job.RescheduleTime, job.LastUpdateTime = change.LastUpdateTime, change.LastUpdateTime
		r.report.Success[id] = job
		attributes[id] = jobdb.Attributes{
			"Site": job.Site, "UserPriority": job.UserPriority, "RescheduleTime": job.RescheduleTime,
			"RescheduleCounter": job.RescheduleCounter, "StartExecTime": nil, "EndExecTime": nil, "HeartBeatTime": nil,
		}
	}
	ids := slices.Collect(maps.Keys(r.jobs))
	if err := tx.UpdateJobJDLs(ctx, r.stored); err != nil {
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

// archiveParameters archives the parameters of jobs from where they are. In OpenSearch they stay,
// as in DIRAC, and the new run replaces them one by one.
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

// leaveTaskQueues takes the jobs out of the task queues that were rescheduled, or have failed
// because they were too often.
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
	to.Time, to.ApplicationStatus, to.Source = r.Clock(), unknownApplication, r.source
	updates := make(map[jobdb.JobID][]StatusUpdate, len(jobs))
	for id := range jobs {
		updates[id] = []StatusUpdate{to}
	}
	return r.applyUpdates(ctx, tx, jobs, updates, updatePolicy{force: force, countsAsNow: always})
}
