package conformance

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// This file walks through searches by cursors.
var cursorTests = []conformanceTest{
	{"CursorWalks", testCursorWalks},
	{"CursorsOfOneValue", testCursorsOfOneValue},
	{"CursorBesideChanges", testCursorBesideChanges},
	{"UncountedPages", testUncountedPages},
	{"PagesOfPeriods", testPagesOfPeriods},
	{"JobsToSearch", testJobsToSearch},
	{"CostlyQuestions", testCostlyQuestions},
	{"BadCursors", testBadCursors},
	{"ForgedCursors", testForgedCursors},
}

// placed are jobs with many ties and NULLs in what one sorts by.
func (f *fixture) placedJobs(random *rand.Rand, n int) []jobdb.JobID {
	f.t.Helper()
	rows := make([]jobdb.Attributes, n)
	for i := range rows {
		a := countable(random)
		for _, name := range []string{"LastUpdateTime", "StartExecTime", "EndExecTime"} {
			if random.IntN(3) > 0 {
				a[name] = noon.Truncate(time.Second).Add(time.Duration(random.IntN(4)) * time.Second / 2)
			}
		}
		a["UserPriority"] = random.IntN(3) - 1
		a["VerifiedFlag"] = random.IntN(2) == 0
		a["AccountedFlag"] = []jobdb.AccountedFlag{jobdb.AccountedTrue, jobdb.AccountedFalse, jobdb.AccountedFailed}[random.IntN(3)]
		if f.traits.Latin1 {
			a["Owner"] = "plain"
		}
		rows[i] = a
	}
	return f.addJobs(rows...)
}

// walk gives the JobIDs of a search page by page, the first page by its number and the others by
// cursors.
func (f *fixture) walk(request jobdb.SearchRequest, perPage int, between func()) []any {
	f.t.Helper()
	search, err := request.Parse(f.Limits())
	f.ok(err)
	search.Scope, search.Page, search.PerPage = jobdb.Scope{VO: f.vo}, 1, perPage
	var ids []any
	for {
		page, err := f.Search(f.ctx, search)
		f.ok(err)
		f.equal("rows before", page.Before, int64(len(ids)))
		if search.Cursor != "" {
			f.equal("the total after a cursor", page.Total, int64(-1))
		}
		for _, row := range page.Rows {
			ids = append(ids, row[0])
		}
		if page.Next == "" {
			return ids
		}
		if len(ids) > 1000 {
			f.t.Fatal("a walk without end")
		}
		f.equal("rows of a page that isn't the last", len(page.Rows), perPage)
		between()
		search.Page, search.Cursor = 0, page.Next
	}
}

// Pages by cursor are the whole search in its order, whatever it is sorted by.
func testCursorWalks(f *fixture) {
	random := rand.New(rand.NewPCG(3, 5))
	f.placedJobs(random, 60)
	if f.Engine() == "sqlite" { // which has two forms of one time
		f.raw().exec(`UPDATE "Jobs" SET "LastUpdateTime" = substr("LastUpdateTime", 1, 19) WHERE "VO" = '` + f.vo + `' AND "JobID" % 3 = 0 AND "LastUpdateTime" LIKE '%.000000'`)
	}
	if f.Engine() == "mysql" { // whose zero is read as NULL, and sorted as a time
		raw := f.raw()
		raw.db.SetMaxOpenConns(1) // of which this is the session
		raw.exec(`SET SESSION sql_mode = 'ANSI_QUOTES'`)
		raw.exec(`UPDATE "Jobs" SET "EndExecTime" = '0000-00-00 00:00:00', "LastUpdateTime" = '0000-00-00 00:00:00' WHERE "VO" = '` + f.vo + `' AND "JobID" % 3 = 0`)
	}
	if f.Schema() == jobdb.SchemaLegacy { // which has NULLs where others have none
		f.raw().exec(`UPDATE "Jobs" SET "ApplicationStatus" = NULL WHERE "VO" = '` + f.vo + `' AND "JobID" % 3 = 0`)
	}
	columns := jobdb.Columns()
	for range f.shorter(150) {
		request := jobdb.SearchRequest{Parameters: []string{"JobID", "Status"}}
		for range random.IntN(4) {
			key := jobdb.SortSpec{Parameter: columns[random.IntN(len(columns))].Name(), Direction: []string{"asc", "desc"}[random.IntN(2)]}
			request.Sort = append(request.Sort, key)
		}
		if random.IntN(3) == 0 {
			request.Search = []jobdb.FilterSpec{{Parameter: "UserPriority", Operator: "gt", Value: int64(-1)}}
		}
		var want []any
		for _, row := range f.search(request, 0, 0).Rows {
			want = append(want, row[0])
		}
		f.equal(fmt.Sprintf("jobs by %v", request.Sort), f.walk(request, 1+random.IntN(9), func() {}), want)
		if f.t.Failed() {
			return
		}
	}
}

