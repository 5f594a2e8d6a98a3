package wms

import (
	"context"
	"errors"
	"maps"
	"slices"

	"jobdb"
)

// Scope is which jobs a caller may act on: those of a VO, and of one owner only unless Owner is
// empty. A change without a VO is [jobdb.ErrNoScope]: nothing changes the jobs of all VOs.
//
// A job of another VO is treated as one that doesn't exist. A job of another owner of the VO is
// refused with [ErrNotOwner] or, if Hidden, treated as one that doesn't exist, too.
type Scope struct {
	VO, Owner string
	Hidden    bool
	AllVOs    bool // for [JobManager.Details] only; VO and Owner are empty
}

// ErrNotOwner says that one of the jobs belongs to another owner of the VO; then nothing was done
// to any of them.
var ErrNotOwner = errors.New("one of these jobs is not yours")

// owns compares byte by byte, unlike the collations of DIRAC's databases.
func (s Scope) owns(job jobdb.Attributes) bool { return s.Owner == "" || job["Owner"] == s.Owner }

// sees reports whether a job exists for the caller.
func (s Scope) sees(job jobdb.Attributes) bool {
	return (s.AllVOs || job["VO"] == s.VO) && (!s.Hidden || s.owns(job))
}

// lock returns VO, Owner and the named columns of the jobs in scope. Nobody else changes these jobs
// until tx ends.
func (s Scope) lock(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID, names ...string) (map[jobdb.JobID]jobdb.Attributes, error) {
	jobs, refused, err := s.lockEach(ctx, tx, ids, names...)
	if err != nil {
		return nil, err
	}
	for _, reason := range refused {
		if reason == notYours {
			return nil, ErrNotOwner
		}
	}
	return jobs, nil
}

// lockEach is lock without an error for jobs of other owners: refused says for each job that isn't
// returned why.
func (s Scope) lockEach(
	ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID, names ...string,
) (jobs map[jobdb.JobID]jobdb.Attributes, refused map[jobdb.JobID]string, err error) {
	if s.VO == "" {
		return nil, nil, jobdb.ErrNoScope
	}
	jobs, err = tx.LockJobsOf(ctx, s.VO, s.Owner, ids, append([]string{"VO", "Owner"}, names...)...)
	if err != nil {
		return nil, nil, err
	}
	refused = s.refuse(ids, jobs)
	if s.Owner == "" || s.Hidden || len(refused) == 0 {
		return jobs, refused, nil
	}
	// Whose the others are is read without holding them, so that who names jobs of other owners
	// can't keep these from changing them.
	others, err := tx.JobAttributes(ctx, slices.Collect(maps.Keys(refused)), "VO", "Owner")
	for id, job := range others {
		if s.sees(job) && !s.owns(job) {
			refused[id] = notYours
		}
	}
	return jobs, refused, err
}

// refuse deletes the jobs that aren't in scope from jobs. It returns the reason for each ID that
// isn't in jobs.
func (s Scope) refuse(ids []jobdb.JobID, jobs map[jobdb.JobID]jobdb.Attributes) map[jobdb.JobID]string {
	refused := map[jobdb.JobID]string{}
	for _, id := range ids {
		job := jobs[id]
		switch {
		case job == nil || !s.sees(job):
			refused[id] = notFound
		case !s.owns(job):
			refused[id] = notYours
		}
		if refused[id] != "" {
			delete(jobs, id)
		}
	}
	return refused
}

// Why a job is not in a caller's scope.
const (
	notFound = "Not found"
	notYours = "it belongs to another owner"
)

// missing returns the IDs that have no job, ascending.
func missing(ids []jobdb.JobID, jobs map[jobdb.JobID]jobdb.Attributes) []jobdb.JobID {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id jobdb.JobID) bool { return jobs[id] != nil })
	slices.Sort(ids)
	return slices.Compact(ids)
}
