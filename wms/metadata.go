package wms

import (
	"context"
	"errors"

	"jobdb"
)

// SetMetadata sets values of jobs by their names: Site is an attribute, all
// names that are no column of Jobs are parameters. Values are as JSON gives them; null was left out.
func (m *JobManager) SetMetadata(ctx context.Context, reach Reach, values map[jobdb.JobID]map[string]any) error {
	return errors.ErrUnsupported
}
