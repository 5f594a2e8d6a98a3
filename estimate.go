package jobdb

import "context"

// JobsToSearch estimates how many jobs a costly search or summary reads: those in its scope that
// pass the part of its filter that counts can answer. Without counts it returns 0.
func (db *DB) JobsToSearch(ctx context.Context, scope Scope, filter Filter) (int64, error) {
	c := db.compiler()
	group := []Column{colStatus}
	counted, ok := c.countedPart(scope, filter, group)
	if !ok {
		return 0, nil
	}
	summary, err := db.Summary(ctx, Summary{Scope: scope, GroupBy: group, Filter: counted})
	jobs := int64(0)
	for _, row := range summary.Rows {
		jobs += row[1].(int64) //nolint:forcetypeassert // a count
	}
	return jobs, err
}
