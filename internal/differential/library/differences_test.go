package library_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"jobdb"
)

// shownDifferences shows each row of docs/differences.md on one database, as far as it has the
// difference.
var shownDifferences = map[difference]func(d *sharedDatabase){
	byteExact:               showByteExact,
	likeCase:                showLikeCase,
	likeEscape:              showLikeEscape,
	regexDialect:            showRegexDialect,
	flagValues:              showFlagValues,
	flagOrder:               showFlagOrder,
	coercion:                showCoercion,
	integerRange:            showIntegerRange,
	numberAsText:            showNumberAsText,
	"null-value":            showNullValue,
	timeForms:               showTimeForms,
	"time-exists":           showTimeExists,
	"time-without-fraction": showTimeWithoutFraction,
	"extensions":            showExtensions,
	"ties":                  showTies,
	distinctSort:            showDistinctSort,
	"summary-order":         showSummaryOrder,
	"page-range":            showPageRange,
	"limits":                showLimits,
	"unknown-attributes":    showUnknownAttributes,
	"too-long":              showTooLong,
	"empty-calls":           showEmptyCalls,
	"commands-claimed":      showCommandsClaimed,
	"commands-leased":       showCommandsLeased,
	"commands-equal":        showCommandsEqual,
	"commands-all":          showCommandsAll,
	"heartbeat-again":       showHeartbeatAgain,
	"history-length":        showHistoryLength,
	"history-order":         showHistoryOrder,
	"history-delete":        showHistoryDelete,
	"status-times":          showStatusTimes,
}

func TestDifferentialDifferences(t *testing.T) {
	onShared(t, func(d *sharedDatabase) {
		for name, show := range shownDifferences {
			d.t.Run(string(name), func(t *testing.T) {
				part, r := *d, *d.reference
				part.t, r.t = t, t
				part.reference = &r
				part.vo = string(name)
				show(&part)
			})
		}
	})
}

// TestDifferencesDocumented holds the names in the tests against docs/differences.md, both ways.
func TestDifferencesDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		if documented[row[1]] {
			t.Errorf("docs/differences.md has two rows %s", row[1])
		}
		documented[row[1]] = true
		if _, shown := shownDifferences[difference(row[1])]; !shown {
			t.Errorf("no test shows %s of docs/differences.md", row[1])
		}
	}
	for name := range shownDifferences {
		if !documented[string(name)] {
			t.Errorf("docs/differences.md has no row %s", name)
		}
	}
}

// job makes a job for the difference that is shown, with attributes beside its VO.
func (d *sharedDatabase) job(attributes jobdb.Attributes) jobdb.JobID {
	d.t.Helper()
	attributes["VO"] = d.vo
	return d.createJob("[x]", attributes)
}

// ofVO is the filter for this difference's jobs.
func (d *sharedDatabase) ofVO() []jobdb.FilterSpec {
	return []jobdb.FilterSpec{{Parameter: "VO", Operator: "eq", Value: d.vo}}
}

// where is a query for this difference's jobs that a filter lets through.
func (d *sharedDatabase) where(parameter, operator string, value any) query {
	f := jobdb.FilterSpec{Parameter: parameter, Operator: operator, Value: value}
	if list, ok := value.([]any); ok && takesList(operator) {
		f.Value, f.Values = nil, list
	}
	return query{
		parameters: []string{"JobID"}, filters: append(d.ofVO(), f), sorts: []jobdb.SortSpec{{Parameter: "JobID", Direction: "asc"}},
	}
}

// finds wants the jobs that each side finds; refused stands for an error.
func (d *sharedDatabase) finds(q query, ours, theirs []jobdb.JobID) {
	d.t.Helper()
	for side, want := range map[string][]jobdb.JobID{"we": ours, "the reference": theirs} {
		a := d.search(q)
		if side != "we" {
			a = d.reference.search(q)
		}
		got := []jobdb.JobID{}
		for _, row := range a.rows {
			got = append(got, jobdb.JobID(row[0].(int64)))
		}
		if slices.Equal(want, refused) != (a.err != nil) || a.err == nil && !slices.Equal(got, want) {
			d.t.Errorf("%s: %s found %v, %v; want %v", q, side, got, a.err, want)
		}
	}
}

var refused = []jobdb.JobID{-1}

func none() []jobdb.JobID { return []jobdb.JobID{} }

// either chooses what holds on some databases only.
func either[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}

