package jobdb

import (
	"slices"
	"strings"
)

// Our own schema keeps counts of jobs, so that a total or a summary reads a row for each
// combination of values, not for each job. Triggers on Jobs, which work for every writer, append
// differences to JobDifferences; counts_fold.go folds them into JobSums. A count is the sum over
// both tables. So it is exact in every transaction, and no two writers change the same row.

// countKind is a set of columns. For each VO and each combination of their values jobs are counted.
type countKind struct {
	number  int // in JobSums.Kind
	columns []Column
}

// countKinds are in ascending order of their combinations, because the first kind that has all
// columns of a query answers it. Any two of the seven columns that summaries group by are together
// in one kind, and any three or four but for those with JobGroup, Site and a status. To keep
// combinations few, a kind has columns that depend on each other: a job group has one owner, and a
// minor status belongs to one or two statuses. A column's place in its kind is where its texts fit:
// Value1 is the longest of JobSums, and Value7 the shortest.
var countKinds = func() []countKind {
	kinds := []countKind{{}} // Kind 0 is the row that countsState reads
	for _, names := range []string{
		"JobType",
		"RescheduleCounter",
		"OwnerGroup",
		"UserPriority",
		"Status",
		"MinorStatus",
		"Site",
		"Owner",
		"Status MinorStatus UserPriority RescheduleCounter",
		"Status MinorStatus OwnerGroup JobType",
		"Site UserPriority RescheduleCounter",
		"Status MinorStatus Site",
		"Site OwnerGroup JobType",
		"OwnerGroup UserPriority RescheduleCounter Owner",
		"Status MinorStatus OwnerGroup Owner",
		"JobGroup",
		"ApplicationStatus",
		"JobGroup OwnerGroup JobType Owner",
		"Site OwnerGroup JobType Owner",
		"OwnerGroup MinorStatus Site Status JobType",
		"JobGroup OwnerGroup JobType Owner UserPriority RescheduleCounter",
		"ApplicationStatus MinorStatus Status",
		"JobGroup MinorStatus OwnerGroup Owner Status JobType",
		"OwnerGroup Site Status Owner JobType",
		"ApplicationStatus OwnerGroup JobType",
		"JobGroup OwnerGroup Site Owner JobType",
	} {
		kind := countKind{number: len(kinds)}
		for name := range strings.FieldsSeq(names) {
			kind.columns = append(kind.columns, columnByName[name])
		}
		kinds = append(kinds, kind)
	}
	return kinds[1:]
}()

// has reports whether the counts are by all of the columns; all kinds are by VO.
func (k *countKind) has(columns []Column) bool {
	return !slices.ContainsFunc(columns, func(c Column) bool { return c != colVO && !slices.Contains(k.columns, c) })
}
