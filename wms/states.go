package wms

import (
	"slices"

	"jobdb"
)

// transitions says where a job may go from each status: DIRAC's JobsStateMachine. A
// status with no way out restrains nothing: a Deleted job may go anywhere.
var transitions = map[jobdb.Status][]jobdb.Status{
	jobdb.StatusSubmitting:  {jobdb.StatusReceived, jobdb.StatusChecking, jobdb.StatusDeleted, jobdb.StatusKilled},
	jobdb.StatusReceived:    {jobdb.StatusScouting, jobdb.StatusChecking, jobdb.StatusStaging, jobdb.StatusWaiting, jobdb.StatusFailed, jobdb.StatusDeleted, jobdb.StatusKilled},
	jobdb.StatusChecking:    {jobdb.StatusScouting, jobdb.StatusStaging, jobdb.StatusWaiting, jobdb.StatusRescheduled, jobdb.StatusFailed, jobdb.StatusDeleted, jobdb.StatusKilled},
	jobdb.StatusScouting:    {jobdb.StatusChecking, jobdb.StatusFailed, jobdb.StatusStalled, jobdb.StatusKilled},
	jobdb.StatusStaging:     {jobdb.StatusChecking, jobdb.StatusWaiting, jobdb.StatusFailed, jobdb.StatusKilled},
	jobdb.StatusWaiting:     {jobdb.StatusMatched, jobdb.StatusRescheduled, jobdb.StatusDeleted, jobdb.StatusKilled},
	jobdb.StatusMatched:     {jobdb.StatusRunning, jobdb.StatusFailed, jobdb.StatusRescheduled, jobdb.StatusKilled},
	jobdb.StatusRescheduled: {jobdb.StatusWaiting, jobdb.StatusReceived, jobdb.StatusDeleted, jobdb.StatusFailed, jobdb.StatusKilled},
	jobdb.StatusRunning:     {jobdb.StatusStalled, jobdb.StatusDone, jobdb.StatusFailed, jobdb.StatusRescheduled, jobdb.StatusCompleting, jobdb.StatusKilled, jobdb.StatusReceived},
	jobdb.StatusStalled:     {jobdb.StatusRunning, jobdb.StatusFailed, jobdb.StatusKilled},
	jobdb.StatusCompleting:  {jobdb.StatusDone, jobdb.StatusFailed, jobdb.StatusCompleted, jobdb.StatusStalled, jobdb.StatusKilled},
	jobdb.StatusCompleted:   {jobdb.StatusDone, jobdb.StatusFailed},
	jobdb.StatusDone:        {jobdb.StatusDeleted},
	jobdb.StatusFailed:      {jobdb.StatusRescheduled, jobdb.StatusDeleted},
	jobdb.StatusKilled:      {jobdb.StatusDeleted},
	jobdb.StatusDeleted:     {},
}

// NextStatus returns the status after a job in the status from is to get the status to: to, or from
// if the state machine doesn't allow the change. From an unknown status, which an extension of
// DIRAC may have written, every change is allowed, so that no job gets stuck.
func NextStatus(from, to jobdb.Status) jobdb.Status {
	if ways := transitions[from]; len(ways) > 0 && !slices.Contains(ways, to) {
		return from
	}
	return to
}
