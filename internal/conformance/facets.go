package conformance

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// What a page shows beside the rows of a search: facets, histograms and values to complete.
var facetTests = []conformanceTest{
	{"Facets", testFacets},
	{"FacetsOfOwner", testFacetsOfOwner},
	{"Histogram", testHistogram},
	{"HistogramOfOddTimes", testHistogramOfOddTimes},
	{"HistogramOfManyValues", testHistogramOfManyValues},
	{"ListedValues", testListedValues},
	{"InvalidFacets", testInvalidFacets},
	{"RandomFacets", testRandomFacets},
}

func (f *fixture) facets(request jobdb.FacetsRequest, scope jobdb.Scope) []jobdb.Facet {
	f.t.Helper()
	query, err := request.Parse(f.Limits())
	f.ok(err)
	query.Scope = scope
	facets, err := f.Facets(f.ctx, query)
	f.ok(err)
	return facets
}

// A facet leaves out the filter's own conditions on its column, and no others.
func testFacets(f *fixture) {
	f.addJobs(
		jobdb.Attributes{"Status": "Done", "Site": "b", "JobName": "x"}, jobdb.Attributes{"Status": "Done", "Site": "a", "JobName": "y"},
		jobdb.Attributes{"Status": "Failed", "Site": "b", "JobName": "x"}, jobdb.Attributes{"Status": "Failed", "Site": "c", "JobName": "z"},
		jobdb.Attributes{"Status": "Running", "Site": "b", "VO": f.vo + "x"},
	)
	is := func(column, value string) jobdb.FilterSpec {
		return jobdb.FilterSpec{Parameter: column, Operator: "eq", Value: value}
	}
	request := jobdb.FacetsRequest{Columns: []string{"JobName", "Status", "Site", "VerifiedFlag"}, Top: 2}
	request.Search = []jobdb.FilterSpec{{Or: []jobdb.FilterSpec{is("Status", "Done"), is("Status", "Running")}}, {Parameter: "Site", Operator: "regex", Value: "[ab]"}}
	f.equal("facets", f.facets(request, jobdb.Scope{VO: f.vo}), []jobdb.Facet{
		{Column: f.columns("Site")[0], Values: []jobdb.ValueCount{{Value: "a", Count: 1}, {Value: "b", Count: 1}}},
		{Column: f.columns("JobName")[0], Values: []jobdb.ValueCount{{Value: "x", Count: 1}, {Value: "y", Count: 1}}},
		{Column: f.columns("Status")[0], Values: []jobdb.ValueCount{{Value: "Done", Count: 2}, {Value: "Failed", Count: 1}}},
		{Column: f.columns("VerifiedFlag")[0], Values: []jobdb.ValueCount{{Value: false, Count: 2}}},
	})
	// A condition on two columns, and one that no column is in, belong to no column.
	request = jobdb.FacetsRequest{Columns: []string{"Status"}, Search: []jobdb.FilterSpec{{Or: []jobdb.FilterSpec{is("Status", "Done"), is("Site", "c")}}}}
	f.equal("a condition on two columns", f.facets(request, jobdb.Scope{VO: f.vo})[0].Values, []jobdb.ValueCount{{Value: "Done", Count: 2}, {Value: "Failed", Count: 1}})
	request.Search = []jobdb.FilterSpec{{Or: []jobdb.FilterSpec{}}}
	f.equal("no job", len(f.facets(request, jobdb.Scope{VO: f.vo})[0].Values), 0)
	request = jobdb.FacetsRequest{Columns: []string{"Site"}, Top: 2}
	f.equal("more than the top", f.facets(request, jobdb.Scope{VO: f.vo})[0].More, true)
}

