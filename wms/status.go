package wms

import (
	"context"
	"errors"
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
	// Note tells in words what was refused, moved or clamped; empty when all went as asked.
	Note string
}

// StatusReport is the outcome of [JobManager.SetStatus].
type StatusReport struct {
	Success map[jobdb.JobID]StatusChange
	Failed  map[jobdb.JobID]string // why
}

// SetStatus applies updates to the statuses of jobs and writes them to the history.
func (m *JobManager) SetStatus(ctx context.Context, reach Reach, updates map[jobdb.JobID][]StatusUpdate, options StatusOptions) (StatusReport, error) {
	return StatusReport{}, errors.ErrUnsupported
}
