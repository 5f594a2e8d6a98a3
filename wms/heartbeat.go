package wms

import (
	"context"
	"errors"

	"jobdb"
)

// Beat is what a job reports of itself.
type Beat struct {
	Values         map[string]float64 // by the names of [jobdb.HeartbeatFields]
	StandardOutput *string            // the last lines of it, kept as a parameter
}

// HeartbeatReport is the outcome of [JobManager.Heartbeat].
type HeartbeatReport struct {
	Commands []jobdb.Command // what the jobs are to be told
	Missing  []jobdb.JobID   // ascending
}

// Heartbeat stores signs of life of jobs and returns the commands for them.
func (m *JobManager) Heartbeat(ctx context.Context, reach Reach, beats map[jobdb.JobID]Beat) (HeartbeatReport, error) {
	return HeartbeatReport{}, errors.ErrUnsupported
}