// Who may see the jobs of one owner only sees no values of others.
func testFacetsOfOwner(f *fixture) {
	f.addJobs(
		jobdb.Attributes{"Owner": "alice", "Site": "a", "JobName": "mine", "SubmissionTime": noon},
		jobdb.Attributes{"Owner": "Alice", "Site": "b", "JobName": "Minor", "SubmissionTime": noon},
		jobdb.Attributes{"Owner": "alice", "Site": "a", "JobName": "Mine", "SubmissionTime": noon, "VO": f.vo + "x"},
	)
	scope := jobdb.Scope{VO: f.vo, Owner: "alice"}
	for _, facet := range f.facets(jobdb.FacetsRequest{Columns: []string{"Owner", "Site", "JobName", "ApplicationStatus"}}, scope) {
		f.equal("values of "+facet.Column.Name(), len(facet.Values), 1)
		f.equal("jobs with one of "+facet.Column.Name(), facet.Values[0].Count, int64(1))
	}
	h := f.histogramOf(jobdb.HistogramRequest{Time: "SubmissionTime", From: "2024-05-17", To: "2024-05-18", Bucket: 86400, By: "Site"}, scope)
	f.equal("the histogram", h.Series, []jobdb.Series{{Value: "a", Counts: []int64{1}}})
	for column, want := range map[string][]string{"Owner": {"alice"}, "Site": {"a"}, "JobName": {"mine"}, "ApplicationStatus": {"Unknown"}} {
		list, err := f.Values(f.ctx, jobdb.Values{Scope: scope, Column: f.columns(column)[0]})
		f.ok(err)
		f.equal("values of "+column, list.Values, want)
	}
}

func (f *fixture) histogramOf(request jobdb.HistogramRequest, scope jobdb.Scope) jobdb.HistogramRows {
	f.t.Helper()
	query, err := request.Parse(f.Limits())
	f.ok(err)
	query.Scope = scope
	rows, err := f.Histogram(f.ctx, query)
	f.ok(err)
	return rows
}

// Buckets are whole, begin at multiples of their length, and have what happened in them and nothing
// else; the largest series are shown, and the rest is one.
func testHistogram(f *fixture) {
	f.addJobs(
		jobdb.Attributes{"EndExecTime": at("2024-02-29 09:59:59.999999"), "Status": "Done"},
		jobdb.Attributes{"EndExecTime": at("2024-02-29 10:00:00"), "Status": "Failed"},
		jobdb.Attributes{"EndExecTime": at("2024-02-29 10:59:59.5"), "Status": "Done"},
		jobdb.Attributes{"EndExecTime": at("2024-02-29 11:00:00"), "Status": "Killed"},
		jobdb.Attributes{"EndExecTime": at("2024-02-29 12:00:00"), "Status": "Done"},
		jobdb.Attributes{"Status": "Running"},
	)
	request := jobdb.HistogramRequest{Time: "EndExecTime", From: "2024-02-29T11:10+01:00", To: "2024-02-29 11:00:01", Bucket: 3600, By: "Status", Top: 1}
	want := jobdb.HistogramRows{
		From: at("2024-02-29 10:00:00"), To: at("2024-02-29 12:00:00"), Bucket: time.Hour,
		Series: []jobdb.Series{{Value: "Done", Counts: []int64{1, 0}}}, Other: []int64{1, 1},
	}
	f.equal("by status", f.histogramOf(request, jobdb.Scope{VO: f.vo}), want)
	request.By, request.Search = "", []jobdb.FilterSpec{{Parameter: "Status", Operator: "regex", Value: "led$"}}
	want.Series, want.Other = nil, []int64{1, 1}
	f.equal("by nothing", f.histogramOf(request, jobdb.Scope{VO: f.vo}), want)
	request.From, request.To, request.Bucket, request.Search = "2024-02-29", "2024-03", 86400, nil
	f.equal("of a day", f.histogramOf(request, jobdb.Scope{VO: f.vo}).Other, []int64{5})
}

