package jobdb

import (
	"context"
	"slices"

	"jobdb/internal/tables"
)

// LockJobs returns columns of those of the jobs that exist, by the columns'
// names. In a transaction nobody else changes these jobs until it ends: read
// with it what a change depends on. Values are those of a [Page]. A name that no
// column has is a [QueryError].
func (a access) LockJobs(ctx context.Context, ids []JobID, names ...string) (map[JobID]Attributes, error) {
	columns := tables.JobIDColumn
	for _, name := range names {
		c, err := ParseColumn(name)
		if err != nil {
			return nil, err
		}
		columns = append(slices.Clip(columns), c.def())
	}
	found := make(map[JobID]Attributes, len(ids))
	err := a.write(ctx, "hold jobs", func(s *session) error {
		clear(found)
		return s.readRows(ctx, tables.Jobs, columns, ids, ` ORDER BY t."JobID"`+s.db.dialect.Lock, func(row []scanned) error {
			values := make(Attributes, len(names))
			for i, name := range names {
				values[name] = row[i+1].value
			}
			found[row[0].id()] = values
			s.noteLocked(row[0].id())
			return nil
		})
	})
	return found, err
}

// lockedJobs keeps other transactions from changing jobs until this one ends,
// and tells which of the jobs exist.
func (s *session) lockedJobs(ctx context.Context, ids []JobID) (map[JobID]bool, error) {
	found := make(map[JobID]bool, len(ids))
	err := s.readRows(ctx, tables.Jobs, tables.JobIDColumn, ids, ` ORDER BY t."JobID"`+s.db.dialect.Lock, func(row []scanned) error {
		found[row[0].id()] = true
		s.noteLocked(row[0].id())
		return nil
	})
	return found, err
}

// lock is lockJobs for who needn't know which jobs exist.
func (s *session) lock(ctx context.Context, ids []JobID) error {
	if s.db.dialect.Lock == "" || s.hasLocked(ids) {
		return nil
	}
	_, err := s.lockedJobs(ctx, ids)
	return err
}

// noteLocked notes that the transaction keeps others from changing a job, until it ends.
func (s *session) noteLocked(id JobID) {
	if s.locked == nil {
		s.locked = map[JobID]bool{}
	}
	s.locked[id] = true
}

// hasLocked reports whether the transaction has locked all of these jobs, or made them.
func (s *session) hasLocked(ids []JobID) bool {
	return !slices.ContainsFunc(ids, func(id JobID) bool { return !s.locked[id] })
}
