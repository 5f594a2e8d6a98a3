package wms

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jobdb"
)

// ActionKind is what an action does to its jobs.
type ActionKind string

// The kinds of actions. Each follows the rules by which a single job is changed.
const (
	ActionKill       ActionKind = "kill"       // they become Killed, as by [JobManager.SetStatus]
	ActionReschedule ActionKind = "reschedule" // they run again, as by [JobManager.Reschedule]
	ActionDelete     ActionKind = "delete"     // they become Deleted, as by [JobManager.SetStatus]
)

// ActionKinds are all of them.
var ActionKinds = []ActionKind{ActionKill, ActionReschedule, ActionDelete}

// endings are the statuses that actions give to jobs.
var endings = map[ActionKind]StatusUpdate{
	ActionKill:   {Status: jobdb.StatusKilled, MinorStatus: "Marked for termination"},
	ActionDelete: {Status: jobdb.StatusDeleted, MinorStatus: "Checking accounting"},
}

// Preview says what is to be expected of an action. Each job is judged once more when its turn
// comes.
type Preview struct {
	Total, Can int64
	ByStatus   map[jobdb.Status]int64         // of all jobs that exist and are the caller's
	Cannot     map[jobdb.Status]PreviewCannot // of those, the ones that the rules refuse
	Missing    int64                          // jobs that don't exist
	NotYours   int64                          // jobs of other owners
}

// PreviewCannot is how many jobs of a status are refused, and why.
type PreviewCannot struct {
	Count  int64
	Reason string
}

// actionColumns are what must be known of a job to judge it.
var actionColumns = []string{"VO", "Owner", "Status", "MinorStatus", "RescheduleCounter", "VerifiedFlag"}

