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

// mostCounted is how many columns a kind has at most.
const mostCounted = 4

var (
	jobCounts = &table{name: "JobCounts", columns: []column{
		{name: "Kind", kind: Integer},
		{name: "VO", kind: Text, length: 32},
		{name: "Value1", kind: Text, length: 255},
		{name: "Value2", kind: Text, length: 128},
		{name: "Value3", kind: Text, length: 128},
		{name: "Value4", kind: Text, length: 128},
		{name: "Count", kind: Integer},
	}, key: []string{"Kind", "VO", "Value1", "Value2", "Value3", "Value4"}}

	jobDifferences = &table{name: "JobDifferences", columns: slices.Concat(
		[]column{{name: "ID", kind: Integer}},
		jobs.pick("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus"),
		[]column{{name: "Count", kind: Integer}},
	), key: []string{"ID"}}

	countTriggers = []string{"CountInserted", "CountUpdated", "CountDeleted"}
)

// countedBy finds the counts from which a query can be answered, nil when the rows must be read.
func (c *compiler) countedBy(scope Scope, filter Filter, columns []Column) *countKind {
	if !c.counted {
		return nil
	}
	columns = filter.columns(slices.Clone(columns))
	if scope.Owner != "" {
		columns = append(columns, columnByName["Owner"])
	}
	for i := range countKinds {
		if countKinds[i].has(columns) {
			return &countKinds[i]
		}
	}
	return nil
}

// has reports whether the counts tell all of the columns; each kind tells the VO.
func (k *countKind) has(columns []Column) bool {
	return !slices.ContainsFunc(columns, func(c Column) bool { return c != columnByName["VO"] && !slices.Contains(k.columns, c) })
}

// columns adds the columns that a filter looks at.
func (f Filter) columns(to []Column) []Column {
	switch f.op {
	case opAnd, opOr, opNot:
		for _, kid := range f.kids {
			to = kid.columns(to)
		}
		return to
	case opIn, opNotIn, opGreater, opGreaterEqual, opLess, opLessEqual, opLike, opNotLike, opRegex, opRegexIn, opNull, opNotNull:
	}
	return append(to, f.column)
}

// jobsThat are the rows that a summary reads, or in their place their counts under the same names. Each table is asked by
// itself for what matches: MariaDB would first put all of their union on disk.
func (c *compiler) jobsThat(kind *countKind, scope Scope, filter Filter) {
	if kind == nil {
		c.write(`"Jobs"`)
		c.where(scope, filter)
		return
	}
	c.write("(SELECT * FROM (")
	c.folded(kind)
	c.write(`) AS "Jobs"`)
	c.where(scope, filter)
	c.write(` UNION ALL SELECT "VO", `, selectList(kind.columns), `, "Count" FROM "JobDifferences" AS "Jobs"`)
	c.where(scope, filter)
	c.write(`) AS "Jobs"`)
}

// folded selects the counts of a kind under the names of its columns.
func (c *compiler) folded(kind *countKind) {
	c.write(`SELECT "VO"`)
	for i, column := range kind.columns {
		c.write(`, "Value`, itoa(i+1), `" AS `, quoteName(column.Name()))
	}
	c.write(`, "Count" FROM "JobCounts" WHERE "Kind" = `, itoa(kind.number))
}

// countedTotal adds up counts and differences by themselves: MariaDB would put their union on disk.
func (c *compiler) countedTotal(kind *countKind, s Search) {
	const sum = `(SELECT COALESCE(sum("Count"), 0) FROM `
	c.write("SELECT CAST(", sum, "(")
	c.folded(kind)
	c.write(`) AS "Jobs"`)
	c.where(s.Scope, s.Filter)
	c.write(") + ", sum, `"JobDifferences" AS "Jobs"`)
	c.where(s.Scope, s.Filter)
	c.write(") AS ", c.dialect.integer, ")")
}

// countOf is the number of jobs in what jobsThat gives.
func (c *compiler) countOf(kind *countKind) string {
	if kind == nil {
		return "count(*)"
	}
	return `CAST(sum("Count") AS ` + c.dialect.integer + ")"
}

// someOf keeps groups out of which no job is left.
func (c *compiler) someOf(kind *countKind) string {
	if kind == nil {
		return ""
	}
	return ` HAVING sum("Count") <> 0`
}
