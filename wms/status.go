package wms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// StatusUpdate is a requested change of a job's status. An empty text leaves what the job has.
type StatusUpdate struct {
	Time                           time.Time
	Status                         jobdb.Status
	MinorStatus, ApplicationStatus string
	Source                         string // who says so, for instance "JobWrapper"; not empty
}

// StatusOptions say how [JobManager.SetStatus] treats a request.
type StatusOptions struct {
	// Force lets a job go from any status to any other.
	Force bool
	// Pilot says that the caller is a pilot. Then a late Killed or Deleted is treated as any other
	// late status.
	Pilot bool
}

// StatusChange is what updates did to a job. Zero fields stayed as they were.
type StatusChange struct {
	Status                                                    jobdb.Status
	MinorStatus, ApplicationStatus                            string
	HeartBeatTime, StartExecTime, EndExecTime, LastUpdateTime time.Time
	Kill                                                      bool // the job was sent the command Kill
	KillConfirmed                                             bool // a Kill that it was sent is confirmed
	// Note says, for people, what was refused or cut, came late, or counts as of another time. It
	// is "" when all was done as asked.
	Note string
}

// StatusReport is the outcome of [JobManager.SetStatus].
type StatusReport struct {
	Success map[jobdb.JobID]StatusChange
	Failed  map[jobdb.JobID]string // the reasons
}

// SetStatus applies updates to the statuses of jobs, by the rules of DiracX's set_job_statuses:
//
//   - Updates count in the order of their times. One that is older than the job's last update is
//     late: it goes into the history and changes no status. Of long histories the last
//     [jobdb.RecentRecords] records decide on that.
//   - StartExecTime and EndExecTime come from updates that count, unless the job has them.
//   - The status changes if the state machine lets it. If not, the job keeps its status, the source
//     in the history gets the mark (SM), and the rest of the update counts. Stalled counts as Running.
//   - Jobs that became Killed or Deleted get the command Kill, unless an equal one is pending, and
//     leave the task queues. The wrapper's report that such a job has ended confirms the Kill.
//
// Beyond those rules, some updates count as of the server's time: those more than a minute ahead of
// the server's clock; late ones to Killed or Deleted, unless options.Pilot is set, because whoever
// ends a job means now; and late ones that the state machine allows and that are newer than all
// that their source said in this run of the job, because a worker's clock may be behind. Those last
// ones keep their own time in the history. HeartBeatTime never goes back, except from a time more
// than a minute ahead. A text that is too long for its column is cut, and characters that the
// column can't hold are replaced. The Note of each job's change tells what didn't go as asked.
//
// A job that doesn't exist is in the report's Failed. Nothing is written on an error: [ErrNotOwner]
// for a job of another owner, a [jobdb.ValueError] for an unknown status.
//
// All is one transaction, and the number of statements doesn't depend on the number of jobs. A
// history in a database of its own is committed first. A request that failed may be repeated,
// whatever was kept of it: the jobs get the right status, and some records are in the history
// twice.
func (m *JobManager) SetStatus(
	ctx context.Context, scope Scope, updates map[jobdb.JobID][]StatusUpdate, options StatusOptions,
) (StatusReport, error) {
	if err := checkStatuses(updates); err != nil {
		return StatusReport{}, err
	}
	policy := updatePolicy{
		force:       options.Force,
		countsAsNow: func(u StatusUpdate) bool { return !options.Pilot && needsKill(u.Status) },
	}
	ids := slices.Collect(maps.Keys(updates))
	var report StatusReport
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := scope.lock(ctx, tx, ids, updateColumns...)
		if err != nil {
			return err
		}
		report.Failed = map[jobdb.JobID]string{}
		for _, id := range missing(ids, jobs) {
			report.Failed[id] = "Not found"
		}
		report.Success, err = m.applyUpdates(ctx, tx, jobs, updates, policy)
		return err
	})
	if err != nil {
		return StatusReport{}, err
	}
	return report, nil
}

// checkStatuses refuses statuses that the state machine doesn't know.
func checkStatuses(updates map[jobdb.JobID][]StatusUpdate) error {
	for _, id := range slices.Sorted(maps.Keys(updates)) {
		for _, u := range updates[id] {
			if _, ok := transitions[u.Status]; !ok && u.Status != "" {
				return &jobdb.ValueError{Job: id, Column: "Status", Reason: fmt.Sprintf("%.40q is no status of jobs", u.Status)}
			}
		}
	}
	return nil
}

// updateColumns are the columns of a job that applyUpdates needs.
var updateColumns = []string{"Status", "StartExecTime", "EndExecTime", "HeartBeatTime", "RescheduleTime"}

