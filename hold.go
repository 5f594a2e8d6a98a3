package jobdb

import (
	"context"
	"slices"
)

// HoldJobs returns columns of those of the jobs that exist, by the columns'
// names. In a transaction nobody else changes these jobs until it ends: read
// with it what a change depends on. Values are those of a [Page]. A name that no
// column has is a [QueryError].
func (a access) HoldJobs(ctx context.Context, ids []JobID, names ...string) (map[JobID]Attributes, error) {
	columns := idColumn
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
		return s.readRows(ctx, jobs, columns, ids, ` ORDER BY t."JobID"`+s.db.dialect.lock, func(row []cell) error {
			values := make(Attributes, len(names))
			for i, name := range names {
				values[name] = row[i+1].value
			}
			found[row[0].id()] = values
			s.nowHolds(row[0].id())
			return nil
		})
	})
	return found, err
}