// A sort by what is the same for all jobs found is one by the keys that follow, in their directions.
func testCursorsOfOneValue(f *fixture) {
	f.placedJobs(rand.New(rand.NewPCG(6, 2)), 60)
	all := f.search(jobdb.SearchRequest{}, 0, 0)
	priority := slices.Index(all.Columns, f.columns("UserPriority")[0])
	for column, value := range map[string]any{"VO": f.vo, "Status": "a", "VerifiedFlag": true, "AccountedFlag": "Failed", "RescheduleCounter": int64(1)} {
		at := slices.Index(all.Columns, f.columns(column)[0])
		for _, direction := range []string{"asc", "desc"} {
			request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: sortBy(column, direction)}
			if column != "VO" {
				request.Search = []jobdb.FilterSpec{{Parameter: column, Operator: "eq", Value: value}}
			}
			var found [][]any
			for _, row := range all.Rows {
				if fmt.Sprint(row[at]) == fmt.Sprint(value) {
					found = append(found, row)
				}
			}
			if direction == "desc" {
				slices.Reverse(found)
			}
			ids := func() (ids []any) {
				for _, row := range found {
					ids = append(ids, row[0])
				}
				return ids
			}
			f.equal("jobs by "+column+" "+direction, f.walk(request, 4, func() {}), ids())
			request.Sort = append(request.Sort, sortBy("UserPriority", "desc", "JobID", direction)...)
			slices.SortStableFunc(found, func(a, b []any) int { return cmp.Compare(b[priority].(int64), a[priority].(int64)) })
			f.equal("jobs by "+column+" and UserPriority "+direction, f.walk(request, 4, func() {}), ids())
		}
	}
	search := jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Columns: f.columns("JobID"), Sort: []jobdb.Sort{{Column: f.columns("VO")[0]}}, PerPage: 2}
	search.Cursor = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"o":"%s,VO asc,JobID asc","n":7,"v":["%s",%d]}`, f.Engine(), f.vo, all.Rows[6][0]))
	page, err := f.Search(f.ctx, search)
	f.ok(err)
	f.equal("what follows a cursor of an earlier release", page.Rows, [][]any{{all.Rows[7][0]}, {all.Rows[8][0]}})
}

// Pages of a period's jobs come in the order of the JobIDs, whatever that of their times, alone and with
// another condition, and after a cursor, too.
func testPagesOfPeriods(f *fixture) {
	f.addSpreadJobs(120) // 80 of them have a LastUpdateTime, each day's jobs are spread over all
	between := []jobdb.FilterSpec{
		{Parameter: "LastUpdateTime", Operator: "gte", Value: "2026-01-06"}, {Parameter: "LastUpdateTime", Operator: "lt", Value: "2026-01-16"},
	}
	ofOwner := append(slices.Clip(between), jobdb.FilterSpec{Parameter: "Owner", Operator: "eq", Value: "user b"})
	for _, search := range [][]jobdb.FilterSpec{between, ofOwner, between[:1]} {
		for _, direction := range []string{"asc", "desc"} {
			request := jobdb.SearchRequest{Search: search, Sort: []jobdb.SortSpec{{Parameter: "JobID", Direction: direction}}}
			all := f.search(request, 0, 0)
			var rows [][]any
			for page := 1; len(rows) < len(all.Rows); page++ {
				some := f.search(request, page, 7)
				f.equal("total", some.Total, all.Total)
				if len(some.Rows) == 0 {
					f.t.Fatalf("%v %s: page %d is empty, %d jobs of %d were before", search, direction, page, len(rows), all.Total)
				}
				rows = append(rows, some.Rows...)
			}
			f.equal("pages "+direction, rows, all.Rows)
			uncounted, err := request.Parse(f.Limits())
			f.ok(err)
			uncounted.Scope, uncounted.Page, uncounted.PerPage, uncounted.Uncounted = jobdb.Scope{VO: f.vo}, 2, 7, true
			second, err := f.Search(f.ctx, uncounted)
			f.ok(err)
			f.equal("page 2 without a total "+direction, second.Rows, all.Rows[7:min(14, len(all.Rows))])
			var want []any
			for _, row := range all.Rows {
				want = append(want, row[0])
			}
			f.equal("pages by cursor "+direction, f.walk(request, 7, func() {}), want)
		}
	}
}

// Pages without a total have the same rows, and tell the total only where they have all.
func testUncountedPages(f *fixture) {
	f.addPlainJobs(7)
	search := jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Columns: f.columns("JobID"), Uncounted: true, PerPage: 3}
	var ids []any
	for search.Page = 1; search.Page == 1 || search.Cursor != ""; {
		page, err := f.Search(f.ctx, search)
		f.ok(err)
		f.equal("the total", page.Total, int64(-1))
		for _, row := range page.Rows {
			ids = append(ids, row[0])
		}
		search.Page, search.Cursor = 0, page.Next
	}
	f.equal("jobs", len(slices.Compact(ids)), 7)

	all, err := f.Search(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Uncounted: true, Page: 1, PerPage: 10})
	f.ok(err)
	f.equal("the total of one page", all.Total, int64(7))
	f.equal("the page after it", all.Next, "")
	full, err := f.Search(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Uncounted: true, Page: 1, PerPage: 7})
	f.ok(err)
	after, err := f.Search(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Uncounted: true, Cursor: full.Next, PerPage: 7})
	f.ok(err)
	f.equal("jobs after a full page", len(after.Rows), 0)
	distinct := jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Columns: f.columns("Status"), Distinct: true, Uncounted: true, Page: 1, PerPage: 1}
	values, err := f.Search(f.ctx, distinct)
	f.ok(err)
	f.equal("distinct values and the total", []any{len(values.Rows), values.Total}, []any{1, int64(-1)})
}

// What may have to look at all jobs is costly; what is wanted by number or from the counts isn't.
func testCostlyQuestions(f *fixture) {
	filter := func(parameter, operator string, value any) []jobdb.FilterSpec {
		return []jobdb.FilterSpec{{Parameter: parameter, Operator: operator, Value: value}}
	}
	byTime := []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}}
	counted := f.Schema() == jobdb.SchemaOurs
	for _, c := range []struct {
		name    string
		request jobdb.SearchRequest
		page    int
		costly  bool
	}{
		{"one job", jobdb.SearchRequest{Search: filter("JobID", "eq", int64(1))}, 1, false},
		{"all", jobdb.SearchRequest{}, 1, !counted},
		{"all by an index", jobdb.SearchRequest{Sort: byTime}, 1, !counted},
		{"of a status", jobdb.SearchRequest{Search: filter("Status", "eq", "Done")}, 1, !counted},
		{"of a priority", jobdb.SearchRequest{Search: filter("UserPriority", "gt", int64(1))}, 1, !counted},
		{"not heard of", jobdb.SearchRequest{Search: filter("HeartBeatTime", "lt", "2026-01-01")}, 1, true},
		{"by what no index has", jobdb.SearchRequest{Sort: []jobdb.SortSpec{{Parameter: "HeartBeatTime", Direction: "asc"}}}, 1, true},
		{"a pattern", jobdb.SearchRequest{Search: filter("JobName", "like", "%x%")}, 1, true},
		{"a pattern in a group", jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Or: filter("JobName", "regex", "x")}}}, 1, true},
		{"distinct values", jobdb.SearchRequest{Parameters: []string{"Site"}, Distinct: true}, 1, !counted},
		{"distinct names", jobdb.SearchRequest{Parameters: []string{"JobName"}, Distinct: true}, 1, true},
		{"far behind", jobdb.SearchRequest{}, 101, true},
	} {
		search, err := c.request.Parse(f.Limits())
		f.ok(err)
		search.Scope, search.Page, search.PerPage = jobdb.Scope{VO: f.vo}, c.page, 10
		f.equal(c.name, f.CostlySearch(search), c.costly)
	}
	summary := func(columns ...string) jobdb.Summary {
		return jobdb.Summary{Scope: jobdb.Scope{VO: f.vo}, GroupBy: f.columns(columns...)}
	}
	f.equal("a summary by status", f.CostlySummary(summary("Status")), !counted)
	f.equal("a summary by name", f.CostlySummary(summary("JobName")), true)
}

// What a costly question looks at is told by what the counts know of its filters.
func testJobsToSearch(f *fixture) {
	for i := range 6 {
		f.addJobs(jobdb.Attributes{"Status": []string{"Done", "Failed"}[i%2], "Site": []string{"a", "b", "c"}[i%3], "Owner": []string{"alice", "bob"}[i/4]})
	}
	of := func(parameter, operator, value string) jobdb.FilterSpec {
		return jobdb.FilterSpec{Parameter: parameter, Operator: operator, Value: value}
	}
	like, ended, done, site := of("JobName", "like", "%x%"), of("EndExecTime", "eq", "2024"), of("Status", "eq", "Done"), of("Site", "neq", "a")
	for _, c := range []struct {
		filters []jobdb.FilterSpec
		owner   string
		jobs    int64
	}{
		{nil, "", 6},
		{[]jobdb.FilterSpec{like}, "", 6},
		{[]jobdb.FilterSpec{like, done}, "", 3},
		{[]jobdb.FilterSpec{ended, site, like, done}, "", 2},
		{[]jobdb.FilterSpec{{Or: []jobdb.FilterSpec{done, like}}}, "", 6},
		{[]jobdb.FilterSpec{done}, "bob", 1},
		{[]jobdb.FilterSpec{of("Status", "like", "D%")}, "", 6},
	} {
		filter, err := jobdb.ParseFilters(c.filters, f.Limits())
		f.ok(err)
		jobs, err := f.JobsToSearch(f.ctx, jobdb.Scope{VO: f.vo, Owner: c.owner}, filter)
		f.ok(err)
		if f.Schema() != jobdb.SchemaOurs { // there are no counts
			c.jobs = 0
		}
		f.equal(fmt.Sprint(c.filters), jobs, c.jobs)
	}
}

// Jobs that come, go and change between two pages make a walk neither repeat nor skip the others.
func testCursorBesideChanges(f *fixture) {
	random := rand.New(rand.NewPCG(4, 6))
	ids := f.placedJobs(random, 40)
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}}}
	touched := map[any]bool{}
	walked := f.walk(request, 5, func() {
		id := ids[random.IntN(len(ids))]
		touched[int64(id)] = true
		if random.IntN(2) == 0 {
			_, err := f.DeleteJobs(f.ctx, []jobdb.JobID{id})
			f.ok(err)
		} else {
			_, err := f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{id: {"LastUpdateTime": noon.Add(time.Hour)}}, false)
			f.ok(err)
		}
		touched[int64(f.placedJobs(random, 1)[0])] = true
	})
	seen := map[any]int{}
	for _, id := range walked {
		seen[id]++
	}
	for _, id := range ids {
		if n := seen[int64(id)]; n != 1 && !touched[int64(id)] {
			f.t.Errorf("job %d, which didn't change, came %d times", id, n)
		}
	}
}

// A cursor that is damaged, or of another search's order, is an invalid query.
func testBadCursors(f *fixture) {
	f.addPlainJobs(5)
	byTime := []jobdb.Sort{{Column: f.columns("LastUpdateTime")[0]}}
	good, err := f.Search(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}, Sort: byTime, Page: 1, PerPage: 2})
	f.ok(err)
	text, err := base64.RawURLEncoding.DecodeString(good.Next)
	f.ok(err)
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, search := range map[string]jobdb.Search{
		"no base64":       {Sort: byTime, Cursor: "!"},
		"no JSON":         {Sort: byTime, Cursor: encode("x")},
		"cut off":         {Sort: byTime, Cursor: encode(string(text[:len(text)-3]))},
		"of another sort": {Cursor: good.Next},
		"with a page":     {Sort: byTime, Cursor: good.Next, Page: 2},
		"distinct":        {Sort: byTime, Columns: f.columns("LastUpdateTime"), Distinct: true, Cursor: good.Next},
		"of another VO":   {Sort: []jobdb.Sort{{Column: f.columns("VO")[0]}}, Cursor: encode(`{"o":"` + f.Engine() + `,VO asc,JobID asc","n":1,"v":["another",1]}`)},
		"wrong values":    {Cursor: encode(`{"o":"` + f.Engine() + `,JobID asc","n":1,"v":["x"]}`)},
		"too few values":  {Cursor: encode(`{"o":"` + f.Engine() + `,JobID asc","n":1,"v":[]}`)},
		"NULL as JobID":   {Cursor: encode(`{"o":"` + f.Engine() + `,JobID asc","n":1,"v":[null]}`)},
		"a negative past": {Cursor: encode(`{"o":"` + f.Engine() + `,JobID asc","n":-1,"v":[1]}`)},
	} {
		search.Scope.VO = f.vo
		if _, err := f.Search(f.ctx, search); err == nil {
			f.t.Errorf("%s: no error", name)
		} else {
			f.refused(err, jobdb.ErrInvalidQuery, "cursor")
		}
	}
}

// A cursor that somebody made up is a place where no job need be, or an invalid query, but never a
// failure of the engine.
func testForgedCursors(f *fixture) {
	f.addPlainJobs(5)
	for _, key := range []struct {
		column string
		values []string
	}{
		{"LastUpdateTime", []string{
			`"0000-01-01T00:00:00Z"`, `"0000-01-01T00:00:00+23:59"`, `"9999-12-31T23:59:59-23:59"`, `"9999-12-31T23:59:59.999999999Z"`, `"0001-01-01T00:00:00Z"`,
			`"9999-99-99 99:99:99"`, `"2026-01-01 00:00:00"`,
		}},
		{"UserPriority", []string{"9223372036854775807", "-9223372036854775808", "2147483648", "-2147483649", "1e3", "1.5", "9223372036854775808"}},
		{"Owner", []string{`"\ud800"`, `"\u0000"`, `"😀"`, `"` + strings.Repeat("x", 10_000) + `"`}},
		{"VerifiedFlag", []string{`"Perhaps"`, `""`, "true"}},
		{"AccountedFlag", []string{`"Perhaps"`, `""`}},
	} {
		for _, direction := range []string{"asc", "desc"} {
			search, err := jobdb.SearchRequest{Sort: []jobdb.SortSpec{{Parameter: key.column, Direction: direction}}}.Parse(f.Limits())
			f.ok(err)
			search.Scope.VO = f.vo
			for _, value := range key.values {
				text := `{"o":"` + f.Engine() + "," + key.column + " " + direction + ",JobID " + direction + `","n":1,"v":[` + value + `,1]}`
				search.Cursor = base64.RawURLEncoding.EncodeToString([]byte(text))
				if _, err := f.Search(f.ctx, search); err != nil && !errors.Is(err, jobdb.ErrInvalidQuery) {
					f.t.Errorf("a cursor with %.40s as %s: %v", value, key.column, err)
				}
			}
		}
	}
}
