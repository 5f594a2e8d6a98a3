package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// What surrounds filters: columns, order, pages, totals, summaries.
var searchTests = []conformanceTest{
	{"Columns", testColumns},
	{"Order", testOrder},
	{"Ties", testTies},
	{"Pages", testPages},
	{"Distinct", testDistinct},
	{"Stream", testStream},
	{"SearchEach", testSearchEach},
	{"Job", testJob},
	{"Scope", testScope},
	{"NoScope", testNoScope},
	{"Summary", testSummary},
	{"SummaryOfAll", testSummaryOfAll},
	{"OneSpelling", testOneSpelling},
	{"InvalidSearches", testInvalidSearches},
	{"QueryTime", testQueryTime},
}

func testColumns(f *fixture) {
	f.addPlainJobs(1)
	page := f.search(jobdb.SearchRequest{Parameters: []string{"Status", "JobID", "Site", "Status"}}, 0, 0)
	f.equal("columns are in the table's order", columnNames(page.Columns), []string{"JobID", "Site", "Status"})
	page = f.search(jobdb.SearchRequest{}, 0, 0)
	f.equal("no columns are all", columnNames(page.Columns), []string{
		"JobID", "JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", "SubmissionTime", "RescheduleTime",
		"LastUpdateTime", "StartExecTime", "HeartBeatTime", "EndExecTime", "Status", "MinorStatus", "ApplicationStatus",
		"UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag",
	})
}

func columnNames(columns []jobdb.Column) []string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name()
	}
	return names
}

// column reads one column of what a search finds.
func (f *fixture) column(request jobdb.SearchRequest) []any {
	f.t.Helper()
	var values []any
	for _, row := range f.search(request, 0, 0).Rows {
		values = append(values, row[0])
	}
	return values
}

func sortBy(keys ...string) []jobdb.SortSpec {
	var specs []jobdb.SortSpec
	for i := 0; i < len(keys); i += 2 {
		specs = append(specs, jobdb.SortSpec{Parameter: keys[i], Direction: keys[i+1]})
	}
	return specs
}

// Texts sort by bytes, or by their column's collation, flags by their texts, NULL first ascending and last descending.
func testOrder(f *fixture) {
	early, late := at("2024-01-01 00:00:00"), at("2024-01-02 00:00:00")
	f.addJobs(
		jobdb.Attributes{"Site": "b", "StartExecTime": late, "AccountedFlag": true},
		jobdb.Attributes{"Site": "a ", "AccountedFlag": jobdb.AccountedFailed},
		jobdb.Attributes{"Site": "B", "StartExecTime": early, "VerifiedFlag": true},
		jobdb.Attributes{"Site": "a", "StartExecTime": late},
		jobdb.Attributes{"Site": "é"},
	)
	sites := []any{"B", "a", "a ", "b", "é"}
	if order := f.textOrder("b", "a ", "B", "a", "é"); order != nil {
		sites = []any{"b", "a ", "B", "a", "é"} // as they were added: of equal ones the older job comes first
		slices.SortStableFunc(sites, order.compareValues)
	}
	for _, c := range []struct {
		column string
		want   []any
	}{
		{"Site", sites},
		{"StartExecTime", []any{nil, nil, early, late, late}},
		{"VerifiedFlag", []any{false, false, false, false, true}},
		{"AccountedFlag", []any{jobdb.AccountedFailed, jobdb.AccountedFalse, jobdb.AccountedFalse, jobdb.AccountedFalse, jobdb.AccountedTrue}},
	} {
		request := jobdb.SearchRequest{Parameters: []string{c.column}, Sort: sortBy(c.column, "asc")}
		f.equal(c.column+" ascending", f.column(request), c.want)
		request.Sort = sortBy(c.column, "desc")
		slices.Reverse(c.want)
		f.equal(c.column+" descending", f.column(request), c.want)
	}
}

