package service_test

import (
	"net/url"
	"slices"
	"strings"
)

// The columns of jobs by what they hold.
var (
	textColumns    = []string{"JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", "Status", "MinorStatus", "ApplicationStatus"}
	integerColumns = []string{"JobID", "UserPriority", "RescheduleCounter"}
	timeColumns    = []string{"StartExecTime", "EndExecTime"}
	serverTimes    = []string{"SubmissionTime", "RescheduleTime", "LastUpdateTime", "HeartBeatTime"} // each service has its own
	flagColumns    = []string{"VerifiedFlag", "AccountedFlag"}
	columns        = slices.Concat(integerColumns, textColumns, timeColumns, serverTimes, flagColumns)
	groupColumns   = slices.Concat(integerColumns, textColumns, timeColumns, flagColumns)
)

// testQueries searches among jobs of many kinds. All queries are confined to these, as the
// reference shows every VO's jobs.
func testQueries(r *round) {
	for range 9 { // whose IDs may stand in for anything where requests are spoiled
		r.submit("alice", `Executable = "x";`)
	}
	r.jobs = nil
	for range 40 {
		r.submit(choose(r.generator, "alice", "bob"), r.jdl())
	}
	for _, j := range r.jobs {
		r.advance(j, r.IntN(7))
	}
	for range 400 {
		q := r.query()
		if r.chance(3) {
			r.spoilBody(&q)
			q.unordered = true // it may be sorted by less, or made unique by more
		}
		r.play(q)
	}
}

// advance takes a job some steps on its usual way.
func (r *round) advance(j *job, steps int) {
	r.Helper()
	updates := object{}
	for _, status := range []string{"Checking", "Waiting", "Matched", "Running", "Completing", "Done"}[:min(steps, 6)] {
		updates[r.now().Format(instantForm)+"Z"] = object{"Status": status, "MinorStatus": choose(r.generator, "x", "y"), "Source": "JobAgent"}
	}
	if len(updates) > 0 {
		r.play(with("pilot", "PATCH", "/api/jobs/status", object{j.id: updates}))
		r.look(j)
	}
}

// query is a random search or summary, at times one that is refused.
func (r *round) query() request {
	filters := []any{object{"parameter": "JobGroup", "operator": "eq", "value": r.group}}
	for range choose(r.generator, 0, 1, 1, 1, 2, 3) {
		filters = append(filters, r.filter())
	}
	r.Shuffle(len(filters), func(a, b int) { filters[a], filters[b] = filters[b], filters[a] })
	if r.chance(4) {
		return r.summary(filters)
	}
	return r.search(filters)
}

func (r *round) summary(filters []any) request {
	names := []any{}
	for range 1 + r.IntN(3) {
		names = append(names, choose(r.generator, groupColumns...))
	}
	if r.chance(30) {
		names = append(names, choose[any](r.generator, "NoSuchColumn", "jobid", "", 5, nil, "count"))
	}
	q := with("alice", "POST", "/api/jobs/summary", object{"grouping": names, "search": filters})
	q.unordered = true
	return q
}

func (r *round) search(filters []any) request {
	body := object{"search": filters}
	selected := columns
	if r.chance(2) {
		selected = r.some(columns)
		body["parameters"] = selected
	}
	distinct := r.chance(4)
	if distinct {
		selected = r.some(groupColumns)
		body["parameters"], body["distinct"] = selected, true
	}
	sorts, ordered := r.sorts(selected, distinct)
	if len(sorts) > 0 {
		body["sort"] = sorts
	}
	if r.chance(10) && !distinct {
		body["parameters"] = append(slices.Clone(selected), choose(r.generator, "LoggingInfo", "NoSuchColumn", "jobid", ""))
	}
	q := with(choose(r.generator, "alice", "bob", "admin"), "POST", "/api/jobs/search", body)
	q.unordered = !ordered
	if ordered || r.chance(20) {
		q.path += r.page()
	}
	return q
}

func (r *round) some(names []string) []string {
	some := []string{}
	for range 1 + r.IntN(4) {
		some = append(some, choose(r.generator, names...))
	}
	return some
}