// applyUpdates applies updates to jobs that tx has locked, and says what became of each.
func (m *JobManager) applyUpdates(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, updates map[jobdb.JobID][]StatusUpdate, policy updatePolicy,
) (map[jobdb.JobID]StatusChange, error) {
	planned, err := m.planUpdates(ctx, tx, jobs, updates, policy)
	if err != nil {
		return nil, err
	}
	changes := make(map[jobdb.JobID]StatusChange, len(jobs))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(jobs))
	var killed, ended []jobdb.JobID
	var history []jobdb.HistoryRecord
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		update := planned[id]
		if changed := update.change.attributes(); len(changed) > 0 {
			attributes[id] = changed
		}
		if mustKill(update.change.Status, statusOf(jobs[id]), updates[id]) {
			killed = append(killed, id)
			update.change.Kill = true
		}
		if (needsKill(statusOf(jobs[id])) || needsKill(update.change.Status)) && slices.ContainsFunc(updates[id], update.confirmsKill) {
			ended = append(ended, id)
		}
		history = append(history, update.historyRecords(id)...)
		changes[id] = update.change
	}
	if err := setAttributes(ctx, tx, attributes); err != nil {
		return nil, err
	}
	confirmed, err := tx.ConfirmJobCommands(ctx, ended, jobdb.KillCommand)
	if err != nil {
		return nil, err
	}
	for _, id := range confirmed {
		change := changes[id]
		change.KillConfirmed = true
		changes[id] = change
	}
	if err := kill(ctx, tx, killed); err != nil {
		return nil, err
	}
	if err := tx.InsertHistory(ctx, history); err != nil {
		return nil, err
	}
	return changes, m.leaveTaskQueues(ctx, tx, killed)
}

// planUpdates computes what becomes of the updates of each job, by the histories that tx sees: the
// jobs are locked, so whoever changes one of them next will see what this transaction adds.
func (m *JobManager) planUpdates(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, updates map[jobdb.JobID][]StatusUpdate, policy updatePolicy,
) (map[jobdb.JobID]*jobUpdate, error) {
	times, err := tx.RecentStatusTimes(ctx, slices.Collect(maps.Keys(jobs)))
	if err != nil {
		return nil, err
	}
	policy.now, policy.fit = m.now(), m.DB.FitText
	planned := make(map[jobdb.JobID]*jobUpdate, len(jobs))
	var late []jobdb.JobID
	for id, job := range jobs {
		planned[id] = policy.newUpdate(job, times[id], updates[id])
		if planned[id].hasLate() {
			late = append(late, id)
		}
	}
	histories, err := tx.RecentHistory(ctx, late, 0)
	if err != nil {
		return nil, err
	}
	for id, update := range planned {
		update.history = histories[id]
		update.apply()
	}
	return planned, nil
}

func kill(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) error {
	kills := make([]jobdb.Command, len(ids))
	for i, id := range ids {
		kills[i] = jobdb.Command{JobID: id, Command: jobdb.KillCommand}
	}
	return tx.SetJobCommands(ctx, kills)
}

// mustKill reports whether a job gets a Kill: if its status has become one that needs it, or if
// that status was asked for again, because the earlier Kill may have been lost.
func mustKill(status, before jobdb.Status, updates []StatusUpdate) bool {
	asked := func(u StatusUpdate) bool { return needsKill(u.Status) && !u.reportsEnd() }
	return needsKill(status) && (status != before || slices.ContainsFunc(updates, asked))
}

// ownSources are the beginnings of the sources of updates that DIRAC's code beside the payload
// sends.
var ownSources = []string{"JobWrapper", "JobAgent", "PushJobAgent", "Watchdog", "Job_"}

// reportsEnd reports whether an update says that the job has ended, and comes from the job itself.
func (u StatusUpdate) reportsEnd() bool {
	isBegin := func(begin string) bool { return strings.HasPrefix(u.Source, begin) }
	return slices.Contains(jobdb.FinalStatuses, u.Status) && slices.ContainsFunc(ownSources, isBegin)
}

// confirmsKill reports whether an update shows that the job's present run has ended.
func (u *jobUpdate) confirmsKill(update StatusUpdate) bool {
	return update.reportsEnd() && u.isOfThisRun(update.Time)
}

// needsKill reports whether a job that gets a status must be stopped.
func needsKill(status jobdb.Status) bool {
	return status == jobdb.StatusKilled || status == jobdb.StatusDeleted
}

// attributes returns the columns that a change sets. The database sets LastUpdateTime along with
// Status.
func (c StatusChange) attributes() jobdb.Attributes {
	attributes := jobdb.Attributes{}
	for name, text := range map[string]string{
		"Status": string(c.Status), "MinorStatus": c.MinorStatus, "ApplicationStatus": c.ApplicationStatus,
	} {
		if text != "" {
			attributes[name] = text
		}
	}
	for name, at := range map[string]time.Time{
		"HeartBeatTime": c.HeartBeatTime, "StartExecTime": c.StartExecTime, "EndExecTime": c.EndExecTime,
	} {
		if !at.IsZero() {
			attributes[name] = at
		}
	}
	return attributes
}
