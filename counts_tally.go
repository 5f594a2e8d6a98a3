package jobdb

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// maxCountedColumns is the number of columns Value1, Value2 … in JobCounts.
const maxCountedColumns = 4

// countKey is the key of a row of JobCounts: a combination of values of one kind.
type countKey struct {
	kind   int
	vo     string
	values [maxCountedColumns]string
}

func (k countKey) compare(other countKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), strings.Compare(k.vo, other.vo), slices.Compare(k.values[:], other.values[:]))
}

// tally is a sum for each key.
type tally map[countKey]int64

// add adds a number of jobs, which may be negative, whose columns have the values of row.
func (t tally) add(kinds []countKind, columns []Column, vo string, row []scanned, jobs int64) {
	var values [256]string // by the column's index
	for i, c := range columns {
		values[c.index] = row[i].text()
	}
	for _, kind := range kinds {
		key := countKey{kind: kind.number, vo: vo}
		for i, c := range kind.columns {
			key.values[i] = values[c.index]
		}
		t[key] += jobs
	}
}

// write adds the sums to JobCounts. The keys are sorted, so that all transactions lock rows in the
// same order.
func (t tally) write(ctx context.Context, s *session) error {
	keys := make([]countKey, 0, len(t))
	for key, n := range t {
		if n != 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, countKey.compare)
	rows := make([][]any, len(keys))
	for i, key := range keys {
		rows[i] = []any{int64(key.kind), key.vo, key.values[0], key.values[1], key.values[2], key.values[3], t[key]}
	}
	return s.insert(ctx, tables.JobCounts, tables.JobCounts.Columns, rows, s.db.dialect.UpsertAdding(tables.JobCounts, "Count"))
}

// countedColumns are the columns of Jobs in JobDifferences, between VO and Count.
var countedColumns = func() []Column {
	var columns []Column
	for _, c := range tables.JobDifferences.Columns[2 : len(tables.JobDifferences.Columns)-1] {
		columns = append(columns, columnByName[c.Name])
	}
	return columns
}()

// requireCounts refuses databases without counts.
func (db *DB) requireCounts() error {
	if !db.schema.Counts && db.schema.NoCounts {
		return &SchemaError{Reason: `the tables were made without counts of jobs; "jobdb migrate" adds them`}
	}
	if !db.schema.Counts {
		return &SchemaError{Reason: "no counts of jobs are kept in this database: it is not jobdb's own, or their triggers are missing"}
	}
	return nil
}
