package jobdb

// Status is what a job does, in the words of DIRAC. Databases may hold others than the constants:
// extensions of DIRAC write their own.
type Status string

// The statuses of jobs that DIRAC knows.
const (
	StatusSubmitting  Status = "Submitting"  // a parametric submission that its client has yet to confirm
	StatusReceived    Status = "Received"    // accepted
	StatusChecking    Status = "Checking"    // DIRAC's optimizers look at it
	StatusStaging     Status = "Staging"     // its input data come from tape
	StatusScouting    Status = "Scouting"    // waits for how other jobs of its kind fare
	StatusWaiting     Status = "Waiting"     // waits for a pilot
	StatusMatched     Status = "Matched"     // a pilot has taken it
	StatusRunning     Status = "Running"     // its payload runs
	StatusStalled     Status = "Stalled"     // should run, but was not heard of
	StatusCompleting  Status = "Completing"  // its payload has ended, its outputs are on their way
	StatusDone        Status = "Done"        // succeeded
	StatusCompleted   Status = "Completed"   // succeeded, something is still to do
	StatusFailed      Status = "Failed"      // failed
	StatusDeleted     Status = "Deleted"     // marked by its owner for deletion
	StatusKilled      Status = "Killed"      // ended by its owner
	StatusRescheduled Status = "Rescheduled" // is to run again
)

// Statuses are all of them, in the order in which DIRAC lists them.
var Statuses = []Status{
	StatusSubmitting, StatusReceived, StatusChecking, StatusStaging, StatusScouting, StatusWaiting, StatusMatched, StatusRunning,
	StatusStalled, StatusCompleting, StatusDone, StatusCompleted, StatusFailed, StatusDeleted, StatusKilled, StatusRescheduled,
}

// FinalStatuses are those in which the payload's work has ended. No update leaves them unless it is
// forced.
var FinalStatuses = []Status{StatusDone, StatusCompleted, StatusFailed, StatusKilled}
