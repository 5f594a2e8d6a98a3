package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file holds the counts of jobs that are kept beside the rows against the rows.
var countTests = []conformanceTest{
	{"CountsAreExact", testCountsAreExact},
	{"CountsInTransactions", testCountsInTransactions},
	{"CountsAreRebuilt", testCountsAreRebuilt},
}

// keepsCounts tells databases of our own schema from live ones, which refuse all that is about
// counts.
func (f *fixture) keepsCounts() bool {
	if f.Schema() == jobdb.SchemaOurs {
		return true
	}
	_, err := f.VerifyCounts(f.ctx)
	f.refused(err, jobdb.ErrSchema)
	_, err = f.RebuildCounts(f.ctx)
	f.refused(err, jobdb.ErrSchema)
	_, err = f.FoldCounts(f.ctx)
	f.refused(err, jobdb.ErrSchema)
	return false
}

var countedColumns = []string{"JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter"}

// countable are attributes of few values, some of them hostile to whoever compares carelessly.
func countable(random *rand.Rand) jobdb.Attributes {
	a := jobdb.Attributes{}
	for _, name := range countedColumns {
		a[name] = []string{"a", "A", "a ", "é", ""}[random.IntN(5)]
	}
	a["UserPriority"], a["RescheduleCounter"] = []int{-3, 0, 9, 10}[random.IntN(4)], random.IntN(3)
	return a
}

// countedValues are some that a column may have.
func countedValues(name string) []any {
	if name == "UserPriority" || name == "RescheduleCounter" {
		return []any{0, 10, -3}
	}
	return []any{"a", "A ", ""}
}

// some leaves some of the attributes.
func some(random *rand.Rand, a jobdb.Attributes) jobdb.Attributes {
	for _, name := range countedColumns {
		if random.IntN(3) > 0 {
			delete(a, name)
		}
	}
	if len(a) == 0 {
		a["HeartBeatTime"] = noon // isn't counted
	}
	return a
}

