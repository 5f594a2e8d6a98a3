package jobdb

import (
	"slices"
	"strings"
)

// Counts of jobs are kept beside the rows, so that totals and summaries cost
// what the combinations of values cost, not the jobs. Triggers on Jobs append differences
// to JobDifferences, whoever writes; from there they are folded into JobCounts (counts_fold.go).
// A count is the sum over both tables: exact in every transaction, and no two
// writers meet in one row. Only our own schema has them.

// A countKind is a set of columns whose combinations are counted within each VO.
type countKind struct {
	number  int // in JobCounts.Kind
	columns []Column
}

// countKinds begins with those of few combinations: a query is served by the
// first that has all columns it looks at. Any one and any two of the seven columns that
// summaries are made of are together in one, and so are most threes with Status and MinorStatus.
// Columns that go together on a grid share a kind, so that none has many combinations:
// a group of jobs has one owner, and a minor status belongs to one or two statuses.
var countKinds = func() []countKind {
	kinds := []countKind{{}} // number 0 is countsState
	for _, names := range []string{
		"JobType",
		"OwnerGroup",
		"Status",
		"MinorStatus",
		"Site",
		"Owner",
		"JobGroup",
		"ApplicationStatus",
		"Status MinorStatus OwnerGroup JobType",
		"Status MinorStatus Site",
		"Site OwnerGroup JobType",
		"Status MinorStatus Owner OwnerGroup",
		"Site Owner",
		"Owner OwnerGroup JobType JobGroup",
		"Status MinorStatus JobGroup",
		"Site JobGroup",
	} {
		kind := countKind{number: len(kinds)}
		for name := range strings.FieldsSeq(names) {
			kind.columns = append(kind.columns, columnByName[name])
		}
		kinds = append(kinds, kind)
	}
	return kinds[1:]
}()

// has reports whether the counts tell all of the columns; each kind tells the VO.
func (k *countKind) has(columns []Column) bool {
	return !slices.ContainsFunc(columns, func(c Column) bool { return c != columnByName["VO"] && !slices.Contains(k.columns, c) })
}
