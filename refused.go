package jobdb

import (
	"context"
	"errors"
	"slices"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// explainRefusal turns an engine's error about a key into one that says which jobs are missing in
// parent, or what exists already.
func (a access) explainRefusal(ctx context.Context, err error, what string, parent *tables.Table, ids []JobID) error {
	switch {
	case err == nil:
		return nil
	case a.db.classOf(err) == engine.ClassForeignKey:
		missing, lookErr := a.missingJobs(ctx, err, parent, ids)
		if lookErr != nil || len(missing) == 0 { // someone may have made them since
			return errors.Join(err, lookErr)
		}
		return &NotFoundError{Jobs: missing}
	}
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		conflict.What, conflict.Job = what, a.conflictingJob(ctx, err, parent, ids)
	}
	return err
}

// conflictingJob is the job whose row exists already, or 0 when that can't be told.
func (a access) conflictingJob(ctx context.Context, refused error, parent *tables.Table, ids []JobID) JobID {
	if len(ids) == 1 {
		return ids[0]
	}
	if parent != tables.JobJDLs { // the other tables may have several rows of a job
		return 0
	}
	if id, ok := a.db.engine.JobInError(refused); ok {
		return JobID(id)
	}
	if a.tx != nil { // it sees what this call itself inserted before it was refused
		return 0
	}
	missing, err := a.jobsWithout(ctx, tables.Jobs, ids)
	if err != nil || len(missing) == len(ids) {
		return 0
	}
	i := slices.IndexFunc(ids, func(id JobID) bool { return !slices.Contains(missing, id) })
	return ids[i]
}

// missingJobs returns those of the jobs that have no row in table t, as seen by the transaction
// that failed with err.
func (a access) missingJobs(ctx context.Context, err error, t *tables.Table, ids []JobID) ([]JobID, error) {
	if a.tx == nil {
		return a.jobsWithout(ctx, t, ids)
	}
	if id, ok := a.db.engine.JobInError(err); ok { // PostgreSQL: a failed transaction answers nothing
		return []JobID{JobID(id)}, nil
	}
	failed := a.tx.failed
	a.tx.failed = nil
	defer func() { a.tx.failed = failed }()
	return a.jobsWithout(ctx, t, ids)
}

// jobsWithout returns those of the jobs that have no row in table t.
func (a access) jobsWithout(ctx context.Context, t *tables.Table, ids []JobID) ([]JobID, error) {
	found := make(map[JobID]bool, len(ids))
	read := func(a access) error {
		return a.readRows(ctx, "look for missing jobs", t, t.Pick("JobID"), ids, "", func(row []scanned) error {
			found[row[0].id()] = true
			return nil
		})
	}
	var err error
	if a.tx == nil && a.db.groups != nil { // readers don't see a group of writes that isn't committed yet
		err = a.db.transact(ctx, func(s *session) error { return read(access{db: a.db, tx: s}) })
	} else {
		err = read(a)
	}
	return slices.DeleteFunc(sorted(ids), func(id JobID) bool { return found[id] }), err
}
