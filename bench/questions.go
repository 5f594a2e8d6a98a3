package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// question is one that a monitor asks.
type question struct {
	name string // the same whatever the number of jobs, so it has no values
	ask  func(ctx context.Context, db *jobdb.DB) (reach, error)

	// What the checks of plans have to know.
	filters []string // the columns that filters compare
	narrow  string   // the one of them that leaves few jobs by itself
	finds   bool     // it costs what it finds, which may be many jobs; others cost what they show
}

// reach is how many jobs an answer is about.
type reach struct {
	found int64 // jobs that match
	shown int64 // jobs on the page and on those before
}

// questionKind is what is asked alike. onePass allows one pass over an index instead of the floor of
// all others.
type questionKind struct {
	name    string
	onePass bool
	list    func(m *monitor) []question
}

// questionKinds are all that is measured.
var questionKinds = slices.Concat(
	timeKinds("submitted", "SubmissionTime"), timeKinds("updated", "LastUpdateTime"),
	timeKinds("started", "StartExecTime"), timeKinds("ended", "EndExecTime"),
	[]questionKind{
		{"page 1 sorted by a column", false, func(m *monitor) []question { return m.sorted(1, sortedNames...) }},
		{"page 1,000 sorted by a column", false, func(m *monitor) []question { return m.sorted(m.deep, sortedNames...) }},
		{"page 1 sorted by VO or a flag", false, func(m *monitor) []question { return m.sorted(1, "VO", "VerifiedFlag", "AccountedFlag") }},
		{"page 1,000 sorted by VO or a flag", false, func(m *monitor) []question { return m.sorted(m.deep, "VO", "VerifiedFlag", "AccountedFlag") }},
		{"page 1 sorted by HeartBeatTime", false, func(m *monitor) []question { return m.sorted(1, "HeartBeatTime") }},
		{"page 1,000 sorted by HeartBeatTime", false, func(m *monitor) []question { return m.sorted(m.deep, "HeartBeatTime") }},
		{"page 1 sorted, of the commonest value", false, func(m *monitor) []question { return m.sortedEqual(1, commonest) }},
		{"page 1 sorted, of a middling value", false, func(m *monitor) []question { return m.sortedEqual(1, middling) }},
		{"page 1 sorted, of the rarest value", false, func(m *monitor) []question { return finding(m.sortedEqual(1, rarest)) }},
		{"page 1,000 sorted, of the commonest value", false, func(m *monitor) []question { return m.sortedEqual(m.deep, commonest) }},
		{"distinct values", false, func(m *monitor) []question { return m.distinct(1, 0) }},
		{"distinct values of the commonest value", false, func(m *monitor) []question { return m.distinct(1, 1) }},
		{"distinct pairs", false, func(m *monitor) []question { return m.distinct(2, 0) }},
		{"summary by one", false, func(m *monitor) []question { return m.summaries(countedNames, 1, noEqual) }},
		{"summary by two", false, func(m *monitor) []question { return m.summaries(countedNames, 2, noEqual) }},
		{"summary by three", false, func(m *monitor) []question { return m.summaries(countedNames, 3, noEqual) }},
		{"summary by three of the commonest value", false, func(m *monitor) []question { return m.summaries(countedNames, 3, commonest) }},
		{"summary by three of a middling value", false, func(m *monitor) []question { return m.summaries(countedNames, 3, middling) }},
		{"summary by three of the rarest value", false, func(m *monitor) []question { return finding(m.summaries(countedNames, 3, rarest)) }},
		{"summary by ApplicationStatus and one", false, func(m *monitor) []question { return m.summariesWith("ApplicationStatus", 1, noEqual) }},
		{"summary by ApplicationStatus and two", false, func(m *monitor) []question { return m.summariesWith("ApplicationStatus", 2, noEqual) }},
		{"summary by ApplicationStatus and one of the commonest value", false, func(m *monitor) []question {
			return m.summariesWith("ApplicationStatus", 1, commonest)
		}},
		{"summary by UserPriority", false, func(m *monitor) []question {
			return slices.Concat(
				m.summariesWith("UserPriority", 0, noEqual), m.summariesWith("UserPriority", 1, noEqual), m.summariesWith("UserPriority", 0, commonest))
		}},
		{"summary by RescheduleCounter", false, func(m *monitor) []question {
			return slices.Concat(
				m.summariesWith("RescheduleCounter", 0, noEqual), m.summariesWith("RescheduleCounter", 1, noEqual), m.summariesWith("RescheduleCounter", 0, commonest))
		}},
		{"facets", false, func(m *monitor) []question { return m.facets(noEqual, slices.Concat(countedFacets, uncountedFacets)) }},
		{"facets of the commonest value", false, func(m *monitor) []question { return m.facets(commonest, countedFacets) }},
		{"facets of a middling value", false, func(m *monitor) []question { return m.facets(middling, countedFacets) }},
		{"facets of the commonest value, not counted", false, func(m *monitor) []question { return m.facets(commonest, uncountedFacets) }},
		{"facet of names", true, func(m *monitor) []question { return m.facets(noEqual, [][]string{{"JobName"}}) }},
		{"facets of a span", false, func(m *monitor) []question { return m.facetsInSpans() }},
		{"histogram of a span", false, func(m *monitor) []question { return m.histograms("") }},
		{"histogram of a span with a value", false, func(m *monitor) []question { return m.histograms("Status", "Site", "Owner", "JobGroup") }},
		{"values that begin with", false, func(m *monitor) []question { return m.completions() }},
		{"what has just changed", false, func(*monitor) []question {
			return []question{changes("of a VO", jobdb.Scope{VO: growthVO}), changes("of all VOs", jobdb.Scope{AllVOs: true})}
		}},
		{"Running and not heard of", false, func(m *monitor) []question { return m.silent() }},
		{"final and ended before", false, func(m *monitor) []question { return m.retention() }},
		{"names that begin with", false, func(m *monitor) []question { return m.names("like", "00100003%", "analysis_bs2%", "toys_anna%") }},
		{"names that contain", true, func(m *monitor) []question { return m.names("like", "%jpsiphi%", "%_00000007", "%never there%") }},
		{"names that match", true, func(m *monitor) []question {
			return m.names("regex", "^toys_[ab].*_0000010[0-9]$", "Phi_(anna|eve)1", "never there")
		}},
	},
)