// Times without a fraction, and what live databases have instead of none, are counted as what they
// are read as.
func testHistogramOfOddTimes(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{"SubmissionTime": noon}, jobdb.Attributes{"SubmissionTime": noon}, jobdb.Attributes{"SubmissionTime": noon})
	want := []int64{3}
	raw := f.raw()
	one := ` WHERE "JobID" = ` + asJSON(ids[1])
	switch f.Engine() {
	case "mysql":
		raw.db.SetMaxOpenConns(1) // of which this is the session
		raw.exec(`SET SESSION sql_mode = 'ANSI_QUOTES'`)
		raw.exec(`UPDATE "Jobs" SET "SubmissionTime" = '0000-00-00 00:00:00'` + one)
		want = []int64{2}
	case "sqlite":
		raw.exec(`UPDATE "Jobs" SET "SubmissionTime" = '2024-05-17 00:00:00'` + one)
	}
	request := jobdb.HistogramRequest{Time: "SubmissionTime", From: "2024-05-17", To: "2024-05-18", Bucket: 86400}
	f.equal("jobs", f.histogramOf(request, jobdb.Scope{VO: f.vo}).Other, want)
}

// More groups than one may have are refused, and what to do about it is told.
func testHistogramOfManyValues(f *fixture) {
	f = f.alone(jobdb.Options{Limits: jobdb.Limits{SummaryRows: 2}})
	f.addJobs(jobdb.Attributes{"JobName": "a", "SubmissionTime": noon}, jobdb.Attributes{"JobName": "b", "SubmissionTime": noon})
	request := jobdb.HistogramRequest{Time: "SubmissionTime", From: "2024-05-17", To: "2024-05-18", Bucket: 3600, By: "JobName"}
	f.equal("two values", len(f.histogramOf(request, jobdb.Scope{VO: f.vo}).Series), 2)
	f.addJobs(jobdb.Attributes{"JobName": "c", "SubmissionTime": noon})
	query, err := request.Parse(f.Limits())
	f.ok(err)
	query.Scope.VO = f.vo
	_, err = f.Histogram(f.ctx, query)
	f.refused(err, jobdb.ErrInvalidQuery, "longer")
}

// Values begin with a text in any case, of ASCII letters only, whichever way they are found.
func testListedValues(f *fixture) {
	names := []string{"prod", "Prod-1", "PROD_1", "PRod", "pro", "Qrod", "prod%", "prOd", "proe", "PQ", "", "é", "É", "éA", "éa"}
	var jobs []jobdb.Attributes
	for _, name := range names {
		jobs = append(jobs, jobdb.Attributes{"JobName": name, "Site": name}, jobdb.Attributes{"JobName": name, "Site": name})
	}
	f.addJobs(jobs...)
	for prefix, want := range map[string][]string{
		"prod":  {"PROD_1", "PRod", "Prod-1", "prOd", "prod", "prod%"},
		"PROD_": {"PROD_1"},
		"prod%": {"prod%"},
		"éa":    {"éA", "éa"},
		"x":     nil,
		"\x00":  nil,
	} {
		for _, column := range f.columns("JobName", "Site") {
			list, err := f.Values(f.ctx, jobdb.Values{Scope: jobdb.Scope{VO: f.vo}, Column: column, Prefix: prefix})
			f.ok(err)
			f.equal(column.Name()+" that begin with "+prefix, list, jobdb.ValueList{Values: want})
			if len(want) < 2 {
				continue
			}
			list, err = f.Values(f.ctx, jobdb.Values{Scope: jobdb.Scope{VO: f.vo}, Column: column, Prefix: prefix, Limit: 2})
			f.ok(err)
			f.equal("the first "+column.Name()+" that begin with "+prefix, list, jobdb.ValueList{Values: want[:2], More: len(want) > 2})
		}
	}
}