// Every order ends with JobID, in the direction of the last key.
func testTies(f *fixture) {
	ids := f.addSites("b", "a", "b", "a")
	for _, c := range []struct {
		sort []jobdb.SortSpec
		want []int
	}{
		{nil, []int{0, 1, 2, 3}},
		{sortBy("Site", "asc"), []int{1, 3, 0, 2}},
		{sortBy("Site", "desc"), []int{2, 0, 3, 1}},
		{sortBy("Site", "desc", "Status", "asc"), []int{0, 2, 1, 3}},
		{sortBy("Site", "asc", "JobID", "desc"), []int{3, 1, 2, 0}},
		{sortBy("JobID", "desc", "Site", "asc"), []int{3, 2, 1, 0}},
	} {
		var want []any
		for _, place := range c.want {
			want = append(want, int64(ids[place]))
		}
		f.equal("the order by "+asJSON(c.sort), f.column(jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: c.sort}), want)
	}
}

// Pages neither overlap nor skip, and each tells the same total; past the end they are empty.
func testPages(f *fixture) {
	ids := f.addPlainJobs(10)
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: sortBy("Status", "desc")}
	var all []any
	for page := 1; page <= 4; page++ {
		got := f.search(request, page, 3)
		f.equal("the total", got.Total, int64(10))
		f.equal("rows of the page", len(got.Rows), map[int]int{1: 3, 2: 3, 3: 3, 4: 1}[page])
		for _, row := range got.Rows {
			all = append(all, row[0])
		}
	}
	var want []any
	for _, id := range slices.Backward(ids) {
		want = append(want, int64(id))
	}
	f.equal("all pages", all, want)
	for _, page := range []int{5, 1000, math.MaxInt} {
		got := f.search(request, page, 10)
		f.equal("rows past the end", len(got.Rows), 0)
		f.equal("the total past the end", got.Total, int64(10))
	}
	f.equal("rows of a page by default", len(f.search(request, 1, 0).Rows), 10)
	f.equal("rows without a page", len(f.search(request, 0, 3).Rows), 10)
	exact := f.search(request, 2, 5)
	f.equal("the total after a full last page", exact.Total, int64(10))
}

// Rows are made unique before they are counted; what makes them equal is their bytes, or their
// columns' collation.
func testDistinct(f *fixture) {
	f.addSites("a", "A", "a", "a ", "b", "b")
	order := f.textOrder("a", "A", "a ", "b")
	want := [][]any{{"A"}, {"a"}, {"a "}, {"b"}}
	if order != nil {
		want = slices.CompactFunc(order.merge(want), func(a, b []any) bool { return a[0] == b[0] })
	}
	request := jobdb.SearchRequest{Parameters: []string{"Site"}, Distinct: true}
	f.equal("distinct sites", order.merge(f.search(request, 0, 0).Rows), want)
	f.equal("the total", f.search(request, 2, 3).Total, int64(len(want)))
	f.equal("the first page", order.merge(f.search(request, 1, 2).Rows), want[:2])
	request.Sort = sortBy("Site", "desc")
	slices.Reverse(want)
	f.equal("distinct sites, descending", order.merge(f.search(request, 0, 0).Rows), want)
	request.Parameters = []string{"Status"}
	_, err := f.trySearch(request, 0, 0)
	f.refused(err, jobdb.ErrInvalidQuery, "Site")
	request.Parameters = nil
	f.equal("all columns are distinct by JobID", f.search(request, 0, 0).Total, int64(6))
}

