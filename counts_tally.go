package jobdb

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"jobdb/internal/tables"
)

// maxCountedColumns is the number of columns Value1, Value2 … in JobSums.
const maxCountedColumns = 7

// tally is a number of jobs for each key of JobSums. A key is the letter of the kind, the VO and
// the values, joined by NULs, which no text of a database has. Keys sort as the table's do.
type tally map[string]*int64

const firstKind = 'A' // the letter of Kind 0 in a key

func letterOf(kind int64) byte { return byte(firstKind + kind) } //nolint:gosec // there are few kinds

func (t tally) addTo(key []byte, jobs int64) {
	if sum, ok := t[string(key)]; ok {
		*sum += jobs
		return
	}
	first := jobs
	t[string(key)] = &first
}

// get returns the sum for a key.
func (t tally) get(key string) int64 {
	if sum, ok := t[key]; ok {
		return *sum
	}
	return 0
}

// add adds a number of jobs, which may be negative, whose columns have the values of row.
func (t tally) add(kinds []countKind, columns []Column, vo string, row []scanned, jobs int64) {
	var values [256]string // by the column's index
	for i, c := range columns {
		values[c.index] = row[i].counted()
	}
	var buffer [256]byte // so that most keys need no allocation
	key := buffer[:0]
	for _, kind := range kinds {
		key = append(append(key[:0], letterOf(int64(kind.number))), vo...)
		for i := range maxCountedColumns {
			if key = append(key, 0); i < len(kind.columns) {
				key = append(key, values[kind.columns[i].index]...)
			}
		}
		t.addTo(key, jobs)
	}
}

// counted is the text of a value in the counts.
func (c *scanned) counted() string {
	if n, ok := c.value.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	return c.text()
}

// splitKey returns the parts of a key.
func splitKey(key string) (kind int, vo string, values []string) {
	parts := strings.Split(key[1:], "\x00")
	return int(key[0]) - firstKind, parts[0], parts[1:]
}

// write adds the sums to JobSums. The keys are sorted, so that all transactions lock rows in the
// same order.
func (t tally) write(ctx context.Context, s *session) error {
	keys := make([]string, 0, len(t))
	for key, n := range t {
		if *n != 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	rows := make([][]any, len(keys))
	for i, key := range keys {
		kind, vo, values := splitKey(key)
		rows[i] = append(make([]any, 0, len(values)+3), int64(kind), vo)
		for _, value := range values {
			rows[i] = append(rows[i], value)
		}
		rows[i] = append(rows[i], *t[key])
	}
	return s.insert(ctx, tables.JobSums, tables.JobSums.Columns, rows, s.db.dialect.UpsertAdding(tables.JobSums, "Count"))
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