func testInvalidFacets(f *fixture) {
	for _, c := range []struct {
		request jobdb.FacetsRequest
		about   string
	}{
		{jobdb.FacetsRequest{}, "columns"},
		{jobdb.FacetsRequest{Columns: []string{"Nope"}}, "Nope"},
		{jobdb.FacetsRequest{Columns: []string{"JobID"}}, "JobID"},
		{jobdb.FacetsRequest{Columns: []string{"EndExecTime"}}, "EndExecTime"},
		{jobdb.FacetsRequest{Columns: []string{"Site"}, Top: -1}, "top"},
		{jobdb.FacetsRequest{Columns: []string{"Site"}, Top: jobdb.MaxTop + 1}, "top"},
		{jobdb.FacetsRequest{Columns: []string{"Site"}, Search: []jobdb.FilterSpec{{Parameter: "Nope", Operator: "eq", Value: "a"}}}, "Nope"},
	} {
		_, err := c.request.Parse(f.Limits())
		f.refused(err, jobdb.ErrInvalidQuery, c.about)
	}
	for _, c := range []struct {
		change func(*jobdb.HistogramRequest)
		about  string
	}{
		{func(r *jobdb.HistogramRequest) { r.Time = "HeartBeatTime" }, "time"},
		{func(r *jobdb.HistogramRequest) { r.Time = "" }, "time"},
		{func(r *jobdb.HistogramRequest) { r.By = "EndExecTime" }, "by"},
		{func(r *jobdb.HistogramRequest) { r.By = "Nope" }, "by"},
		{func(r *jobdb.HistogramRequest) { r.From = "yesterday" }, "from"},
		{func(r *jobdb.HistogramRequest) { r.From = "1969-12-31" }, "from"},
		{func(r *jobdb.HistogramRequest) { r.To = "2024-05-17" }, "to"},
		{func(r *jobdb.HistogramRequest) { r.To, r.Bucket = "9999-12-31", 366*86400 }, "bucket"},
		{func(r *jobdb.HistogramRequest) {
			r.From, r.To, r.Bucket = "9999-12-31 23:00", "9999-12-31 23:59:59.5", 7200
		}, "to"},
		{func(r *jobdb.HistogramRequest) { r.Bucket = 59 }, "bucket"},
		{func(r *jobdb.HistogramRequest) { r.Bucket = 90 }, "bucket"},
		{func(r *jobdb.HistogramRequest) { r.Bucket = 1 << 62 }, "bucket"},
		{func(r *jobdb.HistogramRequest) { r.Bucket = 0 }, "bucket"},
		{func(r *jobdb.HistogramRequest) { r.Bucket = 60 }, "1440 buckets"},
		{func(r *jobdb.HistogramRequest) { r.Top = jobdb.MaxSeries + 1 }, "top"},
	} {
		request := jobdb.HistogramRequest{Time: "SubmissionTime", From: "2024-05-17", To: "2024-05-18", Bucket: 3600, By: "Site"}
		c.change(&request)
		_, err := request.Parse(f.Limits())
		f.refused(err, jobdb.ErrInvalidQuery, c.about)
	}
	scope := jobdb.Scope{VO: f.vo}
	for about, v := range map[string]jobdb.Values{
		"column": {Scope: scope, Column: f.columns("EndExecTime")[0]},
		"prefix": {Scope: scope, Column: f.columns("Site")[0], Prefix: strings.Repeat("a", 1001)},
		"limit":  {Scope: scope, Column: f.columns("Site")[0], Limit: jobdb.MaxValues + 1},
	} {
		_, err := f.Values(f.ctx, v)
		f.refused(err, jobdb.ErrInvalidQuery, about)
	}
	_, err := f.Values(f.ctx, jobdb.Values{Column: f.columns("Site")[0]})
	f.refused(err, jobdb.ErrNoScope)
	_, err = f.Facets(f.ctx, jobdb.Facets{Columns: f.columns("Site")})
	f.refused(err, jobdb.ErrNoScope)
	_, err = f.Histogram(f.ctx, jobdb.Histogram{Time: f.columns("SubmissionTime")[0], From: noon, To: noon.Add(time.Hour), Bucket: time.Minute})
	f.refused(err, jobdb.ErrNoScope)
}

