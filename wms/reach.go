package wms

import (
	"context"
	"errors"
	"slices"

	"jobdb"
)

// Reach is which jobs a caller may act on: those of a VO, and of one owner
// unless Owner is empty. A job of another VO is the same as one that doesn't
// exist; one of the VO's other owners is refused with [ErrNotOwner], or with Hidden as if it didn't exist.
type Reach struct {
	VO, Owner string
	Hidden    bool
}

// ErrNotOwner says that one of the jobs belongs to somebody else of the VO; then nothing was done to any.
var ErrNotOwner = errors.New("one of these jobs is not yours")

// owns compares byte by byte, which a live database's collation doesn't.
func (r Reach) owns(job jobdb.Attributes) bool { return r.Owner == "" || job["Owner"] == r.Owner }

// sees tells whether a job exists for the caller.
func (r Reach) sees(job jobdb.Attributes) bool {
	return job["VO"] == r.VO && (!r.Hidden || r.owns(job))
}

// hold returns columns of the jobs within reach, which nobody else changes until tx ends.
func (r Reach) hold(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID, names ...string) (map[jobdb.JobID]jobdb.Attributes, error) {
	jobs, err := tx.LockJobs(ctx, ids, append([]string{"VO", "Owner"}, names...)...)
	if err != nil {
		return nil, err
	}
	for id, job := range jobs {
		switch {
		case !r.sees(job):
			delete(jobs, id)
		case !r.owns(job):
			return nil, ErrNotOwner
		}
	}
	return jobs, nil
}

// missing are those of the IDs that hold found no job for, ascending.
func missing(ids []jobdb.JobID, jobs map[jobdb.JobID]jobdb.Attributes) []jobdb.JobID {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id jobdb.JobID) bool { return jobs[id] != nil })
	slices.Sort(ids)
	return slices.Compact(ids)
}
