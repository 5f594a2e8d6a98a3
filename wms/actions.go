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

// endings are the updates by which actions kill and delete jobs.
var endings = map[ActionKind]StatusUpdate{
	ActionKill:   {Status: jobdb.StatusKilled, MinorStatus: "Marked for termination"},
	ActionDelete: {Status: jobdb.StatusDeleted, MinorStatus: "Checking accounting"},
}

// Preview is what an action would do to its jobs if it ran now. Each job is checked again when its
// turn comes.
type Preview struct {
	Total, Can int64
	ByStatus   map[jobdb.Status]int64         // all jobs that exist and are in the caller's scope
	Cannot     map[jobdb.Status]PreviewCannot // of these, the ones that the rules refuse
	Missing    int64                          // jobs that don't exist
	NotYours   int64                          // jobs of other owners
}

// PreviewCannot is how many jobs of a status the rules refuse, and why.
type PreviewCannot struct {
	Count  int64
	Reason string
}

// actionColumns are the columns by which a job is checked.
var actionColumns = []string{"VO", "Owner", "Status", "MinorStatus", "RescheduleCounter", "VerifiedFlag"}

// PreviewJobs previews an action on the jobs with these IDs. It returns the IDs to give to the
// action: ascending, each once.
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
	for _, reason := range scope.refuse(ids, jobs) {
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

// PreviewSearch previews an action on all jobs in scope that pass a filter, and returns their IDs.
// More than [jobdb.MaxActionJobs] are a [jobdb.QueryError]. Jobs of other owners are counted, but
// not returned.
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

// maxReasons is how many bytes of different reasons a preview collects for a status.
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

// refusal says why the rules refuse an action on a job, "" if they allow it.
func (m *JobManager) refusal(kind ActionKind, job jobdb.Attributes) string {
	if kind == ActionReschedule {
		reason, _ := m.refusesReschedule(job, false)
		return reason
	}
	from, to := statusOf(job), endings[kind].Status
	if from == to {
		return "it is " + string(to) + " already"
	}
	if from == jobdb.StatusStalled { // a job that is heard of again runs
		from = jobdb.StatusRunning
	}
	if NextStatus(from, to) == to {
		return ""
	}
	return fmt.Sprintf("a job in %s can't become %s", statusOf(job), to)
}

// StartAction stores an action on the jobs that a preview returned, and wakes
// [JobManager.RunActions]. The Kind must be one of [ActionKinds].
func (m *JobManager) StartAction(ctx context.Context, action jobdb.Action, ids []jobdb.JobID) (jobdb.Action, error) {
	return m.beginAction(action, func() (jobdb.Action, error) { return m.DB.CreateAction(ctx, action, ids) })
}

// beginAction stores an action by create, and wakes RunActions.
func (m *JobManager) beginAction(action jobdb.Action, create func() (jobdb.Action, error)) (jobdb.Action, error) {
	if !slices.Contains(ActionKinds, ActionKind(action.Kind)) {
		return jobdb.Action{}, &jobdb.ValueError{Column: "Kind", Reason: "is no kind of action"}
	}
	created, err := create()
	if err == nil {
		select {
		case m.actionsCome <- struct{}{}:
		default: // it is awake already
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
	early      map[jobdb.JobID]preparedJob // of a large reschedule; nil: not prepared yet
	reschedule *rescheduling
}

// source is what the history says of who changed the job.
func (p *actionPart) source() string {
	return p.DB.FitText("StatusSource", fmt.Sprintf("action %d by %s", p.action.ID, p.action.Username))
}

// run does the action to the jobs of the part, and records the outcomes in the same transaction.
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

// endJobs kills jobs or marks them Deleted, where the rules allow it.
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

// byReason groups jobs by their reason.
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
