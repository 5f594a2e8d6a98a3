package conformance

import (
	"time"

	"jobdb"
)

// What takes another statement when there is much of it: pages far from the first, long lists of
// values.
var longTests = []conformanceTest{
	{"DeepPage", testDeepPage},
	{"ListsOfValues", testListsOfValues},
	{"ManyTimes", testManyTimes},
}

func testDeepPage(f *fixture) {
	f.addSpreadJobs(1200)
	request := jobdb.SearchRequest{
		Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "neq", Value: "Site 3"}},
		Sort:   []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}, {Parameter: "Owner", Direction: "asc"}},
	}
	all := f.search(request, 0, 0)
	page := f.search(request, 5, 250)
	if len(page.Rows) < 10 {
		f.t.Fatalf("page 5 has %d rows of %d", len(page.Rows), page.Total)
	}
	f.equal("total", page.Total, all.Total)
	f.equal("page 5", page.Rows, all.Rows[1000:])
}

// addSpreadJobs makes n jobs on 17 sites; some have no LastUpdateTime, many the same.
func (f *fixture) addSpreadJobs(n int) []jobdb.JobID {
	f.t.Helper()
	jobs := make([]jobdb.Attributes, n)
	for i := range jobs {
		jobs[i] = jobdb.Attributes{"Owner": "user " + string(rune('a'+i%7)), "Site": siteNumber(i % 17)}
		if i%3 > 0 {
			jobs[i]["LastUpdateTime"] = time.Date(2026, 1, 1+i%20, 0, 0, 0, 0, time.UTC)
		}
	}
	return f.addJobs(jobs...)
}

// The lists of a query may have 500 times, and no more: engines plan each of them by itself.
func testManyTimes(f *fixture) {
	f.addSpreadJobs(60) // 40 of them were updated, two on each of 20 days
	many := make([]any, 500)
	for i := range many {
		many[i] = time.Date(2026, 1, 11+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	for _, operator := range []string{"in", "not in"} {
		request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "LastUpdateTime", Operator: operator, Values: many}}}
		f.equal(operator, f.search(request, 0, 0).Total, int64(20))
		request.Search[0].Values = append(many, "2030-01-01")
		_, err := request.Parse(f.Limits())
		f.refused(err, jobdb.ErrInvalidQuery)
		request.Search[0].Values = many[:300]
		request.Search = append(request.Search, jobdb.FilterSpec{Parameter: "SubmissionTime", Operator: operator, Values: many[:201]})
		_, err = request.Parse(f.Limits())
		f.refused(err, jobdb.ErrInvalidQuery, "one query")
	}
}

func siteNumber(n int) string { return "Site " + string(rune('0'+n)) }

func testListsOfValues(f *fixture) {
	jobs := f.addSpreadJobs(100)
	ids, sites := make([]any, 30), make([]any, 30)
	for i := range ids {
		ids[i], sites[i] = int64(jobs[i]), siteNumber(i) // the first 17 exist; 15 of them 6 times, 2 of them 5 times
	}
	for _, c := range []struct {
		parameter, operator string
		values              []any
		want                int64
	}{
		{"JobID", "in", ids, 30},
		{"JobID", "not in", ids, 70},
		{"Site", "in", sites, 100},
		{"Site", "not in", sites, 0},
		{"Site", "not in", sites[10:], 60},
	} {
		page := f.search(jobdb.SearchRequest{
			Search: []jobdb.FilterSpec{{Parameter: c.parameter, Operator: c.operator, Values: c.values}},
		}, 0, 0)
		f.equal(c.parameter+" "+c.operator, page.Total, c.want)
	}
}