// sorts are random keys, and whether they leave no ties.
func (r *round) sorts(selected []string, distinct bool) (sorts []any, ordered bool) {
	names := []string{}
	for range r.IntN(3) {
		names = append(names, choose(r.generator, groupColumns...))
	}
	if ordered = r.chance(2); ordered && distinct {
		names = slices.Clone(selected)
		r.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
	} else if ordered {
		names = append(names, "JobID")
	}
	if r.chance(30) {
		names = append(names, choose(r.generator, "NoSuchColumn", "count", ""))
	}
	for _, name := range names {
		sorts = append(sorts, object{"parameter": name, "direction": choose(r.generator, "asc", "desc")})
	}
	return sorts, ordered || slices.Contains(names, "JobID")
}

// page is a random page, at times of a kind that is refused.
func (r *round) page() string {
	if r.chance(3) {
		return ""
	}
	good := []string{"1", "2", "3", "5", "10", "100"}
	bad := []string{"0", "-1", "", " ", "abc", "1.0", "1e3", "+2", " 3 ", "10000", "10001", "99999999999999999999", "0x5", "1_0", "٣", "1;", "null", "true"}
	number := func() string {
		if r.chance(8) {
			return choose(r.generator, bad...)
		}
		return choose(r.generator, good...)
	}
	query := url.Values{}
	if !r.chance(4) {
		query.Set("page", number())
	}
	if !r.chance(4) {
		query.Set("per_page", number())
	}
	if r.chance(20) {
		query.Add(choose(r.generator, "page", "per_page", "Page", "other"), number())
	}
	return "?" + query.Encode()
}

var operators = []string{"eq", "eq", "neq", "gt", "lt", "in", "in", "not in", "like", "not like", "regex"}

// filter is a random filter, mostly one that makes sense.
func (r *round) filter() object {
	operator := choose(r.generator, operators...)
	if r.chance(40) {
		operator = choose(r.generator, "EQ", "=", "gte", "ilike", "is null", "or", "", "notin", "not_in")
	}
	name := choose(r.generator, slices.Concat(textColumns, integerColumns, timeColumns, flagColumns)...)
	if r.chance(40) {
		name = choose(r.generator, "NoSuchColumn", "jobid", "", "LoggingInfo", "JobID;", "PilotStamp")
	}
	filter := object{"parameter": name, "operator": operator}
	if operator == "in" || operator == "not in" {
		values := []any{}
		form := r.IntN(len(timeForms))
		for range r.IntN(4) {
			values = append(values, r.value(name, operator, form))
		}
		filter["values"] = values
	} else {
		filter["value"] = r.value(name, operator, r.IntN(len(timeForms)))
	}
	return filter
}

// value is for a filter on a column.
func (r *round) value(name, operator string, form int) any {
	switch {
	case r.chance(25):
		return choose[any](r.generator, "", "abc", "5", 5, -1, 1<<40, "1e3", "'", "\x00", "🚀", "%")
	case slices.Contains(timeColumns, name):
		return r.timeText(form)
	case operator == "regex":
		return choose(r.generator, "^a", "li", "[A-Z]", "e$", "^$", "a|b", "^.$", "(?:5|0)x?$", `\d+`, "(", "a{,2}", "(?=a)")
	case strings.HasSuffix(operator, "like"):
		return choose(r.generator, "a%", "%i%", "A_i%", "%", "_", "", "5%", "a\\%b", "nothing", "%ë%")
	case name == "JobID":
		return choose[any](r.generator, choose(r.generator, r.jobs...).id, 1<<30)
	case slices.Contains(integerColumns, name):
		return choose[any](r.generator, 0, 1, 5, "5", 10, "-3", " 7")
	case slices.Contains(flagColumns, name):
		return choose[any](r.generator, "True", "False", "Failed", 1, 0)
	}
	return choose(r.generator, "alice", "Alice", "bob", "lhcb", "user", "Waiting", "Done", "ANY", "LCG.CERN.cern", "a%b", "5", r.group, "Zoë", "x")
}

var timeForms = []string{"2006", "2006-01", "2006-01-02", "2006-01-02 15", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05.000000", "2006-01-02 15:04:05.000Z"}

// timeText is a time that some job has, or another one.
func (r *round) timeText(form int) string {
	switch {
	case r.chance(12):
		return choose(r.generator, "2024-13", "2023-02-29", "9999", "0000", "now", "2024-02-29T10:00:00Z", "2024-02-29 10:00:00+01:00", "24", "2024-1-1", "1709200800")
	case r.chance(3):
		return choose(r.generator, "2001", "2024-02-29", "2100-01-01")
	}
	return choose(r.generator, r.jobs...).last.UTC().Format(timeForms[form])
}