// countedNames are the columns by which jobs are counted in combinations.
var countedNames = []string{"JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus"}

// sortedNames are all columns but HeartBeatTime, which changes so often that no index has it in order,
// VO, which is the same for all that is found, and flags, which some engines keep in an order of theirs.
var sortedNames = []string{
	"JobID", "JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "SubmissionTime", "RescheduleTime", "LastUpdateTime",
	"StartExecTime", "EndExecTime", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter",
}

// rank says which value of a column a filter wants, by the number of jobs that have it.
type rank int

const (
	noEqual rank = iota - 1
	commonest
	middling
	rarest
)

func (r rank) String() string { return [...]string{"", "commonest", "middling", "rarest"}[r+1] }

// monitor asks about the jobs of growthVO.
type monitor struct {
	values map[string][3]any // of each column, by rank
	jobs   map[string][3]int // that have them
	draw   int               // questions of a kind at most; 0: all
	deep   int               // the number of a page far behind
}

// newMonitor looks which values there are.
func (d *database) newMonitor(ctx context.Context, draw int) (*monitor, error) {
	m := &monitor{values: map[string][3]any{}, jobs: map[string][3]int{}, draw: draw, deep: 1000}
	for _, column := range append([]string{"VO", "ApplicationStatus"}, countedNames...) {
		summary, err := d.summarize(ctx, column)
		if err != nil {
			return nil, err
		}
		rows := summary.Rows
		slices.SortFunc(rows, func(a, b []any) int { return int(b[1].(int64) - a[1].(int64)) })
		var values [3]any
		var jobs [3]int
		for i, row := range [3][]any{rows[0], rows[len(rows)/2], rows[len(rows)-1]} {
			values[i], jobs[i] = row[0], int(row[1].(int64))
		}
		m.values[column], m.jobs[column] = values, jobs
	}
	return m, nil
}

