package conformance

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// What filters mean, by cases whose answers stand beside them.
var queryTests = []conformanceTest{
	{"TextFilters", testTextFilters},
	{"ForeignTextFilters", testForeignTextFilters},
	{"LikeFoldsASCII", testLikeFoldsASCII},
	{"NamesThatBegin", testNamesThatBegin},
	{"Nulls", testNulls},
	{"TimeFilters", testTimeFilters},
	{"TimeForms", testTimeForms},
	{"IntegerFilters", testIntegerFilters},
	{"FlagFilters", testFlagFilters},
	{"NullFilters", testNullFilters},
	{"NullTexts", testNullTexts},
	{"Groups", testGroups},
	{"InvalidFilters", testInvalidFilters},
	{"FilterLimits", testFilterLimits},
}

// filterCase is a filter as JSON and the places in the population of the jobs that it must find.
type filterCase struct {
	filter string
	want   []int
}

// finds runs each case on jobs that were added in the order of the places.
func (f *fixture) finds(ids []jobdb.JobID, cases []filterCase) {
	f.t.Helper()
	for _, c := range cases {
		request, err := jobdb.ParseSearchJSON([]byte(`{"parameters":["JobID"],"search":[` + c.filter + `]}`))
		f.ok(err)
		page, err := f.trySearch(request, 0, 0)
		if err != nil {
			f.t.Errorf("%s: %v", c.filter, err)
			continue
		}
		var got []int
		for _, row := range page.Rows {
			got = append(got, slices.Index(ids, jobdb.JobID(row[0].(int64)))) //nolint:forcetypeassert // JobID
		}
		if !slices.Equal(got, c.want) {
			f.t.Errorf("%s: got %v, want %v", c.filter, got, c.want)
		}
		if page.Total != int64(len(c.want)) {
			f.t.Errorf("%s: got a total of %d, want %d", c.filter, page.Total, len(c.want))
		}
	}
}

// addSites makes a job for each value of Site.
func (f *fixture) addSites(sites ...string) []jobdb.JobID {
	f.t.Helper()
	attributes := make([]jobdb.Attributes, len(sites))
	for i, site := range sites {
		attributes[i] = jobdb.Attributes{"Site": site}
	}
	return f.addJobs(attributes...)
}

func site(rest string) string { return `{"parameter":"Site",` + rest + `}` }