// While sixteen callers insert, change and delete the same jobs in every way, and differences are
// folded, each snapshot's counts are those of its rows; so are all summaries and totals in the end.
func testCountsAreExact(f *fixture) {
	if !f.keepsCounts() {
		return
	}
	f = f.alone(jobdb.Options{FoldInterval: time.Millisecond})
	var audits atomic.Int64
	ids := f.addPlainJobs(60)
	f.together(16, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		for range f.shorter(60) {
			var err error
			if random.IntN(8) > 0 {
				err = f.changeCounted(random, ids)
			} else {
				var wrong []jobdb.WrongCount
				if wrong, err = f.VerifyCounts(f.ctx); len(wrong) > 0 {
					err = fmt.Errorf("%d wrong counts, such as %+v", len(wrong), wrong[0])
				}
				audits.Add(1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if audits.Load() == 0 {
		f.t.Fatal("no audit ran")
	}
	f.countsAgree()
	_, err := f.FoldCounts(f.ctx)
	f.ok(err)
	f.equal("differences after a fold", f.raw().number(`SELECT count(*) FROM "JobDifferences"`), int64(0))
	f.countsAgree()
	all := f.search(jobdb.SearchRequest{Parameters: []string{"JobID"}}, 0, 0)
	var rest []jobdb.JobID
	for _, row := range all.Rows {
		rest = append(rest, jobdb.JobID(row[0].(int64)))
	}
	_, err = f.DeleteJobs(f.ctx, rest)
	f.ok(err)
	f.countsAgree()
	f.equal("jobs after all are deleted", f.search(jobdb.SearchRequest{}, 1, 1).Total, int64(0))
}

// changeCounted is one change of jobs that may or may not change counts.
func (f *fixture) changeCounted(random *rand.Rand, ids []jobdb.JobID) error {
	few := make([]jobdb.JobID, 1+random.IntN(5))
	changes := map[jobdb.JobID]jobdb.Attributes{}
	for i := range few {
		few[i] = ids[random.IntN(len(ids))]
		changes[few[i]] = some(random, countable(random))
	}
	var err error
	switch random.IntN(6) {
	case 0:
		err = f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { // a new job
			id, err := tx.CreateJob(ctx, "")
			if err != nil {
				return err
			}
			a := countable(random)
			a["VO"] = f.vo
			return tx.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: a})
		})
	case 1:
		_, err = f.DeleteJobs(f.ctx, few[:1])
	case 2:
		same := some(random, countable(random))
		for id := range changes {
			changes[id] = same
		}
		_, err = f.SetProperties(f.ctx, changes, true)
	default:
		_, err = f.SetJobAttributes(f.ctx, changes, jobdb.SetOptions{})
	}
	return err
}

// countsAgree holds summaries by each one, two and three of the counted columns, all and those with
// one value of another, distinct values, totals of searches for one value, facets and lists of values
// against the rows.
func (f *fixture) countsAgree() {
	f.t.Helper()
	rows := f.search(jobdb.SearchRequest{Parameters: countedColumns}, 0, 0)
	for i, one := range countedColumns {
		for j, two := range countedColumns[i:] {
			f.groupsAgree(rows, nil, slices.Compact([]string{one, two})...)
			for _, three := range countedColumns[i+j:] {
				other := countedColumns[(i+j+1)%len(countedColumns)]
				f.groupsAgree(rows, []jobdb.FilterSpec{{Parameter: other, Operator: "in", Values: countedValues(other)[:2]}}, one, two, three)
			}
		}
		for _, value := range countedValues(one) {
			filter := []jobdb.FilterSpec{{Parameter: one, Operator: "eq", Value: value}}
			f.equal("total of "+one, f.search(jobdb.SearchRequest{Search: filter}, 1, 1).Total, int64(len(f.matching(rows, filter))))
		}
	}
	f.facetsAgree(rows)
}

// facetsAgree holds facets of all counted columns, under a condition on one of them, and the lists of
// their values against the rows.
func (f *fixture) facetsAgree(page jobdb.Page) {
	f.t.Helper()
	var rows []modelRow
	for _, values := range page.Rows {
		row := modelRow{}
		for i, column := range page.Columns {
			row[column.Name()] = values[i]
		}
		rows = append(rows, row)
	}
	for _, one := range countedColumns[:8] { // the texts
		request := jobdb.FacetsRequest{Columns: countedColumns, Search: []jobdb.FilterSpec{{Parameter: one, Operator: "in", Values: []any{"a", "é"}}}, Top: 3}
		for _, facet := range f.facets(request, jobdb.Scope{VO: f.vo}) {
			want := textOrder(nil).modelFacet(rows, request.Search, facet.Column.Name())
			f.equal("more "+facet.Column.Name()+" where "+one+" is a or é", facet.More, len(want) > 3)
			for i, value := range facet.Values {
				f.equal(facet.Column.Name()+" where "+one+" is a or é", []any{value.Value, value.Count}, want[i])
			}
		}
		values := map[string]bool{}
		for _, row := range rows {
			if text := row[one].(string); strings.HasPrefix(strings.ToLower(text), "a") { //nolint:forcetypeassert // a column of texts
				values[text] = true
			}
		}
		list, err := f.Values(f.ctx, jobdb.Values{Scope: jobdb.Scope{VO: f.vo}, Column: f.columns(one)[0], Prefix: "a"})
		f.ok(err)
		f.equal("values of "+one, list, jobdb.ValueList{Values: slices.Sorted(maps.Keys(values))})
	}
}

// matching are the rows that a filter for values of one column finds; nil finds all.
func (f *fixture) matching(rows jobdb.Page, filter []jobdb.FilterSpec) (found [][]any) {
	for _, row := range rows.Rows {
		if filter == nil || slices.ContainsFunc(append(filter[0].Values, filter[0].Value), func(value any) bool {
			return value != nil && fmt.Sprint(value) == fmt.Sprint(row[place(rows, filter[0].Parameter)])
		}) {
			found = append(found, row)
		}
	}
	return found
}

func place(rows jobdb.Page, name string) int {
	return slices.IndexFunc(rows.Columns, func(c jobdb.Column) bool { return c.Name() == name })
}

// groupsAgree holds a summary, and the distinct rows, against the rows.
func (f *fixture) groupsAgree(rows jobdb.Page, filter []jobdb.FilterSpec, names ...string) {
	f.t.Helper()
	columns := slices.Compact(slices.SortedFunc(slices.Values(names), func(a, b string) int { return place(rows, a) - place(rows, b) }))
	want := map[string]int64{}
	for _, row := range f.matching(rows, filter) {
		values := make([]any, len(columns))
		for i, name := range columns {
			values[i] = row[place(rows, name)]
		}
		want[fmt.Sprintf("%q", values)]++
	}
	request, err := jobdb.SummaryRequest{Grouping: columns, Search: filter}.Parse(f.Limits())
	f.ok(err)
	request.Scope.VO = f.vo
	summary, err := f.Summary(f.ctx, request)
	f.ok(err)
	got := map[string]int64{}
	for _, row := range summary.Rows {
		got[fmt.Sprintf("%q", row[:len(columns)])] = row[len(columns)].(int64)
	}
	what := fmt.Sprint("by ", columns, " of ", filter)
	f.equal("summary "+what, got, want)
	clear(got)
	for _, row := range f.search(jobdb.SearchRequest{Parameters: columns, Search: filter, Distinct: true}, 0, 0).Rows {
		got[fmt.Sprintf("%q", row)] = want[fmt.Sprintf("%q", row)]
	}
	f.equal("distinct "+what, got, want)
}

// A transaction's own changes are in the counts that it sees, and in nobody's after it failed.
func testCountsInTransactions(f *fixture) {
	if !f.keepsCounts() {
		return
	}
	ids := f.addPlainJobs(3)
	summary := jobdb.Summary{Scope: jobdb.Scope{VO: f.vo}, GroupBy: f.columns("Status")}
	err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if _, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Status": "Done"}}, false); err != nil {
			return err
		}
		inside, err := tx.Summary(ctx, summary)
		f.equal("inside", inside.Rows, [][]any{{"Done", int64(1)}, {"Received", int64(2)}})
		return cmp.Or(err, errUndo)
	})
	f.refused(err, errUndo)
	outside, err := f.Summary(f.ctx, summary)
	f.ok(err)
	f.equal("outside", outside.Rows, [][]any{{"Received", int64(3)}})
}

