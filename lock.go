package jobdb

import (
	"context"
	"slices"

	"jobdb/internal/tables"
)

// LockJobs returns the named columns of those of the jobs that exist. On a [Tx] no other
// transaction changes these jobs until it ends: use it to read what a change depends on. Values are
// as in a [Page]. An unknown name is a [QueryError].
func (a access) LockJobs(ctx context.Context, ids []JobID, names ...string) (map[JobID]Attributes, error) {
	return a.lockJobs(ctx, ids, names, "")
}

// LockJobsOf is [DB.LockJobs] for the jobs of a VO, or of one owner in it unless owner is empty. Those of
// others are left out, and nobody has to wait for them: who names them can't keep those whose they are
// from changing them. A live collation may take another VO or owner for this one; compare the
// columns VO and Owner where that matters.
func (a access) LockJobsOf(ctx context.Context, vo, owner string, ids []JobID, names ...string) (map[JobID]Attributes, error) {
	if checkText(vo) != nil || checkText(owner) != nil { // which no column holds, and PostgreSQL doesn't compare with
		ids, vo, owner = nil, "", ""
	}
	condition, args := ` AND COALESCE(t."VO", '') = ?`, []any{vo} // not by an index, which has all jobs of the VO
	if owner != "" {
		condition, args = condition+` AND COALESCE(t."Owner", '') = ?`, append(args, owner)
	}
	return a.lockJobs(ctx, ids, names, condition, args...)
}

func (a access) lockJobs(ctx context.Context, ids []JobID, names []string, condition string, args ...any) (map[JobID]Attributes, error) {
	columns, err := attributeColumns(names)
	if err != nil {
		return nil, err
	}
	var found map[JobID]Attributes
	err = a.write(ctx, "hold jobs", func(s *session) error {
		found, err = s.attributes(ctx, ids, columns, condition, s.db.dialect.Lock, args...)
		for id := range found {
			s.noteLocked(id)
		}
		return err
	})
	return found, err
}

// JobAttributes is [DB.LockJobs] without any lock.
func (a access) JobAttributes(ctx context.Context, ids []JobID, names ...string) (map[JobID]Attributes, error) {
	columns, err := attributeColumns(names)
	if err != nil {
		return nil, err
	}
	var found map[JobID]Attributes
	err = a.read(ctx, "read attributes of jobs", func(s *session) error {
		found, err = s.attributes(ctx, ids, columns, "", "")
		return err
	})
	return found, err
}

// attributeColumns are JobID and the columns of these names.
func attributeColumns(names []string) ([]tables.Column, error) {
	columns := tables.JobIDColumn
	for _, name := range names {
		c, err := ParseColumn(name)
		if err != nil {
			return nil, err
		}
		columns = append(slices.Clip(columns), c.def())
	}
	return columns, nil
}

// attributes reads columns of jobs, the first of which is JobID, that meet a further condition with its
// arguments; lock is "" or what locks the rows.
func (s *session) attributes(ctx context.Context, ids []JobID, columns []tables.Column, condition, lock string, args ...any) (map[JobID]Attributes, error) {
	found := make(map[JobID]Attributes, len(ids))
	each := scanRows(columns, func(row []scanned) error {
		values := make(Attributes, len(columns)-1)
		for i, c := range columns[1:] {
			values[c.Name] = row[i+1].value
		}
		found[row[0].id()] = values
		return nil
	})
	return found, s.eachIDBatch(ids, func(in string, inArgs []any) error {
		return s.query(ctx, selectRows(tables.Jobs, columns, in)+condition+` ORDER BY t."JobID"`+lock, append(inArgs, args...), each)
	})
}

// lockedJobs locks the rows of jobs until this transaction ends, and returns which of them exist.
func (s *session) lockedJobs(ctx context.Context, ids []JobID) (map[JobID]bool, error) {
	found := make(map[JobID]bool, len(ids))
	err := s.readRows(ctx, tables.Jobs, tables.JobIDColumn, ids, ` ORDER BY t."JobID"`+s.db.dialect.Lock, func(row []scanned) error {
		found[row[0].id()] = true
		s.noteLocked(row[0].id())
		return nil
	})
	return found, err
}

// lockExisting locks jobs that must all exist; those that don't are a NotFoundError. Jobs that this
// transaction has locked exist.
func (s *session) lockExisting(ctx context.Context, ids []JobID) error {
	if s.hasLocked(ids) {
		return nil
	}
	found, err := s.lockedJobs(ctx, ids)
	if err != nil {
		return err
	}
	if missing := slices.DeleteFunc(sorted(ids), func(id JobID) bool { return found[id] }); len(missing) > 0 {
		return &NotFoundError{Jobs: missing}
	}
	return nil
}

// lock locks jobs, whether they exist or not. It asks nothing of SQLite, which has one writer at a
// time.
func (s *session) lock(ctx context.Context, ids []JobID) error {
	if s.db.dialect.Lock == "" || s.hasLocked(ids) {
		return nil
	}
	_, err := s.lockedJobs(ctx, ids)
	return err
}

// noteLocked records that this transaction has locked a job or made it.
func (s *session) noteLocked(id JobID) {
	if s.locked == nil {
		s.locked = map[JobID]bool{}
	}
	s.locked[id] = true
}

// hasLocked reports whether this transaction has locked or made all of the jobs.
func (s *session) hasLocked(ids []JobID) bool {
	return !slices.ContainsFunc(ids, func(id JobID) bool { return !s.locked[id] })
}