// Texts compare byte by byte: neither case nor trailing spaces are forgiven, but by like, for ASCII
// letters.
func testTextFilters(f *fixture) {
	ids := f.addSites("alice", "Alice", "alice ", "ALICE", "a%b", "a_b", "axb", "", `a\b`, "a|b", `it's "it"`, "a\nb")
	f.finds(ids, []filterCase{
		{site(`"operator":"eq","value":"alice"`), []int{0}},
		{site(`"operator":"eq","value":"alice "`), []int{2}},
		{site(`"operator":"eq","value":""`), []int{7}},
		{site(`"operator":"eq","value":"it's \"it\""`), []int{10}},
		{site(`"operator":"eq","value":5`), nil},
		{site(`"operator":"neq","value":"alice"`), []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{site(`"operator":"in","values":["alice","ALICE","nobody"]`), []int{0, 3}},
		{site(`"operator":"in","values":[]`), nil},
		{site(`"operator":"not in","values":["alice","alice ","a%b","a_b","axb",""]`), []int{1, 3, 8, 9, 10, 11}},
		{site(`"operator":"not in","values":[]`), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{site(`"operator":"gt","value":"alice"`), []int{2, 6, 9, 10}},
		{site(`"operator":"gte","value":"alice"`), []int{0, 2, 6, 9, 10}},
		{site(`"operator":"lt","value":"a%b"`), []int{1, 3, 7, 11}},
		{site(`"operator":"lte","value":"a%b"`), []int{1, 3, 4, 7, 11}},
		{site(`"operator":"like","value":"aLiCe"`), []int{0, 1, 3}},
		{site(`"operator":"like","value":"alice%"`), []int{0, 1, 2, 3}},
		{site(`"operator":"ilike","value":"alice_"`), []int{2}},
		{site(`"operator":"like","value":"a%b"`), []int{4, 5, 6, 8, 9, 11}},
		{site(`"operator":"like","value":"a_b"`), []int{4, 5, 6, 8, 9, 11}},
		{site(`"operator":"like","value":"a\\%b"`), []int{4}},
		{site(`"operator":"like","value":"a\\_b"`), []int{5}},
		{site(`"operator":"like","value":"a\\\\b"`), []int{8}},
		{site(`"operator":"like","value":"a|b"`), []int{9}},
		{site(`"operator":"like","value":""`), []int{7}},
		{site(`"operator":"not like","value":"a%"`), []int{7, 10}},
		{site(`"operator":"regex","value":"lic"`), []int{0, 1, 2}},
		{site(`"operator":"regex","value":"^alice$"`), []int{0}},
		{site(`"operator":"regex","value":"(?i)^alice$"`), []int{0, 1, 3}},
		{site(`"operator":"regex","value":"e\\s\\z"`), []int{2}},
		{site(`"operator":"regex","value":"^a.b$"`), []int{4, 5, 6, 8, 9}},
		{site(`"operator":"regex","value":"\\bit\\b"`), []int{10}},
		{site(`"operator":"regex","value":"^(?P<x>)$"`), []int{7}},
		{site(`"operator":"regex","value":"nobody"`), nil},
	})
}

// A like of names, which are found by ranges of an index, finds what it would row by row.
func testNamesThatBegin(f *fixture) {
	random := rand.New(rand.NewPCG(8, 1))
	letters := strings.Split("a A b B _ % | 1 \\", " ")
	if !f.traits.Latin1 {
		letters = append(letters, "é", "\ud7ff", "\ue000", "\U0010ffff")
	}
	text := func(n int) (text string) {
		for range random.IntN(n + 1) {
			text += letters[random.IntN(len(letters))]
		}
		return text
	}
	jobs := make([]jobdb.Attributes, 80)
	for i := range jobs {
		jobs[i] = jobdb.Attributes{"JobName": text(4), "Site": []string{"a", "b"}[i%2]}
	}
	f.addJobs(jobs...)
	all := f.search(jobdb.SearchRequest{}, 0, 0)
	site := slices.Index(all.Columns, f.columns("Site")[0])
	for i := range f.shorter(200) {
		escapes := strings.NewReplacer(`\`, `\\`)
		if i%5 == 0 {
			escapes = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)
		}
		pattern := escapes.Replace(text(3))
		if i%4 > 0 {
			pattern += "%"
		}
		specs := []jobdb.FilterSpec{{Parameter: "JobName", Operator: "like", Value: pattern}}
		if i%3 == 0 {
			specs = append(specs, jobdb.FilterSpec{Parameter: "Site", Operator: "eq", Value: "a"})
		}
		filter, err := jobdb.ParseFilters(specs, f.Limits())
		f.ok(err)
		var want []any
		sites := map[any]int64{}
		for _, row := range all.Rows {
			if matches, _ := filter.Match(row); matches {
				want = append(want, row[0])
				sites[row[site]]++
			}
		}
		request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: specs}
		f.equal("jobs with a name like "+pattern, f.walk(request, 7, func() {}), want)
		f.equal("their number", f.search(request, 1, 1).Total, int64(len(want)))
		summary, err := jobdb.SummaryRequest{Grouping: []string{"Site"}, Search: specs}.Parse(f.Limits())
		f.ok(err)
		summary.Scope.VO = f.vo
		rows, err := f.Summary(f.ctx, summary)
		f.ok(err)
		counted := map[any]int64{}
		for _, row := range rows.Rows {
			counted[row[0]] = row[1].(int64)
		}
		f.equal("jobs by site with a name like "+pattern, counted, sites)
		if f.t.Failed() {
			return
		}
	}
}

// Of other letters like forgives no case, not even of those whose lower case is ASCII, such as the
// sign of the kelvin.
func testLikeFoldsASCII(f *fixture) {
	texts := []string{"aéK", "AÉk", "Aék"}
	if !f.traits.Latin1 {
		texts = append(texts, "aé\u212a", "aж🚀", "aЖ🚀")
	}
	ids := f.addSites(texts...)
	cases := []filterCase{
		{site(`"operator":"like","value":"Aék"`), []int{0, 2}},
		{site(`"operator":"like","value":"_É_"`), []int{1}},
		{site(`"operator":"like","value":"%K"`), []int{0, 1, 2}},
		{site(`"operator":"not like","value":"%é%"`), []int{1}},
	}
	if !f.traits.Latin1 {
		cases[3].want = []int{1, 4, 5}
		cases = append(cases, filterCase{site(`"operator":"like","value":"A\u0416_"`), []int{5}}, filterCase{site(`"operator":"like","value":"a_\u212a"`), []int{3}})
	}
	f.finds(ids, cases)
}

// A value that there is none of is one group, and "is null" finds its jobs, whatever a live
// database has in its place: NULL, the time zero, or the empty text of an ENUM.
func testNulls(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{}, jobdb.Attributes{}, jobdb.Attributes{"EndExecTime": noon, "AccountedFlag": true}, jobdb.Attributes{"VerifiedFlag": true})
	none := 0 // jobs without flags
	if f.Engine() == "mysql" {
		raw := f.raw()
		raw.db.SetMaxOpenConns(1) // of which this is the session
		raw.exec(`SET SESSION sql_mode = 'ANSI_QUOTES'`)
		one := ` WHERE "JobID" = ` + asJSON(ids[1])
		raw.exec(`UPDATE "Jobs" SET "EndExecTime" = '0000-00-00 00:00:00'` + one)
		if f.Schema() != jobdb.SchemaOurs {
			raw.exec(`UPDATE "Jobs" SET "AccountedFlag" = '', "VerifiedFlag" = ''` + one)
			none = 1
		}
	}
	for column, want := range map[string]int{"EndExecTime": 3, "AccountedFlag": none, "VerifiedFlag": none} {
		summary, err := jobdb.SummaryRequest{Grouping: []string{column}}.Parse(f.Limits())
		f.ok(err)
		summary.Scope.VO = f.vo
		groups, err := f.Summary(f.ctx, summary)
		f.ok(err)
		values := map[any]int64{}
		for _, row := range groups.Rows {
			if _, again := values[row[0]]; again {
				f.t.Errorf("%s has two groups %v", column, row[0])
			}
			values[row[0]] = row[1].(int64) //nolint:forcetypeassert // the count
		}
		f.equal("the group null of "+column, values[nil], int64(want))
		for operator, rows := range map[string]int{"is null": want, "is not null": len(ids) - want} {
			request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: []jobdb.FilterSpec{{Parameter: column, Operator: operator}}}
			f.equal(column+" "+operator, len(f.search(request, 0, 0).Rows), rows)
		}
		request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: []jobdb.SortSpec{{Parameter: column, Direction: "asc"}}}
		f.equal("jobs by "+column, len(f.walk(request, 1, func() {})), len(ids))
	}
}

// What a character set can't hold matches nothing, and is no error.
func testForeignTextFilters(f *fixture) {
	texts := []string{"é", "aé", "plain"}
	if !f.traits.Latin1 {
		texts = append(texts, "日本", "😀", "e\u0301")
	}
	ids := f.addSites(texts...)
	foreign := []filterCase{
		{site(`"operator":"eq","value":"日本"`), []int{3}},
		{site(`"operator":"in","values":["日本","plain"]`), []int{2, 3}},
		{site(`"operator":"like","value":"日_"`), []int{3}},
		{site(`"operator":"regex","value":"^.$"`), []int{0, 4}},
		{site(`"operator":"like","value":"_"`), []int{0, 4}},
		{site(`"operator":"gt","value":"日"`), []int{3, 4}},
	}
	if f.traits.Latin1 {
		for i := range foreign {
			foreign[i].want = slices.DeleteFunc(foreign[i].want, func(place int) bool { return place > 2 })
		}
	}
	f.finds(ids, append(foreign, []filterCase{
		{site(`"operator":"eq","value":"é"`), []int{0}},
		{site(`"operator":"eq","value":"e"`), nil},
		{site(`"operator":"like","value":"_é"`), []int{1}},
		{site(`"operator":"regex","value":"^\\pL{2}$"`), slices.Concat([]int{1}, map[bool][]int{false: {3}}[f.traits.Latin1])},
		{site(`"operator":"neq","value":"日本"`), slices.DeleteFunc(places(len(ids)), func(place int) bool { return place == 3 })},
		{site(`"operator":"not in","values":["日本"]`), slices.DeleteFunc(places(len(ids)), func(place int) bool { return place == 3 })},
	}...))
}

func places(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

// A partial time is a period.
func testTimeFilters(f *fixture) {
	var attributes []jobdb.Attributes
	for _, text := range []string{
		"2023-12-31 23:59:59.999999", "2024-01-01 00:00:00", "2024-01-31 23:59:59", "2024-02-01 00:00:00", "2024-02-01 10:00:00",
		"2024-02-01 10:00:00.5", "2024-02-01 10:00:01", "2025-01-01 00:00:00", "9999-12-31 23:59:59",
	} {
		attributes = append(attributes, jobdb.Attributes{"SubmissionTime": at(text)})
	}
	ids := f.addJobs(append(attributes, jobdb.Attributes{})...) // the last one's time is NULL
	when := func(rest string) string { return `{"parameter":"SubmissionTime",` + rest + `}` }
	f.finds(ids, []filterCase{
		{when(`"operator":"eq","value":"2024"`), []int{1, 2, 3, 4, 5, 6}},
		{when(`"operator":"neq","value":"2024"`), []int{0, 7, 8}},
		{when(`"operator":"gt","value":"2024"`), []int{7, 8}},
		{when(`"operator":"gte","value":"2024"`), []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{when(`"operator":"lt","value":"2024"`), []int{0}},
		{when(`"operator":"lte","value":"2024"`), []int{0, 1, 2, 3, 4, 5, 6}},
		{when(`"operator":"eq","value":"2024-01"`), []int{1, 2}},
		{when(`"operator":"gt","value":"2024-01"`), []int{3, 4, 5, 6, 7, 8}},
		{when(`"operator":"lt","value":"2024-02"`), []int{0, 1, 2}},
		{when(`"operator":"eq","value":"2024-02-01"`), []int{3, 4, 5, 6}},
		{when(`"operator":"eq","value":"2024-02-01 10"`), []int{4, 5, 6}},
		{when(`"operator":"eq","value":"2024-02-01T10:00"`), []int{4, 5, 6}},
		{when(`"operator":"eq","value":"2024-02-01 10:00:00"`), []int{4, 5}},
		{when(`"operator":"eq","value":"2024-02-01T10:00:00.999Z"`), []int{4, 5}},
		{when(`"operator":"eq","value":"2024-02-01T11:00:00+01:00"`), []int{4, 5}},
		{when(`"operator":"gt","value":"2024-02-01 10:00:00"`), []int{6, 7, 8}},
		{when(`"operator":"gte","value":"2024-02-01 10:00:00"`), []int{4, 5, 6, 7, 8}},
		{when(`"operator":"lt","value":"2024-02-01 10:00:00"`), []int{0, 1, 2, 3}},
		{when(`"operator":"lte","value":"2024-02-01 10:00:00"`), []int{0, 1, 2, 3, 4, 5}},
		{when(`"operator":"in","values":["2023","2025"]`), []int{0, 7}},
		{when(`"operator":"not in","values":["2023","2025"]`), []int{1, 2, 3, 4, 5, 6, 8}},
		{when(`"operator":"in","values":["2024-01-31T23:59:59Z","2024-02-01 10:00:00"]`), []int{2, 4, 5}},
		{when(`"operator":"eq","value":"9999"`), []int{8}},
		{when(`"operator":"gt","value":"9999"`), nil},
		{when(`"operator":"lte","value":"9999"`), []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		{when(`"operator":"neq","value":"9999"`), []int{0, 1, 2, 3, 4, 5, 6, 7}},
	})
}

// The texts of times that other programs write into a SQLite file, with and without a fraction, are
// the same time.
func testTimeForms(f *fixture) {
	if f.Engine() != "sqlite" {
		f.test.Skip("only SQLite has times as texts; the other engines have a type for them")
	}
	ids := f.addPlainJobs(3)
	raw := f.raw()
	for i, text := range []string{"2024-02-01 10:00:00", "2024-02-01 10:00:00.000000", "2024-02-01 10:00:00.500000"} {
		raw.exec(`UPDATE "Jobs" SET "SubmissionTime" = '` + text + `' WHERE "JobID" = ` + asJSON(ids[i]))
	}
	when := func(rest string) string { return `{"parameter":"SubmissionTime",` + rest + `}` }
	f.finds(ids, []filterCase{
		{when(`"operator":"eq","value":"2024-02-01 10:00:00"`), []int{0, 1, 2}},
		{when(`"operator":"neq","value":"2024-02-01 10:00:00"`), nil},
		{when(`"operator":"gte","value":"2024-02-01 10:00:00"`), []int{0, 1, 2}},
		{when(`"operator":"lt","value":"2024-02-01 10:00:00"`), nil},
		{when(`"operator":"gt","value":"2024-02-01 09:59:59"`), []int{0, 1, 2}},
		{when(`"operator":"lte","value":"2024-02-01 09:59:59"`), nil},
		{when(`"operator":"lt","value":"2024-02-01 10:00:01"`), []int{0, 1, 2}},
	})
	for i, want := range []string{"2024-02-01 10:00:00", "2024-02-01 10:00:00", "2024-02-01 10:00:00.5"} {
		f.equal("the time", f.attributes(ids[i], "SubmissionTime"), map[string]any{"SubmissionTime": at(want)})
	}
}

func testIntegerFilters(f *fixture) {
	ids := f.addJobs(
		jobdb.Attributes{"UserPriority": 1}, jobdb.Attributes{"UserPriority": 10}, jobdb.Attributes{"UserPriority": 9},
		jobdb.Attributes{"UserPriority": -1}, jobdb.Attributes{},
	)
	priority := func(rest string) string { return `{"parameter":"UserPriority",` + rest + `}` }
	first := asJSON(ids[0])
	f.finds(ids, []filterCase{
		{priority(`"operator":"eq","value":10`), []int{1}},
		{priority(`"operator":"eq","value":"10"`), []int{1}},
		{priority(`"operator":"gt","value":"9"`), []int{1}},
		{priority(`"operator":"lt","value":1`), []int{3, 4}},
		{priority(`"operator":"not in","values":[1,"9"]`), []int{1, 3, 4}},
		{priority(`"operator":"like","value":"1%"`), []int{0, 1}},
		{priority(`"operator":"not like","value":"%1%"`), []int{2, 4}},
		{priority(`"operator":"regex","value":"^-"`), []int{3}},
		{priority(`"operator":"lt","value":9223372036854775807`), []int{0, 1, 2, 3, 4}},
		{priority(`"operator":"gt","value":"-9223372036854775808"`), []int{0, 1, 2, 3, 4}},
		{`{"parameter":"JobID","operator":"eq","value":` + first + `}`, []int{0}},
		{`{"parameter":"JobID","operator":"eq","value":"` + first + `"}`, []int{0}},
		{`{"parameter":"JobID","operator":"eq","value":9223372036854775807}`, nil},
		{`{"parameter":"JobID","operator":"lt","value":4611686018427387904}`, []int{0, 1, 2, 3, 4}},
		{`{"parameter":"JobID","operator":"regex","value":"^` + first + `$"}`, []int{0}},
	})
}

func testFlagFilters(f *fixture) {
	ids := f.addJobs(
		jobdb.Attributes{"VerifiedFlag": true, "AccountedFlag": true},
		jobdb.Attributes{"VerifiedFlag": false, "AccountedFlag": false},
		jobdb.Attributes{"AccountedFlag": jobdb.AccountedFailed},
	)
	verified := func(rest string) string { return `{"parameter":"VerifiedFlag",` + rest + `}` }
	accounted := func(rest string) string { return `{"parameter":"AccountedFlag",` + rest + `}` }
	f.finds(ids, []filterCase{
		{verified(`"operator":"eq","value":true`), []int{0}},
		{verified(`"operator":"eq","value":"True"`), []int{0}},
		{verified(`"operator":"eq","value":"true"`), []int{0}},
		{verified(`"operator":"neq","value":true`), []int{1, 2}},
		{verified(`"operator":"in","values":["false",true]`), []int{0, 1, 2}},
		{verified(`"operator":"in","values":[]`), nil},
		{verified(`"operator":"gt","value":false`), []int{0}},
		{verified(`"operator":"like","value":"f%"`), []int{1, 2}},
		{verified(`"operator":"regex","value":"rue$"`), []int{0}},
		{accounted(`"operator":"eq","value":"Failed"`), []int{2}},
		{accounted(`"operator":"eq","value":false`), []int{1}},
		{accounted(`"operator":"not in","values":[true]`), []int{1, 2}},
		{accounted(`"operator":"lt","value":"False"`), []int{2}},
		{accounted(`"operator":"gte","value":"False"`), []int{0, 1}},
		{accounted(`"operator":"not like","value":"fa%"`), []int{0}},
		{accounted(`"operator":"regex","value":"^Fa"`), []int{1, 2}},
	})
	f.equal("flags", f.attributes(ids[2], "VerifiedFlag", "AccountedFlag"),
		map[string]any{"VerifiedFlag": false, "AccountedFlag": jobdb.AccountedFailed})
}

// NULL never matches a comparison, nor its opposite.
func testNullFilters(f *fixture) {
	ids := f.addJobs(jobdb.Attributes{"EndExecTime": at("2024-01-01 00:00:00")}, jobdb.Attributes{})
	end := func(rest string) string { return `{"parameter":"EndExecTime",` + rest + `}` }
	f.finds(ids, []filterCase{
		{end(`"operator":"eq","value":"2024"`), []int{0}},
		{end(`"operator":"neq","value":"2025"`), []int{0}},
		{end(`"operator":"not in","values":["2025"]`), []int{0}},
		{end(`"operator":"not in","values":[]`), []int{0, 1}},
		{`{"not":` + end(`"operator":"eq","value":"2025"`) + `}`, []int{0}},
		{`{"not":` + end(`"operator":"gt","value":"9999"`) + `}`, []int{0}},
		{`{"not":` + end(`"operator":"lte","value":"9999"`) + `}`, nil},
		{`{"or":[` + end(`"operator":"neq","value":"2025"`) + `,` + end(`"operator":"eq","value":"2025"`) + `]}`, []int{0}},
		{end(`"operator":"is null"`), []int{1}},
		{end(`"operator":"is not null"`), []int{0}},
		{`{"not":` + end(`"operator":"is null"`) + `}`, []int{0}},
		{`{"parameter":"Site","operator":"is null"}`, nil},
	})
}

// The one text that may be NULL, in a legacy database, is treated like a time that is NULL.
func testNullTexts(f *fixture) {
	if f.Schema() != jobdb.SchemaLegacy {
		f.test.Skip("only DIRAC's own tables have a text that may be NULL")
	}
	ids := f.addJobs(jobdb.Attributes{"ApplicationStatus": "a"}, jobdb.Attributes{})
	f.raw().exec(`UPDATE "Jobs" SET "ApplicationStatus" = NULL WHERE "JobID" = ` + asJSON(ids[1]))
	status := func(rest string) string { return `{"parameter":"ApplicationStatus",` + rest + `}` }
	f.finds(ids, []filterCase{
		{status(`"operator":"neq","value":"b"`), []int{0}},
		{status(`"operator":"not like","value":"b"`), []int{0}},
		{`{"not":` + status(`"operator":"regex","value":"b"`) + `}`, []int{0}},
		{`{"not":` + status(`"operator":"in","values":["b"]`) + `}`, []int{0}},
		{status(`"operator":"is null"`), []int{1}},
	})
	f.equal("the order", f.column(jobdb.SearchRequest{Parameters: []string{"ApplicationStatus"}, Sort: sortBy("ApplicationStatus", "asc")}), []any{nil, "a"})
}

func testGroups(f *fixture) {
	ids := f.addSites("a", "b", "c")
	a, b := site(`"operator":"eq","value":"a"`), site(`"operator":"eq","value":"b"`)
	f.finds(ids, []filterCase{
		{`{"or":[` + a + `,` + b + `]}`, []int{0, 1}},
		{`{"and":[` + a + `,` + b + `]}`, nil},
		{`{"not":` + a + `}`, []int{1, 2}},
		{`{"not":{"or":[` + a + `,` + b + `]}}`, []int{2}},
		{`{"or":[]}`, nil},
		{`{"and":[]}`, []int{0, 1, 2}},
		{`{"not":{"and":[]}}`, nil},
		{`{"or":[{"and":[` + a + `,{"not":` + b + `}]},{"and":[` + b + `,` + a + `]}]}`, []int{0}},
		{`{"not":{"not":` + a + `}}`, []int{0}},
		{a + `,` + b, nil}, // several filters are ANDed
		{site(`"operator":"eq","value":"a","comment":"unknown keys are ignored"`), []int{0}},
		{`{"not":` + site(`"operator":"regex","value":"^a"`) + `}`, []int{1, 2}},
		{`{"or":[` + site(`"operator":"regex","value":"^a"`) + `,` + site(`"operator":"regex","value":"^c"`) + `]}`, []int{0, 2}},
	})
}

// Every fault is an invalid query that names the parameter.
func testInvalidFilters(f *fixture) {
	for _, c := range []struct{ filter, about string }{
		{`{"parameter":"Nope","operator":"eq","value":1}`, "Nope"},
		{`{"parameter":"SITE","operator":"eq","value":"x"}`, "SITE"},
		{site(`"operator":"equals","value":"x"`), "Site"},
		{site(`"operator":"eq"`), "Site"},
		{site(`"operator":"eq","value":null`), "Site"},
		{site(`"operator":"eq","values":["x"]`), "Site"},
		{site(`"operator":"in","value":"x"`), "Site"},
		{site(`"operator":"in","values":[null]`), "Site"},
		{site(`"operator":"eq","value":true`), "Site"},
		{site(`"operator":"eq","value":["x"]`), "Site"},
		{site(`"operator":"eq","value":"a\u0000b"`), "Site"},
		{site(`"operator":"like","value":"x\\"`), "Site"},
		{site(`"operator":"regex","value":"("`), "Site"},
		{site(`"operator":"regex","value":"(?=x)"`), "Site"},
		{`{"parameter":"JobID","operator":"eq","value":"abc"}`, "JobID"},
		{`{"parameter":"JobID","operator":"eq","value":1.5}`, "JobID"},
		{`{"parameter":"JobID","operator":"eq","value":9223372036854775808}`, "JobID"},
		{`{"parameter":"UserPriority","operator":"in","values":[1,"x"]}`, "UserPriority"},
		{`{"parameter":"VerifiedFlag","operator":"eq","value":"Failed"}`, "VerifiedFlag"},
		{`{"parameter":"AccountedFlag","operator":"eq","value":1}`, "AccountedFlag"},
		{`{"parameter":"EndExecTime","operator":"eq","value":"2024-13"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"eq","value":"2023-02-29"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"eq","value":"2024-01-01 24"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"eq","value":"2024-1"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"eq","value":"now"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"eq","value":5}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"in","values":["2024","2024-01"]}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"like","value":"2024%"}`, "EndExecTime"},
		{`{"parameter":"EndExecTime","operator":"regex","value":"2024"}`, "EndExecTime"},
		{`{"parameter":"Parameters.CPU","operator":"gt","value":"1"}`, "Parameters.CPU"},
		{`{"parameter":"Parameters.CPU","operator":"regex","value":"1"}`, "Parameters.CPU"},
		{`{"parameter":"Parameters.CPU","operator":"eq","value":true}`, "Parameters.CPU"},
		{`{"parameter":"Parameters.a\u0000","operator":"eq","value":"1"}`, "U+0000"},
		{`{"parameter":"Parameters.` + strings.Repeat("x", 101) + `","operator":"eq","value":"1"}`, "101 characters"},
		{`{"not":{"or":[{"parameter":"Nope","operator":"eq","value":1}]}}`, "Nope"},
	} {
		request, err := jobdb.ParseSearchJSON([]byte(`{"search":[` + c.filter + `]}`))
		if err == nil {
			_, err = f.trySearch(request, 0, 0)
		}
		if err == nil {
			f.t.Errorf("%s: no error", c.filter)
			continue
		}
		f.refused(err, jobdb.ErrInvalidQuery, c.about)
	}
}

// What makes a query costly is bounded, each bound by a setting, and refused by a clear error.
func testFilterLimits(f *fixture) {
	limited := f.alone(jobdb.Options{Limits: jobdb.Limits{
		Filters: 2, Depth: 1, Values: 3, Pattern: 4, RegexValues: 2, PerPage: 5, SummaryRows: 2,
	}})
	limited.addSites("a", "b", "c")
	for filters, about := range map[string]string{
		site(`"operator":"in","values":["1","2","3","4"]`):                                               "Site",
		site(`"operator":"like","value":"abcde"`):                                                        "Site",
		site(`"operator":"regex","value":"abcde"`):                                                       "Site",
		`{"not":{"not":` + site(`"operator":"eq","value":"a"`) + `}}`:                                    "search",
		strings.Repeat(site(`"operator":"eq","value":"a"`)+",", 2) + site(`"operator":"eq","value":"a"`): "search",
	} {
		request, err := jobdb.ParseSearchJSON([]byte(`{"search":[` + filters + `]}`))
		f.ok(err)
		_, err = limited.trySearch(request, 0, 0)
		limited.refused(err, jobdb.ErrInvalidQuery, about)
	}
	_, err := limited.trySearch(jobdb.SearchRequest{}, 1, 6)
	limited.refused(err, jobdb.ErrInvalidQuery, "per_page")
	_, err = limited.trySearch(jobdb.SearchRequest{}, 1, 5)
	limited.ok(err)

	regex := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "regex", Value: "a"}}}
	_, err = limited.trySearch(regex, 0, 0) // few values have what each match has
	limited.ok(err)
	regex.Search[0].Value = "[ab]"
	_, err = limited.trySearch(regex, 0, 0)
	if f.Engine() == "sqlite" { // it asks Go row by row
		limited.ok(err)
	} else {
		limited.refused(err, jobdb.ErrInvalidQuery, "Site")
	}
	regex.Search = append(regex.Search, jobdb.FilterSpec{Parameter: "Site", Operator: "neq", Value: "c"})
	_, err = limited.trySearch(regex, 0, 0)
	limited.ok(err)

	bySite, err := jobdb.SummaryRequest{Grouping: []string{"Site"}}.Parse(limited.Limits())
	f.ok(err)
	bySite.Scope.VO = limited.vo
	_, err = limited.Summary(f.ctx, bySite)
	limited.refused(err, jobdb.ErrInvalidQuery, "grouping")
}