var errUndo = errors.New("to be undone")

func (f *fixture) columns(names ...string) []jobdb.Column {
	f.t.Helper()
	columns := make([]jobdb.Column, len(names))
	for i, name := range names {
		c, err := jobdb.ParseColumn(name)
		f.ok(err)
		columns[i] = c
	}
	return columns
}

// What somebody broke behind the triggers' back is found, told and corrected, while others write.
func testCountsAreRebuilt(f *fixture) {
	if !f.keepsCounts() {
		return
	}
	f = f.alone(jobdb.Options{FoldInterval: -1})
	ids := f.addPlainJobs(20)
	_, err := f.FoldCounts(f.ctx)
	f.ok(err)
	wrong, err := f.VerifyCounts(f.ctx)
	f.ok(err)
	f.equal("wrong counts at first", len(wrong), 0)
	f.raw().exec(`UPDATE "JobSums" SET "Count" = 7 WHERE "Kind" = 5`)
	f.raw().exec(`DELETE FROM "JobSums" WHERE "Kind" = 20`)
	wrong, err = f.VerifyCounts(f.ctx)
	f.ok(err)
	slices.SortFunc(wrong, func(a, b jobdb.WrongCount) int { return cmp.Compare(len(a.Columns), len(b.Columns)) })
	f.equal("wrong counts", len(wrong), 2)
	f.equal("the first", wrong[0], jobdb.WrongCount{VO: f.vo, Columns: f.columns("Status"), Values: []string{"Received"}, Counted: 7, Jobs: 20})
	f.equal("the second's counts", []int64{wrong[1].Counted, wrong[1].Jobs}, []int64{0, 20})
	f.together(8, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 9))
		for n := range 20 {
			err := f.changeCounted(random, ids)
			if err == nil && i < 2 && n%5 == 0 {
				_, err = f.RebuildCounts(f.ctx)
			}
			if err == nil && n%3 == 0 {
				_, err = f.FoldCounts(f.ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	wrong, err = f.VerifyCounts(f.ctx)
	f.ok(err)
	f.equal("wrong counts in the end", len(wrong), 0)
	f.countsAgree()
}