// PreviewJobs says what is to be expected of an action on jobs that were named. The IDs that are
// returned are those of the action: ascending, each once.
func (m *JobManager) PreviewJobs(ctx context.Context, scope Scope, kind ActionKind, ids []jobdb.JobID) ([]jobdb.JobID, Preview, error) {
	if scope.VO == "" {
		return nil, Preview{}, jobdb.ErrNoScope
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	jobs, err := m.DB.JobAttributes(ctx, ids, actionColumns...)
	if err != nil {
		return nil, Preview{}, err
	}
	p := newPreview()
	p.Total = int64(len(ids))
	for _, reason := range scope.takeOut(ids, jobs) {
		if reason == notYours {
			p.NotYours++
		} else {
			p.Missing++
		}
	}
	for _, job := range jobs {
		p.count(statusOf(job), m.refusal(kind, job))
	}
	return ids, p, nil
}

// PreviewSearch says what is to be expected of an action on all jobs in scope that a search finds,
// and returns their IDs. More than [jobdb.MaxActionJobs] are a [jobdb.QueryError]. Jobs that others
// own are not among them, but counted.
func (m *JobManager) PreviewSearch(ctx context.Context, scope Scope, kind ActionKind, filter jobdb.Filter) ([]jobdb.JobID, Preview, error) {
	if scope.VO == "" {
		return nil, Preview{}, jobdb.ErrNoScope
	}
	search := jobdb.Search{Scope: jobdb.Scope{VO: scope.VO, Owner: scope.Owner}, Filter: filter}
	for _, c := range jobdb.Columns() {
		if c.Name() == "JobID" || slices.Contains(actionColumns, c.Name()) {
			search.Columns = append(search.Columns, c)
		}
	}
	p, ids := newPreview(), []jobdb.JobID(nil)
	for row, err := range m.DB.Stream(ctx, search) {
		if err != nil {
			return nil, Preview{}, err
		}
		if len(ids) == jobdb.MaxActionJobs {
			return nil, Preview{}, &jobdb.QueryError{Field: "search", Reason: fmt.Sprintf("finds more than the %d jobs that an action may have; narrow it", len(ids))}
		}
		job := jobdb.Attributes{}
		for i, c := range search.Columns {
			job[c.Name()] = row[i]
		}
		id, _ := job["JobID"].(int64)
		ids = append(ids, jobdb.JobID(id))
		p.count(statusOf(job), m.refusal(kind, job))
	}
	slices.Sort(ids)
	p.Total = int64(len(ids))
	if scope.Owner == "" || scope.Hidden {
		return ids, p, nil
	}
	all, err := m.DB.Search(ctx, jobdb.Search{Scope: jobdb.Scope{VO: scope.VO}, Filter: filter, Columns: search.Columns[:1], Page: 1, PerPage: 1})
	p.NotYours = max(0, all.Total-p.Total)
	return ids, p, err
}

func newPreview() Preview {
	return Preview{ByStatus: map[jobdb.Status]int64{}, Cannot: map[jobdb.Status]PreviewCannot{}}
}

// maxReasons bounds the text of a preview's reason.
const maxReasons = 500

func (p *Preview) count(status jobdb.Status, refusal string) {
	p.ByStatus[status]++
	if refusal == "" {
		p.Can++
		return
	}
	c := p.Cannot[status]
	c.Count++
	if !strings.Contains(c.Reason, refusal) && len(c.Reason) < maxReasons {
		c.Reason = strings.TrimPrefix(c.Reason+"; "+refusal, "; ")
	}
	p.Cannot[status] = c
}

// refusal says why the rules let an action not be done to a job; "": they do.
func (m *JobManager) refusal(kind ActionKind, job jobdb.Attributes) string {
	if kind == ActionReschedule {
		reason, _ := m.refusesReschedule(job, false)
		return reason
	}
	from, to := statusOf(job), endings[kind].Status
	if from == to {
		return "it is " + string(to) + " already"
	}
	if from == jobdb.StatusStalled { // of which something is heard: it runs
		from = jobdb.StatusRunning
	}
	if NextStatus(from, to) == to {
		return ""
	}
	return fmt.Sprintf("a job in %s can't become %s", statusOf(job), to)
}

// StartAction stores an action on jobs, as a preview gave them, and has [JobManager.RunActions] begin
// with it. Its Kind must be one of [ActionKinds].
func (m *JobManager) StartAction(ctx context.Context, action jobdb.Action, ids []jobdb.JobID) (jobdb.Action, error) {
	return m.beginAction(action, func() (jobdb.Action, error) { return m.DB.CreateAction(ctx, action, ids) })
}

// beginAction tells RunActions of an action that create stores.
func (m *JobManager) beginAction(action jobdb.Action, create func() (jobdb.Action, error)) (jobdb.Action, error) {
	if !slices.Contains(ActionKinds, ActionKind(action.Kind)) {
		return jobdb.Action{}, &jobdb.ValueError{Column: "Kind", Reason: "is no kind of action"}
	}
	created, err := create()
	if err == nil {
		select {
		case m.actionsCome <- struct{}{}:
		default: // it is told already
		}
	}
	return created, err
}

// actionPart is a part of an action that is being worked on.
type actionPart struct {
	*JobManager
	action     jobdb.Action
	holder     string
	part       jobdb.ActionPart
	early      map[jobdb.JobID]preparedAgain // of a large reschedule; nil: not prepared yet
	reschedule *rescheduling
}

// source is what the history says of who changed the job.
func (p *actionPart) source() string {
	return p.DB.FitText("StatusSource", fmt.Sprintf("action %d by %s", p.action.ID, p.action.Username))
}

// run does the action to the jobs of the part, in one transaction with what is kept of the outcomes.
func (p *actionPart) run(ctx context.Context, tx *jobdb.Tx) (err error) {
	if p.part, err = tx.NextActionPart(ctx, p.action.ID, p.holder); err != nil {
		return err
	}
	scope := Scope{VO: p.action.VO, Owner: p.action.Owner, Hidden: p.action.Hidden}
	columns := slices.Concat(rescheduleColumns, updateColumns)
	jobs, refused, err := scope.lockEach(ctx, tx, p.part.Jobs, columns...)
	if err != nil {
		return err
	}
	if ActionKind(p.action.Kind) == ActionReschedule {
		err = p.rescheduleJobs(ctx, tx, jobs, refused)
	} else {
		err = p.endJobs(ctx, tx, jobs, refused)
	}
	if err != nil {
		return err
	}
	return tx.EndActionPart(ctx, p.action.ID, p.part, jobdb.ActionOutcomes{Refused: byReason(refused)})
}

// endJobs kills jobs or marks them Deleted, those that the rules let.
func (p *actionPart) endJobs(ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, refused map[jobdb.JobID]string) error {
	update := endings[ActionKind(p.action.Kind)]
	update.Time, update.Source = p.now(), p.source()
	updates := map[jobdb.JobID][]StatusUpdate{}
	for id, job := range jobs {
		if refused[id] = p.refusal(ActionKind(p.action.Kind), job); refused[id] == "" {
			delete(refused, id)
			updates[id] = []StatusUpdate{update}
			continue
		}
		delete(jobs, id)
	}
	if len(jobs) == 0 {
		return nil
	}
	_, err := p.applyUpdates(ctx, tx, jobs, updates, updatePolicy{countsAsNow: always})
	return err
}

func (p *actionPart) rescheduleJobs(ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, refused map[jobdb.JobID]string) error {
	r := p.newRescheduling(jobs, false, p.early)
	r.source, p.reschedule = p.source(), r
	if err := r.run(ctx, tx); err != nil {
		return err
	}
	maps.Copy(refused, r.report.Failed)
	return r.leaveTaskQueues(ctx, tx)
}

// byReason turns the reasons of jobs round.
func byReason(reasons map[jobdb.JobID]string) map[string][]jobdb.JobID {
	jobs := map[string][]jobdb.JobID{}
	for id, reason := range reasons {
		jobs[reason] = append(jobs[reason], id)
	}
	for _, ids := range jobs {
		slices.SortFunc(ids, cmp.Compare)
	}
	return jobs
}