func testStream(f *fixture) {
	f.addPlainJobs(5)
	search, err := jobdb.SearchRequest{Parameters: []string{"JobID"}}.Parse(f.Limits())
	f.ok(err)
	search.Scope.VO = f.vo
	f.equal("rows", f.stream(f.ctx, search), 5)
	for _, err := range f.Stream(f.ctx, search) {
		f.ok(err)
		break
	}
	f.equal("rows after a loop that ended early", f.stream(f.ctx, search), 5)
	cancelled, cancel := context.WithCancel(f.ctx)
	cancel()
	var last error
	for row, err := range f.Stream(cancelled, search) {
		if err == nil || row != nil || last != nil {
			f.t.Errorf("after its context was cancelled a search gave %v, %v", row, err)
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		f.t.Errorf("got %v, want: %v", last, context.Canceled)
	}
}

// Rows that are given one by one are those of a page, and the page after it is the same, although they
// aren't kept.
func testSearchEach(f *fixture) {
	at := f.stored(noon)
	for i := range 7 {
		attributes := jobdb.Attributes{"Site": strconv.Itoa(i % 3)}
		if i%2 == 0 {
			attributes["EndExecTime"] = at.Add(time.Duration(i%4) * time.Second)
		}
		f.addJobs(attributes)
	}
	search, err := jobdb.SearchRequest{Sort: []jobdb.SortSpec{{Parameter: "EndExecTime", Direction: "desc"}, {Parameter: "Site", Direction: "asc"}}}.Parse(f.Limits())
	f.ok(err)
	search.Scope.VO, search.Page, search.PerPage = f.vo, 1, 2
	for pages := 1; ; pages++ {
		want, err := f.Search(f.ctx, search)
		f.ok(err)
		got, err := eachRow(f.ctx, f.DB, search)
		f.ok(err)
		f.equal("page "+strconv.Itoa(pages), got, want)
		f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			got, err := eachRow(ctx, tx, search)
			f.ok(err)
			f.equal("page "+strconv.Itoa(pages)+" in a transaction", got, want)
			sites, err := tx.Summary(ctx, jobdb.Summary{Scope: search.Scope, GroupBy: jobdb.Columns()[3:4]})
			f.equal("a summary after it", sites.Rows, [][]any{{"0", int64(3)}, {"1", int64(2)}, {"2", int64(2)}})
			return err
		}))
		if want.Next == "" {
			f.equal("pages", pages, 4)
			break
		}
		search.Page, search.Cursor = 0, want.Next
	}
	enough := errors.New("enough")
	search.Page, search.Cursor = 1, ""
	_, err = f.SearchEach(f.ctx, search, func([]any) error { return enough })
	if !errors.Is(err, enough) {
		f.t.Errorf("got %v, want: %v", err, enough)
	}
}

// eachRow is a page made of its rows, given one by one.
func eachRow(ctx context.Context, m methods, search jobdb.Search) (jobdb.Page, error) {
	var rows [][]any
	page, err := m.SearchEach(ctx, search, func(row []any) error {
		rows = append(rows, slices.Clone(row))
		return nil
	})
	page.Rows = rows
	return page, err
}

func testJob(f *fixture) {
	at := f.stored(noon)
	want := jobdb.Job{
		JobType: "t", JobGroup: "g", Site: "LCG.CERN.cern", JobName: "n", Owner: "alice", OwnerGroup: "lhcb_user", VO: f.vo,
		SubmissionTime: at, RescheduleTime: at.Add(time.Second), LastUpdateTime: at.Add(2 * time.Second), StartExecTime: at.Add(3 * time.Second),
		HeartBeatTime: at.Add(4 * time.Second), EndExecTime: at.Add(5 * time.Second), Status: "Done", MinorStatus: "m", ApplicationStatus: "a",
		UserPriority: 7, RescheduleCounter: 2, VerifiedFlag: true, AccountedFlag: jobdb.AccountedFailed,
	}
	attributes := jobdb.Attributes{}
	for _, column := range jobdb.Columns()[1:] {
		attributes[column.Name()] = reflect.ValueOf(want).FieldByName(column.Name()).Interface()
	}
	ids := f.addJobs(attributes, jobdb.Attributes{})
	want.JobID = ids[0]
	scope := jobdb.Scope{VO: f.vo}
	got, err := f.Job(f.ctx, scope, ids[0])
	f.ok(err)
	f.equal("all columns", got, want)
	got, err = f.Job(f.ctx, scope, ids[1])
	f.ok(err)
	f.equal("defaults", got, jobdb.Job{
		JobID: ids[1], VO: f.vo, JobType: "user", JobGroup: "00000000", Site: "ANY", JobName: "Unknown", Owner: "Unknown", OwnerGroup: "Unknown",
		Status: "Received", MinorStatus: "Unknown", ApplicationStatus: "Unknown", AccountedFlag: jobdb.AccountedFalse,
	})
	for _, hidden := range []jobdb.Scope{{VO: "another"}, {VO: f.vo, Owner: "bob"}} {
		_, err = f.Job(f.ctx, hidden, ids[0])
		f.refused(err, jobdb.ErrNotFound, fmt.Sprint(ids[0]))
	}
	_, err = f.Job(f.ctx, scope, missingID)
	f.refused(err, jobdb.ErrNotFound)
	_, err = f.Job(f.ctx, jobdb.Scope{}, ids[0])
	f.refused(err, jobdb.ErrNoScope)
}

