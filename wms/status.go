package wms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"jobdb"
)

// StatusUpdate is a change of a job's status that somebody asks for. An
// empty text leaves what is.
type StatusUpdate struct {
	Time                                   time.Time
	Status, MinorStatus, ApplicationStatus string
	Source                                 string // who says so: "JobWrapper"; never empty
}

// StatusOptions say how [JobManager.SetStatus] treats a request.
type StatusOptions struct {
	// Force lets a job go from any status to any other.
	Force bool
	// Pilot says that the caller is a pilot, whose clock counts also where it is late.
	Pilot bool
}

// StatusChange is what an update did to a job: zero fields stayed as they were.
type StatusChange struct {
	Status, MinorStatus, ApplicationStatus                    string
	HeartBeatTime, StartExecTime, EndExecTime, LastUpdateTime time.Time
	// Note tells in words what was refused, moved, clamped, cut or late; empty when all went as asked.
	Note string
}

// StatusReport is the outcome of [JobManager.SetStatus].
type StatusReport struct {
	Success map[jobdb.JobID]StatusChange
	Failed  map[jobdb.JobID]string // why
}

// SetStatus applies updates to the statuses of jobs, by the reference's rules:
//
//   - Updates count in the order of their times. One that is older than the
//     job's last is late: it goes into the history and changes no status.
//   - The status changes where the state machine has a way; where it has none, the job stays where it is, the source in
//     the history gets the mark (SM), and all else of the update counts. Stalled counts as Running.
//   - Jobs that went to Killed or Deleted get the command Kill, unless an equal one is pending.
//
// A time more than a minute ahead of the server's clock is the server's. So is
// that of a late Killed or Deleted unless options.Pilot: who ends a job
// means now. The Note of a job tells what didn't go as asked.
//
// A job that doesn't exist is in Failed. A job out of reach is
// [ErrNotOwner], a value that doesn't fit a [jobdb.ValueError]; then nothing is
// written. All is one transaction, and the number of statements doesn't depend on that of jobs.
// History in a database of its own is committed first. Whatever was kept of a request that
// failed, it may be repeated: the jobs end where they should, and the history tells some of it twice.
func (m *JobManager) SetStatus(ctx context.Context, reach Reach, updates map[jobdb.JobID][]StatusUpdate, options StatusOptions) (StatusReport, error) {
	if err := checkStatuses(updates); err != nil {
		return StatusReport{}, err
	}
	how := manner{force: options.Force, urgent: func(u StatusUpdate) bool { return !options.Pilot && ends(u.Status) }}
	ids := slices.Collect(maps.Keys(updates))
	var report StatusReport
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := reach.hold(ctx, tx, ids, changeColumns...)
		if err != nil {
			return err
		}
		report.Failed = map[jobdb.JobID]string{}
		for _, id := range missing(ids, jobs) {
			report.Failed[id] = "Not found"
		}
		report.Success, err = m.change(ctx, tx, jobs, updates, how)
		return err
	})
	if err != nil {
		return StatusReport{}, err
	}
	return report, nil
}

// ends tells whether a job that goes to a status must be stopped.
func ends(status string) bool { return status == statusKilled || status == statusDeleted }

// asksEnd tells whether a job is to be stopped, once more perhaps: the Kill of before may have been lost.
func asksEnd(updates []StatusUpdate) bool {
	return slices.ContainsFunc(updates, func(u StatusUpdate) bool { return ends(u.Status) })
}

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

// changeColumns are what change must know of a job that is held.
var changeColumns = []string{"Status", "StartExecTime", "EndExecTime"}

// change applies updates to jobs that tx holds, and says what became of each.
func (m *JobManager) change(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, updates map[jobdb.JobID][]StatusUpdate, how manner,
) (map[jobdb.JobID]StatusChange, error) {
	// The jobs are held already: who changes one of them next will see what this transaction adds.
	times, err := tx.StatusTimes(ctx, slices.Collect(maps.Keys(jobs)))
	if err != nil {
		return nil, err
	}
	how.now = m.Clock().UTC().Truncate(time.Microsecond)
	changes := make(map[jobdb.JobID]StatusChange, len(jobs))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(jobs))
	var kills []jobdb.Command
	var history []jobdb.HistoryRecord
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		w := how.work(jobs[id], times[id], updates[id])
		changes[id] = w.change
		if changed := w.change.attributes(); len(changed) > 0 {
			attributes[id] = changed
		}
		if ends(w.change.Status) && (w.change.Status != jobs[id]["Status"] || asksEnd(updates[id])) {
			kills = append(kills, jobdb.Command{JobID: id, Command: jobdb.KillCommand})
		}
		history = append(history, w.history(id)...)
	}
	if err := setAttributes(ctx, tx, attributes); err != nil {
		return nil, err
	}
	if err := tx.SetJobCommands(ctx, kills); err != nil {
		return nil, err
	}
	return changes, tx.InsertHistory(ctx, history)
}

// setAttributes changes columns of jobs, if there are any to change. Jobs that
// change the same columns share a statement.
func setAttributes(ctx context.Context, tx *jobdb.Tx, attributes map[jobdb.JobID]jobdb.Attributes) error {
	if len(attributes) == 0 {
		return nil
	}
	_, err := tx.SetJobAttributes(ctx, attributes, jobdb.SetOptions{})
	return err
}

// attributes are the columns that a change sets. LastUpdateTime comes with Status.
func (c StatusChange) attributes() jobdb.Attributes {
	attributes := jobdb.Attributes{}
	for name, text := range map[string]string{
		"Status": c.Status, "MinorStatus": c.MinorStatus, "ApplicationStatus": c.ApplicationStatus,
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
