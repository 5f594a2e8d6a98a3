package jobdb

import "context"

// JobsToSearch is about how many jobs a costly search or summary looks at: those in its scope that pass
// the parts of its filter that counts tell of. Where there are no counts it is of no use, and 0.
func (db *DB) JobsToSearch(ctx context.Context, scope Scope, filter Filter) (int64, error) {
	c := &compiler{dialect: db.dialect, schema: db.schema, counted: db.counted.Load()}
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