// stream counts the rows of a search.
func (f *fixture) stream(ctx context.Context, search jobdb.Search) int {
	f.t.Helper()
	rows := 0
	for _, err := range f.Stream(ctx, search) {
		f.ok(err)
		rows++
	}
	return rows
}

// A query that says nothing of whose jobs it is about is refused; who means all of them says so.
func testNoScope(f *fixture) {
	f.addPlainJobs(1)
	group := jobdb.Columns()[7:8] // VO
	for _, scope := range []jobdb.Scope{{}, {Owner: "Unknown"}} {
		_, err := f.Search(f.ctx, jobdb.Search{Scope: scope, Page: 1})
		f.refused(err, jobdb.ErrNoScope)
		_, err = f.Summary(f.ctx, jobdb.Summary{Scope: scope, GroupBy: group})
		f.refused(err, jobdb.ErrNoScope)
		for _, err := range f.Stream(f.ctx, jobdb.Search{Scope: scope}) {
			f.refused(err, jobdb.ErrNoScope)
		}
		scope.AllVOs = true
		page, err := f.Search(f.ctx, jobdb.Search{Scope: scope, Page: 1})
		f.ok(err)
		summary, err := f.Summary(f.ctx, jobdb.Summary{Scope: scope, GroupBy: group})
		f.ok(err)
		if page.Total == 0 || len(summary.Rows) == 0 {
			f.t.Errorf("of all VOs: %d jobs, %d groups", page.Total, len(summary.Rows))
		}
	}
}

// A scope confines by bytes: jobs of another VO or owner are not there.
func testScope(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{"Owner": "alice"}, jobdb.Attributes{"Owner": "Alice"}, jobdb.Attributes{"VO": f.vo + "X", "Owner": "alice"},
		jobdb.Attributes{"VO": f.vo + "x", "Owner": "alice"}, jobdb.Attributes{"VO": f.vo + "x ", "Owner": "alice"})
	for _, c := range []struct {
		scope jobdb.Scope
		want  []int64
	}{
		{jobdb.Scope{VO: f.vo}, []int64{int64(ids[0]), int64(ids[1])}},
		{jobdb.Scope{VO: f.vo + "x"}, []int64{int64(ids[3])}},
		{jobdb.Scope{VO: f.vo, Owner: "alice"}, []int64{int64(ids[0])}},
		{jobdb.Scope{VO: f.vo, Owner: "nobody"}, nil},
		{jobdb.Scope{VO: "日本"}, nil},
	} {
		search, err := jobdb.SearchRequest{Parameters: []string{"JobID"}}.Parse(f.Limits())
		f.ok(err)
		search.Scope = c.scope
		page, err := f.Search(f.ctx, search)
		f.ok(err)
		var got []int64
		for _, row := range page.Rows {
			got = append(got, row[0].(int64)) //nolint:forcetypeassert // JobID
		}
		f.equal("jobs of "+asJSON(c.scope), got, c.want)
		summary, err := jobdb.SummaryRequest{Grouping: []string{"JobID"}}.Parse(f.Limits())
		f.ok(err)
		summary.Scope = c.scope
		counts, err := f.Summary(f.ctx, summary)
		f.ok(err)
		f.equal("groups of "+asJSON(c.scope), len(counts.Rows), len(c.want))
	}
}

func (f *fixture) summary(grouping []string, filters ...jobdb.FilterSpec) [][]any {
	f.t.Helper()
	summary, err := jobdb.SummaryRequest{Grouping: grouping, Search: filters}.Parse(f.Limits())
	f.ok(err)
	summary.Scope.VO = f.vo
	rows, err := f.Summary(f.ctx, summary)
	f.ok(err)
	return rows.Rows
}