// drawn are some of the questions of a kind, for every database the same.
func (m *monitor) drawn(kind questionKind) []question {
	questions := kind.list(m)
	if m.draw > 0 && len(questions) > m.draw {
		seed := fnv.New64()
		_, _ = seed.Write([]byte(kind.name))
		random := rand.New(rand.NewPCG(seed.Sum64(), 1))
		random.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
		questions = questions[:m.draw]
	}
	return questions
}

func (m *monitor) equal(column string, r rank) []jobdb.FilterSpec {
	return []jobdb.FilterSpec{equal(column, m.values[column][r])}
}

// search asks for a page with its total.
func search(name string, page int, request jobdb.SearchRequest) question {
	return searching(name, request, func(s *jobdb.Search) { s.Page, s.PerPage = page, perPage })
}

func searching(name string, request jobdb.SearchRequest, set func(*jobdb.Search)) question {
	return question{name: name, filters: filterColumns(request.Search), ask: func(ctx context.Context, db *jobdb.DB) (reach, error) {
		s, err := request.Parse(db.Limits())
		if err != nil {
			return reach{}, err
		}
		s.Scope.VO = growthVO
		set(&s)
		page, err := db.Search(ctx, s)
		return reach{page.Total, page.Before + int64(len(page.Rows))}, err
	}}
}

// changes asks as the readers of changes do, for all that has changed in the last minutes.
func changes(name string, scope jobdb.Scope) question {
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "LastUpdateTime"},
		Search: []jobdb.FilterSpec{
			compare("LastUpdateTime", "gte", gridEnd.Add(-10*time.Minute)), compare("LastUpdateTime", "lte", gridEnd.Add(time.Minute)),
		},
		Sort: []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}},
	}
	q := searching(name, request, func(s *jobdb.Search) { s.Scope, s.Page, s.PerPage, s.Uncounted = scope, 1, 10_000, true })
	q.narrow, q.finds = "LastUpdateTime", true
	return q
}

func summary(name string, filters []jobdb.FilterSpec, columns ...string) question {
	return question{name: name, filters: filterColumns(filters), ask: func(ctx context.Context, db *jobdb.DB) (r reach, err error) {
		s, err := jobdb.SummaryRequest{Grouping: columns, Search: filters}.Parse(db.Limits())
		if err != nil {
			return r, err
		}
		s.Scope.VO = growthVO
		counts, err := db.Summary(ctx, s)
		for _, row := range counts.Rows {
			r.found += row[len(row)-1].(int64)
		}
		return r, err
	}}
}

func filterColumns(filters []jobdb.FilterSpec) (names []string) {
	for _, f := range filters {
		names = append(names, f.Parameter)
	}
	return names
}

// spans of time that questions are about.
var spans = []struct {
	name      string
	ago, long time.Duration // from so long before gridEnd on; 0: up to gridEnd
}{
	{"the last hour", time.Hour, 0},
	{"the last day", 24 * time.Hour, 0},
	{"an hour 7 days ago", 7 * 24 * time.Hour, time.Hour},
	{"a day 10 days ago", 10 * 24 * time.Hour, 24 * time.Hour},
}

// timeKinds ask for the jobs of spans of time, alone and with a value of another column.
func timeKinds(verb, column string) (kinds []questionKind) {
	for _, with := range [][]string{{""}, {"Status", "Site", "Owner", "JobGroup"}} {
		suffix := ""
		if with[0] != "" {
			suffix = " with a value"
		}
		kinds = append(
			kinds,
			questionKind{verb + " in a span" + suffix + ": page 1", false, func(m *monitor) []question { return m.pagesInSpans(column, with) }},
			questionKind{verb + " in a span" + suffix + ": summary by one", false, func(m *monitor) []question {
				return m.summariesInSpans(column, with, []string{"Status"}, []string{"Site"})
			}},
			questionKind{verb + " in a span" + suffix + ": summary by two", false, func(m *monitor) []question {
				return m.summariesInSpans(column, with, []string{"Owner", "Status"}, []string{"Site", "Status"})
			}},
			questionKind{verb + " in a span" + suffix + ": summary by three", false, func(m *monitor) []question {
				return m.summariesInSpans(column, with, []string{"Site", "Status", "MinorStatus"}, []string{"Owner", "JobGroup", "Status"})
			}},
		)
	}
	return kinds
}