// Random populations and random questions give what the model says, to who may see all jobs of the
// VO and to who may see those of one owner.
func testRandomFacets(f *fixture) {
	g := &generator{rand: rand.New(rand.NewPCG(seed(f.test), 0)), latin1: f.traits.Latin1, noParameters: f.traits.NoParameters}
	g.order = f.textOrder(g.texts()...)
	vo := f.vo
	for range max(2, f.shorter(4)) {
		f.vo += "r"
		all := g.population(f)
		for range 60 {
			scope, rows := jobdb.Scope{VO: f.vo}, all
			if g.chance(40) {
				scope.Owner = one(g, all...)["Owner"].(string) //nolint:forcetypeassert // a text
				rows = slices.DeleteFunc(slices.Clone(all), func(row modelRow) bool { return row["Owner"] != scope.Owner })
			}
			if scope.Owner != "" || len(rows) == len(all) {
				g.compareFacets(f, scope, rows)
				g.compareHistogram(f, scope, rows)
				g.compareValues(f, scope, rows)
			}
			if f.t.Failed() {
				return
			}
		}
	}
	f.vo = vo
}

func (g *generator) splitColumn() string {
	for {
		if c := g.column(); c.Name() != "JobID" && c.Kind() != jobdb.KindTime {
			return c.Name()
		}
	}
}

func (g *generator) compareFacets(f *fixture, scope jobdb.Scope, rows []modelRow) {
	f.t.Helper()
	request := jobdb.FacetsRequest{Columns: []string{g.splitColumn(), g.splitColumn(), g.splitColumn()}, Search: g.filters(0, rows), Top: 1 + g.rand.IntN(12)}
	got := f.facets(request, scope)
	var want []jobdb.Facet
	for _, name := range modelColumns(request.Columns) {
		groups := g.order.modelFacet(rows, request.Search, name)
		facet := jobdb.Facet{Column: f.columns(name)[0], More: len(groups) > request.Top}
		for _, group := range groups[:min(request.Top, len(groups))] {
			facet.Values = append(facet.Values, jobdb.ValueCount{Value: group[0], Count: group[1].(int64)}) //nolint:forcetypeassert // the count
		}
		want = append(want, facet)
	}
	f.equal("facets", g.order.mergeFacets(got), g.order.mergeFacets(want))
	if f.t.Failed() {
		f.t.Logf("facets %s of %v", asJSON(request), scope)
	}
}

// modelFacet has the values of a column with their counts, the largest first.
func (o textOrder) modelFacet(rows []modelRow, search []jobdb.FilterSpec, name string) [][]any {
	search = slices.DeleteFunc(slices.Clone(search), func(spec jobdb.FilterSpec) bool {
		parameters := compared(spec)
		return len(parameters) > 0 && !slices.ContainsFunc(parameters, func(other string) bool { return other != name })
	})
	groups := o.modelSummary(rows, jobdb.SummaryRequest{Grouping: []string{name}, Search: search})
	slices.SortStableFunc(groups, func(a, b []any) int { return cmp.Compare(b[1].(int64), a[1].(int64)) }) //nolint:forcetypeassert // the counts
	return groups
}

// compared are the names of all that a filter compares.
func compared(spec jobdb.FilterSpec) (names []string) {
	kids := slices.Concat(spec.And, spec.Or)
	if spec.Not != nil {
		kids = append(kids, *spec.Not)
	}
	for _, kid := range kids {
		names = append(names, compared(kid)...)
	}
	if spec.Parameter != "" {
		names = append(names, spec.Parameter)
	}
	return names
}

func (o textOrder) mergeFacets(facets []jobdb.Facet) []jobdb.Facet {
	for _, facet := range facets {
		for i, value := range facet.Values {
			facet.Values[i].Value = o.merge([][]any{{value.Value}})[0][0]
		}
	}
	return facets
}

