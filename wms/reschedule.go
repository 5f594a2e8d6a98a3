package wms

import (
	"context"
	"errors"
	"time"

	"jobdb"
)

// Rescheduled is what became of a job that is to run again.
type Rescheduled struct {
	JDL                                    string // as it is stored now, plain
	Site                                   string
	UserPriority                           int64
	RescheduleCounter                      int64
	RescheduleTime                         time.Time
	Status, MinorStatus, ApplicationStatus string
	LastUpdateTime                         time.Time
}

// RescheduleReport is the outcome of [JobManager.Reschedule].
type RescheduleReport struct {
	Success map[jobdb.JobID]Rescheduled
	Failed  map[jobdb.JobID]string // why
}

// Reschedule makes jobs run again.
func (m *JobManager) Reschedule(ctx context.Context, reach Reach, ids []jobdb.JobID, reset bool) (RescheduleReport, error) {
	return RescheduleReport{}, errors.ErrUnsupported
}