// inSpans makes questions of each span with the commonest value of each column; "" is none.
func (m *monitor) inSpans(column string, with []string, ask func(of string, filters []jobdb.FilterSpec) []question) (questions []question) {
	for _, span := range spans {
		for _, value := range with {
			of := span.name
			filters := []jobdb.FilterSpec{compare(column, "gte", gridEnd.Add(-span.ago))}
			if span.long > 0 {
				filters = append(filters, compare(column, "lt", gridEnd.Add(span.long-span.ago)))
			}
			if value != "" {
				of += ", " + value
				filters = append(filters, m.equal(value, commonest)...)
			}
			questions = append(questions, ask(of, filters)...)
		}
	}
	for i := range questions {
		questions[i].narrow = column
	}
	return finding(questions)
}

func (m *monitor) pagesInSpans(column string, with []string) []question {
	return m.inSpans(column, with, func(of string, filters []jobdb.FilterSpec) []question {
		latest := []jobdb.SortSpec{{Parameter: column, Direction: "desc"}}
		return []question{
			search(of, 1, jobdb.SearchRequest{Search: filters}),
			search(of+", latest first", 1, jobdb.SearchRequest{Search: filters, Sort: latest}),
		}
	})
}

func (m *monitor) summariesInSpans(column string, with []string, groupings ...[]string) []question {
	return m.inSpans(column, with, func(of string, filters []jobdb.FilterSpec) (questions []question) {
		for _, columns := range groupings {
			questions = append(questions, summary(strings.Join(columns, " × ")+", "+of, filters, columns...))
		}
		return questions
	})
}

// compare is a filter that compares with a time.
func compare(column, operator string, at time.Time) jobdb.FilterSpec {
	return jobdb.FilterSpec{Parameter: column, Operator: operator, Value: at.Format(time.DateTime)}
}

// finding are questions that cost what they find.
func finding(questions []question) []question {
	for i := range questions {
		questions[i].finds = true
	}
	return questions
}

// sorted asks for a page, or the last where there are fewer.
func (m *monitor) sorted(page int, columns ...string) (questions []question) {
	for _, column := range columns {
		for _, direction := range []string{"asc", "desc"} {
			sort := []jobdb.SortSpec{{Parameter: column, Direction: direction}}
			questions = append(questions, search(column+" "+direction, m.page(page, "VO", commonest), jobdb.SearchRequest{Sort: sort}))
		}
	}
	return questions
}

func (m *monitor) sortedEqual(page int, r rank) (questions []question) {
	for _, value := range append([]string{"ApplicationStatus"}, countedNames...) {
		for _, column := range jobdb.Columns() {
			for _, direction := range []string{"asc", "desc"} {
				request := jobdb.SearchRequest{Search: m.equal(value, r), Sort: []jobdb.SortSpec{{Parameter: column.Name(), Direction: direction}}}
				questions = append(questions, search(column.Name()+" "+direction+", "+value, m.page(page, value, r), request))
			}
		}
	}
	return questions
}

// page is that page of the jobs with a value, or the last where there are fewer.
func (m *monitor) page(page int, column string, r rank) int {
	return min(page, (m.jobs[column][r]+perPage-1)/perPage)
}