func showByteExact(d *sharedDatabase) {
	collates := d.mysql && d.live
	a, b, c := d.job(jobdb.Attributes{"Owner": "alice"}), d.job(jobdb.Attributes{"Owner": "Alice"}), d.job(jobdb.Attributes{"Owner": "alice "})
	only, others := []jobdb.JobID{a}, []jobdb.JobID{b, c}
	same, different := []jobdb.JobID{a, b, c}, none() // by the collation
	if d.newMySQL {
		same, different = []jobdb.JobID{a, b}, []jobdb.JobID{c}
	}
	d.finds(d.where("Owner", "eq", "alice"), only, either(collates, same, only))
	d.finds(d.where("Owner", "neq", "alice"), others, either(collates, different, others))
	d.finds(d.where("Owner", "lt", "alice"), []jobdb.JobID{b}, either(collates, none(), []jobdb.JobID{b}))
	group := query{summary: true, parameters: []string{"Owner"}, filters: d.ofVO()}
	d.equal("our groups", len(d.search(group).rows), either(collates, 1+len(different), 3))
	d.equal("the reference's groups", len(d.reference.search(group).rows), either(collates, 1+len(different), 3))
}

func showLikeCase(d *sharedDatabase) {
	a, b := d.job(jobdb.Attributes{"JobName": "alice"}), d.job(jobdb.Attributes{"JobName": "ALICE"})
	both := []jobdb.JobID{a, b}
	d.finds(d.where("JobName", "like", "ali%"), both, either(d.mysql && !d.live, both[:1], both))
}

