package wms

import (
	"context"
	"errors"

	"jobdb"
)

// Details is all that is known of a job.
type Details struct {
	Attributes          jobdb.Attributes
	JDL, OriginalJDL    string // plain
	Parameters          map[string]string
	OptimizerParameters map[string]string
	ArchivedParameters  []jobdb.ArchivedParameter
	InputData           []jobdb.InputFile
	History             []jobdb.HistoryRecord
	Commands            []jobdb.CommandRecord
	Heartbeats          []jobdb.Heartbeat // the latest first
}

// Details returns all of one job, and the values of its last heartbeats. A job
// that is out of reach is a [jobdb.NotFoundError].
func (m *JobManager) Details(ctx context.Context, reach Reach, id jobdb.JobID, heartbeats int) (Details, error) {
	return Details{}, errors.ErrUnsupported
}
