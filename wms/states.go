package wms

import "slices"

// The statuses that rules of their own are about.
const (
	statusMatched = "Matched"
	statusRunning = "Running"
	statusStalled = "Stalled"
	statusKilled  = "Killed"
	statusDeleted = "Deleted"
)

// transitions says where a job may go from each status; it is the reference's state machine. A
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

// finals are the statuses in which the payload's work has ended.
var finals = []string{"Done", "Completed", "Failed", "Killed"}

// next is the status of a job that is to go from one to another: the other,
// or the first where no way leads. From a status that isn't known, which an
// extension of DIRAC may have written, every way is open: no job is stuck.
func next(from, to string) string {
	if ways := transitions[from]; len(ways) > 0 && !slices.Contains(ways, to) {
		return from
	}
	return to
}