func showLikeEscape(d *sharedDatabase) {
	percent, plain, backslash := d.job(jobdb.Attributes{"JobName": "5%"}), d.job(jobdb.Attributes{"JobName": "50"}), d.job(jobdb.Attributes{"JobName": `5\0`})
	d.finds(d.where("JobName", "like", "5%"), []jobdb.JobID{percent, plain, backslash}, []jobdb.JobID{percent, plain, backslash})
	d.finds(d.where("JobName", "like", `5\%`), []jobdb.JobID{percent}, []jobdb.JobID{either(d.mysql, percent, backslash)})
	d.finds(d.where("JobName", "like", `5\`), refused, none())
}

func showRegexDialect(d *sharedDatabase) {
	a, b := d.job(jobdb.Attributes{"JobName": "alice"}), d.job(jobdb.Attributes{"JobName": "ALICE"})
	d.finds(d.where("JobName", "regex", "^a"), []jobdb.JobID{a}, either(d.mysql && d.live, []jobdb.JobID{a, b}, []jobdb.JobID{a}))
	d.finds(d.where("JobName", "regex", "^a(?=l)"), refused, either(d.mysql && d.live, []jobdb.JobID{a, b}, []jobdb.JobID{a}))
	d.finds(d.where("JobName", "regex", `^\pL+$`), []jobdb.JobID{a, b}, refused)
	d.finds(d.where("UserPriority", "regex", "^0$"), []jobdb.JobID{a, b}, either(d.mysql, []jobdb.JobID{a, b}, refused))
}

func showFlagValues(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{"VerifiedFlag": true, "AccountedFlag": jobdb.AccountedFailed})}
	d.finds(d.where("VerifiedFlag", "eq", true), a, a)
	d.finds(d.where("VerifiedFlag", "eq", "True"), a, refused)
	d.finds(d.where("VerifiedFlag", "in", []any{"true"}), a, refused)
	d.finds(d.where("AccountedFlag", "eq", "Failed"), a, a)
	d.finds(d.where("AccountedFlag", "like", "Fail%"), a, refused)
	d.finds(d.where("AccountedFlag", "regex", "^F"), a, refused)
}

func showFlagOrder(d *sharedDatabase) {
	yes, no, failed := d.job(jobdb.Attributes{"AccountedFlag": true}), d.job(jobdb.Attributes{}), d.job(jobdb.Attributes{"AccountedFlag": jobdb.AccountedFailed})
	q := d.where("AccountedFlag", "in", []any{true, false, "Failed"})
	q.sorts[0].Parameter = "AccountedFlag"
	byText := []jobdb.JobID{failed, no, yes}
	d.finds(q, byText, either(d.mysql, []jobdb.JobID{yes, no, failed}, byText))
}

func showCoercion(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{})}
	d.finds(d.where("UserPriority", "eq", "0"), a, a)
	d.finds(d.where("UserPriority", "eq", "abc"), refused, either(d.mysql, a, none()))
}

func showIntegerRange(d *sharedDatabase) {
	d.finds(d.where("UserPriority", "eq", 1e30), refused, none())
	d.finds(d.where("UserPriority", "eq", uint64(1<<63)), refused, either(d.mysql, none(), refused))
}

func showNumberAsText(d *sharedDatabase) {
	a, b := d.job(jobdb.Attributes{"JobName": "5"}), d.job(jobdb.Attributes{"JobName": "5x"})
	d.finds(d.where("JobName", "eq", 5), []jobdb.JobID{a}, either(d.mysql, []jobdb.JobID{a, b}, []jobdb.JobID{a}))
}

func showNullValue(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{})}
	d.finds(d.where("EndExecTime", "eq", nil), refused, a)
}

func showTimeForms(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{"EndExecTime": time.Date(9999, 1, 2, 10, 0, 0, 0, time.UTC)})}
	for _, text := range []string{"9999", "9999-01-02T10:00:00Z", "9999-01-02 12:00+02:00", "9999-01-02 10:00:00.123456789"} {
		d.finds(d.where("EndExecTime", "eq", text), a, refused)
	}
	d.finds(d.where("EndExecTime", "gt", json.Number("2024")), a, refused)
}

func showTimeExists(d *sharedDatabase) {
	for _, text := range []string{"2024-13", "2023-02-29", "0000"} {
		d.finds(d.where("EndExecTime", "eq", text), refused, refused)
		d.reference.refuses("ValueError", "search", args{"parameters": nil, "search": d.where("EndExecTime", "eq", text).specs(), "sorts": nil})
	}
}

func showTimeWithoutFraction(d *sharedDatabase) {
	id := d.job(jobdb.Attributes{})
	d.reference.call("set_job_attributes", args{"job_data": map[jobdb.JobID]any{id: map[string]any{"HeartBeatTime": map[string]bool{"$now": true}}}})
	second := d.attribute(id, "HeartBeatTime").(time.Time).Format("2006-01-02 15:04:05")
	d.finds(d.where("HeartBeatTime", "eq", second), []jobdb.JobID{id}, either(d.mysql, []jobdb.JobID{id}, none()))
}

func showExtensions(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{})}
	d.finds(d.where("UserPriority", "gte", 0), a, refused)
	d.finds(d.where("UserPriority", "lte", 0), a, refused)
	d.finds(d.where("EndExecTime", "is null", nil), a, refused)
	d.finds(d.where("EndExecTime", "is not null", nil), none(), refused)
	d.finds(d.where("JobName", "ilike", "UNKNOWN"), a, a)
	group := query{filters: []jobdb.FilterSpec{{Or: []jobdb.FilterSpec{{Not: &d.ofVO()[0]}, {And: d.ofVO()}}}}}
	d.equal("all jobs", d.search(group).total, d.search(query{}).total)
}

func showTies(d *sharedDatabase) {
	ids := []jobdb.JobID{}
	for range 10 {
		ids = append(ids, d.job(jobdb.Attributes{}))
	}
	q := d.where("UserPriority", "eq", 0)
	for _, direction := range []string{"asc", "desc"} {
		q.sorts = []jobdb.SortSpec{{Parameter: "Site", Direction: direction}}
		q.perPage = 3
		paged := []jobdb.JobID{}
		for q.page = 1; q.page <= 4; q.page++ {
			for _, row := range d.search(q).rows {
				paged = append(paged, jobdb.JobID(row[0].(int64)))
			}
			theirs := d.reference.search(q)
			d.equal("the reference's total", theirs.total, int64(10))
			d.equal("the reference's rows", len(theirs.rows), either(q.page < 4, 3, 1))
		}
		d.equal("jobs on all pages, "+direction, paged, ids)
		slices.Reverse(ids)
	}
}

func showDistinctSort(d *sharedDatabase) {
	d.job(jobdb.Attributes{})
	q := d.where("UserPriority", "eq", 0)
	q.parameters, q.distinct = []string{"UserPriority"}, true
	if a := d.search(q); !errors.Is(a.err, jobdb.ErrInvalidQuery) {
		d.t.Errorf("we answer %v, %v", a.rows, a.err)
	}
	a := d.reference.search(q)
	d.equal("the reference's rows", a.rows, either(d.newMySQL, nil, [][]any{{int64(0)}}))
	d.equal("the reference fails", a.err != nil, d.newMySQL)
}

func showSummaryOrder(d *sharedDatabase) {
	for _, site := range []string{"b", "c", "a", "b"} {
		d.job(jobdb.Attributes{"Site": site})
	}
	q := query{summary: true, parameters: []string{"Site"}, filters: d.ofVO()}
	want := [][]any{{"a", int64(1)}, {"b", int64(2)}, {"c", int64(1)}}
	d.equal("our groups", d.search(q).rows, want)
	d.equal("the reference's groups", unordered(d.reference.search(q).rows), want)
}

func showPageRange(d *sharedDatabase) {
	d.job(jobdb.Attributes{})
	q := d.where("UserPriority", "eq", 0)
	q.page, q.perPage = 1<<62, 1000
	d.finds(q, none(), refused)
	d.equal("our total", d.search(q).total, int64(1))
}

func showLimits(d *sharedDatabase) {
	a := []jobdb.JobID{d.job(jobdb.Attributes{})}
	q := d.where("UserPriority", "eq", 0)
	q.page, q.perPage = 1, 1001 // of this test's limit
	d.finds(q, refused, a)
	q = d.where("UserPriority", "eq", 0)
	for range jobdb.DefaultLimits.Filters {
		q.filters = append(q.filters, q.filters[1])
	}
	d.finds(q, refused, a)
}