func (g *generator) compareHistogram(f *fixture, scope jobdb.Scope, rows []modelRow) {
	f.t.Helper()
	bucket := one(g, time.Minute, 7*time.Minute, time.Hour, 24*time.Hour, 30*24*time.Hour, 366*24*time.Hour)
	from := at(one(g, borders[:16]...)).Add(-time.Duration(g.rand.Int64N(int64(3 * bucket))))
	if from.Year() < 1970 {
		from = at("1970-01-01 00:00:00")
	}
	to := from.Truncate(time.Second).Add(time.Duration(1+g.rand.Int64N(40))*bucket - time.Duration(g.rand.IntN(60))*time.Second)
	request := jobdb.HistogramRequest{
		Search: g.filters(0, rows), Time: one(g, "SubmissionTime", "StartExecTime", "EndExecTime", "LastUpdateTime"),
		From: from.Format(time.DateTime), To: to.Format(time.DateTime), Bucket: int64(bucket / time.Second), Top: 1 + g.rand.IntN(8),
	}
	if g.chance(80) {
		request.By = g.splitColumn()
	}
	f.equal("histogram", f.histogramOf(request, scope), modelHistogram(rows, request))
	if f.t.Failed() {
		f.t.Logf("histogram %s of %v", asJSON(request), scope)
	}
}

// modelHistogram puts each row into its bucket.
func modelHistogram(rows []modelRow, request jobdb.HistogramRequest) jobdb.HistogramRows {
	bucket := time.Duration(request.Bucket) * time.Second
	epoch := time.Unix(0, 0).UTC()
	from := epoch.Add(at(request.From).Sub(epoch) / bucket * bucket)
	want := jobdb.HistogramRows{From: from, Bucket: bucket}
	for want.To = from; want.To.Before(at(request.To)); want.To = want.To.Add(bucket) {
		want.Other = append(want.Other, 0)
	}
	var found []modelRow
	for _, row := range rows {
		if when, ok := row[request.Time].(time.Time); ok && !when.Before(from) && when.Before(want.To) && holdsAll(request.Search, row) == yes {
			found = append(found, row)
		}
	}
	series := textOrder(nil).modelFacet(found, nil, request.By)
	if request.By == "" {
		series = nil
	}
	for _, group := range series[:min(request.Top, len(series))] {
		want.Series = append(want.Series, jobdb.Series{Value: group[0], Counts: make([]int64, len(want.Other))})
	}
	for _, row := range found {
		counts := want.Other
		for _, s := range want.Series {
			if s.Value == row[request.By] {
				counts = s.Counts
			}
		}
		counts[row[request.Time].(time.Time).Sub(from)/bucket]++ //nolint:forcetypeassert // found has times only
	}
	return want
}

func (g *generator) compareValues(f *fixture, scope jobdb.Scope, rows []modelRow) {
	f.t.Helper()
	column := one(g, "JobName", "JobName", "Site", "Owner", "JobGroup", "ApplicationStatus", "VO")
	prefix := []rune(g.text())
	v := jobdb.Values{Scope: scope, Column: f.columns(column)[0], Prefix: string(prefix[:g.rand.IntN(len(prefix)+1)]), Limit: 1 + g.rand.IntN(12)}
	if g.chance(30) {
		v.Prefix = strings.ToUpper(v.Prefix)
	}
	got, err := f.Values(f.ctx, v)
	f.ok(err)
	var all []string
	for _, row := range rows {
		text := row[column].(string) //nolint:forcetypeassert // a column of texts
		if strings.HasPrefix(strings.Map(foldASCII, text), strings.Map(foldASCII, v.Prefix)) {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	f.equal("values", got, jobdb.ValueList{Values: all[:min(v.Limit, len(all)):len(all)], More: len(all) > v.Limit})
	if f.t.Failed() {
		f.t.Logf("values %s of %v", asJSON(v), scope)
	}
}