func testSummary(f *fixture) {
	start := at("2024-01-01 00:00:00")
	f.addJobs(
		jobdb.Attributes{"Status": "Running", "Site": "a", "StartExecTime": start}, jobdb.Attributes{"Status": "Running", "Site": "A", "StartExecTime": start},
		jobdb.Attributes{"Status": "Running", "Site": "a", "AccountedFlag": true}, jobdb.Attributes{"Status": "Done", "Site": "a ", "VerifiedFlag": true},
	)
	f.equal("by Status", f.summary([]string{"Status"}), [][]any{{"Done", int64(1)}, {"Running", int64(3)}})
	order := f.textOrder("a", "A", "a ")
	bySite := [][]any{{"A", int64(1)}, {"a", int64(2)}, {"a ", int64(1)}}
	byBoth := [][]any{{"A", "Running", int64(1)}, {"a", "Running", int64(2)}, {"a ", "Done", int64(1)}}
	switch {
	case order != nil && order["a"] == order["a "]: // spaces at the end don't count
		bySite = [][]any{{"a", int64(4)}}
		byBoth = [][]any{{"a", "Done", int64(1)}, {"a", "Running", int64(3)}}
	case order != nil:
		bySite = [][]any{{"a", int64(3)}, {"a ", int64(1)}}
		byBoth = [][]any{{"a", "Running", int64(3)}, {"a ", "Done", int64(1)}}
	}
	f.equal("by Site", order.merge(f.summary([]string{"Site"})), order.merge(bySite))
	f.equal("columns in the table's order", order.merge(f.summary([]string{"Status", "Site"})), order.merge(byBoth))
	f.equal("NULL is a group, and first", f.summary([]string{"StartExecTime"}), [][]any{{nil, int64(2)}, {start, int64(2)}})
	f.equal("by flags", f.summary([]string{"VerifiedFlag", "AccountedFlag"}), [][]any{
		{false, jobdb.AccountedFalse, int64(2)}, {false, jobdb.AccountedTrue, int64(1)}, {true, jobdb.AccountedFalse, int64(1)},
	})
	f.equal("of some", f.summary([]string{"Status"}, jobdb.FilterSpec{Parameter: "Site", Operator: "eq", Value: "a"}), [][]any{{"Running", int64(2)}})
	f.equal("of none", f.summary([]string{"Status"}, jobdb.FilterSpec{Parameter: "Site", Operator: "eq", Value: "x"}), [][]any(nil))
}

// Sites and their numbers of jobs of one Status are those of its own spelling, of all VOs and of one,
// whatever the live collations hold equal to it.
func testOneSpelling(f *fixture) {
	for _, status := range []string{"Sided", "Gr\u00f6\u00dfe"} {
		lower, spaced := strings.ToLower(status), status+" "
		f.addJobs(
			jobdb.Attributes{"Status": lower, "Site": "both"}, jobdb.Attributes{"Status": status, "Site": "both"}, jobdb.Attributes{"Status": status, "Site": "both"},
			jobdb.Attributes{"Status": lower, "Site": "lower"}, jobdb.Attributes{"Status": spaced, "Site": "spaced"},
			jobdb.Attributes{"Status": status, "Site": "one"}, jobdb.Attributes{"Status": spaced, "Site": "one"},
		)
		for want, groups := range map[string][][]any{
			status: {{"both", int64(2)}, {"one", int64(1)}}, lower: {{"both", int64(1)}, {"lower", int64(1)}},
			spaced: {{"one", int64(1)}, {"spaced", int64(1)}}, "no" + status: nil,
		} {
			filter := []jobdb.FilterSpec{{Parameter: "Status", Operator: "eq", Value: want}}
			distinct := jobdb.SearchRequest{Parameters: []string{"Site"}, Search: filter, Distinct: true}
			for _, scope := range []jobdb.Scope{{VO: f.vo}, {AllVOs: true}} {
				summary, err := jobdb.SummaryRequest{Grouping: []string{"Site"}, Search: filter}.Parse(f.Limits())
				f.ok(err)
				summary.Scope = scope
				counts, err := f.Summary(f.ctx, summary)
				f.ok(err)
				f.equal("counts of "+want, counts.Rows, groups)
				search, err := distinct.Parse(f.Limits())
				f.ok(err)
				search.Scope = scope
				sites, err := f.Search(f.ctx, search)
				f.ok(err)
				for i, row := range sites.Rows {
					f.equal("a site of "+want, row, groups[min(i, len(groups)-1)][:1])
				}
				f.equal("sites of "+want, len(sites.Rows), len(groups))
			}
		}
	}
}

