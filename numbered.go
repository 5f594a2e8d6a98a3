package jobdb

import (
	"context"
	"database/sql"
	"slices"
)

// insertNumbered runs an INSERT of rows of one value each, and returns the IDs that the database
// gave them, in the order of the rows.
func (s *session) insertNumbered(ctx context.Context, insert string, args []any) ([]JobID, error) {
	if s.db.dialect.IDStep != "" {
		return s.insertCounting(ctx, insert, args)
	}
	var ids []JobID
	err := s.query(ctx, insert+` RETURNING "JobID"`, args, func(rows *sql.Rows) error {
		s.wrote = true
		ids = append(ids, 0)
		return rows.Scan(&ids[len(ids)-1])
	})
	// Rows are inserted in the order of the batch, each with the next ID. They may be returned in
	// any order.
	slices.Sort(ids)
	return ids, err
}

// insertCounting is insertNumbered for MySQL, which returns only the first ID. Because it can count
// the rows beforehand it takes all their IDs at once, so that no other statement's are among them.
func (s *session) insertCounting(ctx context.Context, insert string, args []any) ([]JobID, error) {
	end := s.began(ctx, insert)
	result, err := s.q.ExecContext(ctx, insert, args...)
	end(err)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	first, err := result.LastInsertId()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	s.wrote = true
	ids, step := make([]JobID, len(args)), int64(1)
	if len(ids) > 1 { // more than 1 where several nodes of a cluster take writes
		if step, err = s.count(ctx, statement{text: s.db.dialect.IDStep}); err != nil {
			return nil, err
		}
	}
	for i := range ids {
		ids[i] = JobID(first + int64(i)*step)
	}
	return ids, nil
}