// distinct asks which values, or pairs of values, there are, with so many filters.
func (m *monitor) distinct(columns, filters int) []question {
	r := noEqual
	if filters > 0 {
		r = commonest
	}
	return m.combined(append([]string{"ApplicationStatus"}, countedNames...), nil, columns, r,
		func(name string, of []jobdb.FilterSpec, columns []string) question {
			return search(name, 1, jobdb.SearchRequest{Parameters: columns, Search: of, Distinct: true})
		})
}

func (m *monitor) summaries(of []string, n int, r rank) []question {
	return m.combined(of, nil, n, r, func(name string, filters []jobdb.FilterSpec, columns []string) question {
		return summary(name, filters, columns...)
	})
}

// summariesWith group by that column and by n of those that are counted.
func (m *monitor) summariesWith(column string, n int, r rank) []question {
	return m.combined(countedNames, []string{column}, n, r, func(name string, filters []jobdb.FilterSpec, columns []string) question {
		return summary(name, filters, columns...)
	})
}

// combined asks for each combination of some columns and n of the others, with a value of each
// column that isn't among them, unless the rank is noEqual.
func (m *monitor) combined(of, always []string, n int, r rank, ask func(string, []jobdb.FilterSpec, []string) question) (questions []question) {
	for _, some := range combinations(of, n) {
		columns := slices.Concat(always, some)
		name := strings.Join(columns, " × ")
		if r == noEqual {
			questions = append(questions, ask(name, nil, columns))
			continue
		}
		for _, value := range append([]string{"ApplicationStatus"}, countedNames...) {
			if !slices.Contains(columns, value) {
				questions = append(questions, ask(name+", "+value, m.equal(value, r), columns))
			}
		}
	}
	return questions
}

// combinations are all choices of n of these.
func combinations(of []string, n int) [][]string {
	if n == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range of {
		for _, rest := range combinations(of[i+1:], n-1) {
			all = append(all, append([]string{of[i]}, rest...))
		}
	}
	return all
}

// silent asks for jobs that run and haven't sent a heartbeat for some time.
func (m *monitor) silent() (questions []question) {
	for name, ago := range map[string]time.Duration{"an hour": time.Hour, "a day": 24 * time.Hour} {
		filters := []jobdb.FilterSpec{equal("Status", "Running"), compare("HeartBeatTime", "lt", gridEnd.Add(-ago))}
		oldest := []jobdb.SortSpec{{Parameter: "HeartBeatTime", Direction: "asc"}}
		questions = append(
			questions,
			search(name, 1, jobdb.SearchRequest{Search: filters}),
			search(name+", longest first", 1, jobdb.SearchRequest{Search: filters, Sort: oldest}),
			summary("Site, "+name, filters, "Site"),
		)
	}
	slices.SortFunc(questions, func(a, b question) int { return strings.Compare(a.name, b.name) })
	return finding(questions)
}

// retention asks for the next jobs to delete, of which there are many: a batch costs what it shows.
func (m *monitor) retention() (questions []question) {
	final := jobdb.FilterSpec{Parameter: "Status", Operator: "in", Values: []any{"Done", "Failed", "Killed"}}
	for _, days := range []int{20, 5} {
		for _, status := range []jobdb.FilterSpec{final, equal("Status", "Failed")} {
			filters := []jobdb.FilterSpec{status, compare("EndExecTime", "lt", gridEnd.AddDate(0, 0, -days))}
			questions = append(questions, batch(fmt.Sprintf("%d days, Status %s", days, status.Operator), filters))
		}
	}
	return questions
}

// batch asks for 1,000 JobIDs, in any order, and not how many more there are.
func batch(name string, filters []jobdb.FilterSpec) question {
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: filters}
	return searching(name, request, func(s *jobdb.Search) { s.Page, s.PerPage, s.Uncounted = 1, 1000, true })
}

func (m *monitor) names(operator string, patterns ...string) (questions []question) {
	for _, pattern := range patterns {
		filter := jobdb.FilterSpec{Parameter: "JobName", Operator: operator, Value: pattern}
		questions = append(questions, search(pattern, 1, jobdb.SearchRequest{Search: []jobdb.FilterSpec{filter}}))
	}
	return finding(questions)
}
