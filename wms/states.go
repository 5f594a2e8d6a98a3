package wms

import "slices"

// The statuses that have rules of their own.
const (
	statusMatched = "Matched"
	statusRunning = "Running"
	statusStalled = "Stalled"
	statusKilled  = "Killed"
	statusDeleted = "Deleted"
)

// transitions says where a job may go from each status: DIRAC's JobsStateMachine. A
// status with no way out restrains nothing: a Deleted job may go anywhere.
var transitions = map[string][]string{
	"Submitting":  {"Received", "Checking", "Deleted", "Killed"},
	"Received":    {"Scouting", "Checking", "Staging", "Waiting", "Failed", "Deleted", "Killed"},
	"Checking":    {"Scouting", "Staging", "Waiting", "Rescheduled", "Failed", "Deleted", "Killed"},
	"Scouting":    {"Checking", "Failed", "Stalled", "Killed"},
	"Staging":     {"Checking", "Waiting", "Failed", "Killed"},
	"Waiting":     {"Matched", "Rescheduled", "Deleted", "Killed"},
	"Matched":     {"Running", "Failed", "Rescheduled", "Killed"},
	"Rescheduled": {"Waiting", "Received", "Deleted", "Failed", "Killed"},
	"Running":     {"Stalled", "Done", "Failed", "Rescheduled", "Completing", "Killed", "Received"},
	"Stalled":     {"Running", "Failed", "Killed"},
	"Completing":  {"Done", "Failed", "Completed", "Stalled", "Killed"},
	"Completed":   {"Done", "Failed"},
	"Done":        {"Deleted"},
	"Failed":      {"Rescheduled", "Deleted"},
	"Killed":      {"Deleted"},
	"Deleted":     {},
}

// finalStatuses are the statuses in which the payload's work has ended.
var finalStatuses = []string{"Done", "Completed", "Failed", "Killed"}

// nextStatus returns where a job in one status ends up that is to go to another: there, or where it
// is if no way leads there. From a status that isn't known, which an extension of DIRAC may have
// written, every way is open, so that no job gets stuck.
func nextStatus(from, to string) string {
	if ways := transitions[from]; len(ways) > 0 && !slices.Contains(ways, to) {
		return from
	}
	return to
}