// Without columns a summary groups by all of them.
func testSummaryOfAll(f *fixture) {
	ids := f.addPlainJobs(2)
	rows := f.summary(nil)
	f.equal("groups", len(rows), 2)
	for i, row := range rows {
		f.equal("columns and count", len(row), len(jobdb.Columns())+1)
		f.equal("the job", row[0], any(int64(ids[i])))
		f.equal("the count", row[len(row)-1], any(int64(1)))
	}
}

func testInvalidSearches(f *fixture) {
	for _, c := range []struct{ query, about string }{
		{`{"parameters":["Nope"]}`, "Nope"},
		{`{"parameters":["JobID","jobid"]}`, "jobid"},
		{`{"sort":[{"parameter":"Nope","direction":"asc"}]}`, "Nope"},
		{`{"sort":[{"parameter":"Site","direction":"up"}]}`, "Site"},
		{`{"sort":[{"parameter":"Site"}]}`, "Site"},
		{`{"parameters":["Status"],"distinct":true,"sort":[{"parameter":"Site","direction":"asc"}]}`, "Site"},
		{`{"search":"Status"}`, ""},
		{`[]`, ""},
		{`{} {}`, ""},
	} {
		request, err := jobdb.ParseSearchJSON([]byte(c.query))
		if err == nil {
			_, err = f.trySearch(request, 1, 10)
		}
		f.refused(err, jobdb.ErrInvalidQuery, c.about)
	}
	for _, page := range [][2]int{{-1, 10}, {1, -1}, {1, 10_001}} {
		_, err := f.trySearch(jobdb.SearchRequest{}, page[0], page[1])
		f.refused(err, jobdb.ErrInvalidQuery, "page")
	}
	_, err := jobdb.SummaryRequest{Grouping: []string{"Nope"}}.Parse(f.Limits())
	f.refused(err, jobdb.ErrInvalidQuery, "Nope")
}

// A query that takes longer than the limit is refused like any that costs too much; the end of the
// caller's own time is the caller's error. The database answers on.
func testQueryTime(f *fixture) {
	hasty := f.alone(jobdb.Options{Limits: jobdb.Limits{QueryTimeout: time.Nanosecond}})
	_, err := hasty.trySearch(jobdb.SearchRequest{}, 1, 10)
	f.refused(err, jobdb.ErrInvalidQuery, "1ns")
	_, err = hasty.Summary(f.ctx, jobdb.Summary{Scope: jobdb.Scope{VO: f.vo}, GroupBy: jobdb.Columns()[:2]})
	f.refused(err, jobdb.ErrInvalidQuery, "1ns")
	f.ok(hasty.Ping(f.ctx))

	// All rows last as long as their reader takes.
	const limit = 200 * time.Millisecond
	patient := f.alone(jobdb.Options{Limits: jobdb.Limits{QueryTimeout: limit}})
	patient.addPlainJobs(3)
	rows := 0
	for _, err := range patient.Stream(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}}) {
		f.ok(err)
		time.Sleep(limit * 3 / 4)
		rows++
	}
	f.equal("rows of a slow reader", rows, 3)

	ctx, cancel := context.WithTimeout(f.ctx, time.Nanosecond)
	defer cancel()
	if _, err = f.Search(ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Page: 1}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jobdb.ErrInvalidQuery) {
		f.t.Errorf("got %v, want: %v", err, context.DeadlineExceeded)
	}
}
