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
	JDL                            string // as it is stored now, decompressed; "" where those of a call are very long together
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
// number of statements doesn't depend on the number of jobs. Large JDLs are read in one before, and
// prepared between the two.
func (m *JobManager) Reschedule(ctx context.Context, scope Scope, ids []jobdb.JobID, reset bool) (RescheduleReport, error) {
	r, err := m.rescheduleThose(ctx, sourceReschedule, reset, func(ctx context.Context, tx *jobdb.Tx) (map[jobdb.JobID]jobdb.Attributes, error) {
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

// rescheduleThose reschedules the jobs that lock finds and locks, and returns what became of them.
func (m *JobManager) rescheduleThose(
	ctx context.Context, source string, reset bool, lock func(context.Context, *jobdb.Tx) (map[jobdb.JobID]jobdb.Attributes, error),
) (*rescheduling, error) {
	var r *rescheduling
	var early map[jobdb.JobID]preparedAgain
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

// newRescheduling is for jobs that a transaction has locked. early is what was prepared before it;
// nil: nothing yet.
func (m *JobManager) newRescheduling(jobs map[jobdb.JobID]jobdb.Attributes, reset bool, early map[jobdb.JobID]preparedAgain) *rescheduling {
	return &rescheduling{
		JobManager: m, jobs: jobs, reset: reset, early: early, stored: map[jobdb.JobID]string{}, source: sourceReschedule,
		report:    RescheduleReport{Success: map[jobdb.JobID]Rescheduled{}, Failed: map[jobdb.JobID]string{}},
		exhausted: map[jobdb.JobID]jobdb.Attributes{}, asStored: newJDLRoom(len(jobs)), asRead: newJDLRoom(len(jobs)), told: jdlRoom{left: maxTold},
	}
}

// maxJDLs is how many bytes of JDLs jobs that are rescheduled together may have, and once more those
// that have no more than their share of it. Compressed ones take little of the database, and a
// thousand times as much of the memory.
const (
	maxJDLs = 32 << 20
	maxTold = 8 << 20 // bytes of JDLs in a report
)

var errLongJDL = errors.New("its JDL is too long to be read together with those of the others; reschedule it by itself, or fewer at a time")

// jdlRoom is what is left of it.
type jdlRoom struct{ share, left int }

func newJDLRoom(jobs int) jdlRoom { return jdlRoom{maxJDLs / max(1, jobs), maxJDLs} }

// has takes room for a text if there is some. A single job always has its share.
func (r *jdlRoom) has(text string) bool {
	switch n := len(text); {
	case n <= r.share:
	case n <= r.left:
		r.left -= n
	default:
		return false
	}
	return true
}

// largeReschedule is from how many bytes of stored JDLs on they are prepared outside of the
// transaction: nobody can write to SQLite meanwhile. For few a second transaction would take longer.
const largeReschedule = 32 << 10

// errPrepareFirst ends a transaction whose JDLs are to be prepared before it. Nobody sees it.
var errPrepareFirst = errors.New("the JDLs are to be prepared before the transaction")

var rescheduleColumns = []string{"MinorStatus", "OwnerGroup", "VerifiedFlag", "RescheduleCounter"}

// rescheduling is a request that is being worked on.
type rescheduling struct {
	*JobManager
	reset     bool
	source    string                           // in the history
	jobs      map[jobdb.JobID]jobdb.Attributes // those that may still succeed
	exhausted map[jobdb.JobID]jobdb.Attributes // those that were rescheduled too often
	asStored  jdlRoom                          // for the originals
	asRead    jdlRoom                          // for the texts that are made of them
	told      jdlRoom                          // for those that are told of in the report
	originals map[jobdb.JobID]string           // the original JDLs of jobs, as they are stored
	early     map[jobdb.JobID]preparedAgain    // what was prepared before the transaction; nil: not yet
	stored    map[jobdb.JobID]string           // the new JDLs, as they are stored
	report    RescheduleReport
}

// preparedAgain is what becomes of a job, and of what it follows.
type preparedAgain struct {
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

// readOriginals reads the original JDLs for which there is room, and fails the jobs of the others.
func (r *rescheduling) readOriginals(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) error {
	r.originals = make(map[jobdb.JobID]string, len(ids))
	return tx.EachOriginalJDL(ctx, ids, func(id jobdb.JobID, text string) {
		if r.asStored.has(text) {
			r.originals[id] = text
		} else {
			r.fail(id, errLongJDL.Error())
		}
	})
}

// refuse sorts out the jobs that can't be rescheduled.
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

// refusesReschedule says why a job can't be rescheduled; "": it can, as far as can be told without
// its JDL. isExhausted tells that it was too often.
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

// counterAfter is how often a job will have been rescheduled.
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
func (r *rescheduling) prepareEarly() map[jobdb.JobID]preparedAgain {
	early := make(map[jobdb.JobID]preparedAgain, len(r.jobs))
	for _, id := range slices.Sorted(maps.Keys(r.jobs)) {
		early[id] = r.prepared(id)
	}
	return early
}

// prepared is what becomes of a job, as it was prepared before if that is still right.
func (r *rescheduling) prepared(id jobdb.JobID) preparedAgain {
	job := r.jobs[id]
	p := preparedAgain{original: r.originals[id], owner: Owner{Name: textOf(job, "Owner"), Group: textOf(job, "OwnerGroup"), VO: textOf(job, "VO")}}
	if before, ok := r.early[id]; ok && before.original == p.original && before.owner == p.owner {
		return before
	}
	p.err = r.prepare(id, &p)
	return p
}

// preparing is held while a JDL is read and made anew. That takes ten times its length of memory, and
// a processor: more of them at once, of whatever requests, would take the memory and be no faster.
var preparing = make(chan struct{}, 2)

// prepare finds out what becomes of a job.
func (r *rescheduling) prepare(id jobdb.JobID, p *preparedAgain) error {
	preparing <- struct{}{}
	defer func() { <-preparing }()
	original, err := originalText(p.original)
	if err != nil {
		return err
	}
	if !r.asRead.has(original) { // what is made of it is about as long
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
	if p.stored = jdl.Compress(p.job.JDL); !r.told.has(p.job.JDL) {
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
	to.Time, to.ApplicationStatus, to.Source = r.Clock(), unknownApplication, r.source
	updates := make(map[jobdb.JobID][]StatusUpdate, len(jobs))
	for id := range jobs {
		updates[id] = []StatusUpdate{to}
	}
	return r.applyUpdates(ctx, tx, jobs, updates, updatePolicy{force: force, countsAsNow: always})
}
