package library_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// query is a search or a summary as both sides get it.
type query struct {
	summary       bool // parameters are what is grouped by
	parameters    []string
	filters       []jobdb.FilterSpec
	sorts         []jobdb.SortSpec
	distinct      bool
	page, perPage int // 0: all
}

// answer is what a side says to a query; each row of a summary ends with its count.
type answer struct {
	total int64
	rows  [][]any
	err   error
}

func (q query) String() string {
	text, _ := json.Marshal(q.specs()) // plain values
	kind := "search"
	if q.summary {
		kind = "summary"
	}
	return fmt.Sprintf("%s of %q where %s sorted by %v distinct %t page %d of %d", kind, q.parameters, text, q.sorts, q.distinct, q.page, q.perPage)
}

// columns are the names of the columns of the answer, in the table's order.
func (q query) columns() []string {
	var names []string
	for _, column := range jobdb.Columns() {
		if len(q.parameters) == 0 || slices.Contains(q.parameters, column.Name()) {
			names = append(names, column.Name())
		}
	}
	return names
}

// specs are the filters with just the keys that their operators need.
func (q query) specs() []map[string]any {
	specs := []map[string]any{}
	for _, f := range q.filters {
		spec := map[string]any{"parameter": f.Parameter, "operator": f.Operator}
		if takesList(f.Operator) {
			spec["values"] = f.Values
		} else {
			spec["value"] = f.Value
		}
		specs = append(specs, spec)
	}
	return specs
}

func takesList(operator string) bool { return operator == "in" || operator == "not in" }

// ordered reports whether the sort leaves no ties: only then is the reference's order of rows
// defined.
func (q query) ordered() bool {
	sortedBy := func(name string) bool {
		return slices.ContainsFunc(q.sorts, func(s jobdb.SortSpec) bool { return s.Parameter == name })
	}
	return !q.summary && (sortedBy("JobID") || q.distinct && !slices.ContainsFunc(q.columns(), func(name string) bool { return !sortedBy(name) }))
}

const jobsPerRound = 60

// generator makes random jobs and random questions about them.
type generator struct {
	*rand.Rand
	jobs []jobdb.Attributes // with JobID
}

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// oneIn is true once in n times.
func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

// texts are what the columns of jobs hold. JobName and Owner have what collations, patterns and
// drivers trip over; the others have what a grid has, and sort by bytes as by any collation.
var texts = map[string][]string{
	"JobType":           {"user", "test", "MCSimulation", "Merge"},
	"JobGroup":          {"00000000", "00012345", "00012346"},
	"Site":              {"ANY", "LCG.CERN.cern", "LCG.PIC.es", "DIRAC.Client.fr"},
	"JobName":           {"Unknown", "alice", "Alice", "ALICE ", "é", "e", "E", "Zoë", "日本語", "🚀", "a%b", "a_b", `a\b`, "a|b", "100%", "", " lead", "tab\t.", "5", "5x", `it's "so"; --`},
	"Owner":             {"alice", "Alice", "bob", "bob ", "straße", "strasse", "Bob"},
	"OwnerGroup":        {"belle_user", "lhcb_user", "lhcb_prod"},
	"VO":                {"lhcb", "belle", "gridpp"},
	"Status":            {"Received", "Waiting", "Running", "Done", "Failed", "Killed"},
	"MinorStatus":       {"Unknown", "Job accepted", "Application Finished With Errors", "Pilot Agent Submission"},
	"ApplicationStatus": {"Unknown", "", strings.Repeat("Zoom ", 51), "Gauss 49.5 OK"},
}

// instants are around the borders of the periods that filters name.
var instants = []time.Time{
	time.Date(2023, 12, 31, 23, 59, 59, 999999000, time.UTC),
	time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2024, 1, 1, 0, 0, 0, 1000, time.UTC),
	time.Date(2024, 1, 1, 10, 0, 0, 123456000, time.UTC),
	time.Date(2024, 1, 1, 10, 0, 59, 500000000, time.UTC),
	time.Date(2024, 1, 1, 10, 59, 59, 999999000, time.UTC),
	time.Date(2024, 2, 29, 12, 30, 15, 250000000, time.UTC),
	time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC),
	time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
}

func (g *generator) instant() time.Time {
	if g.oneIn(3) {
		return instants[1].Add(time.Duration(g.Int64N(int64(400 * 24 * time.Hour)))).Truncate(time.Microsecond)
	}
	return pick(g, instants)
}

// job is a job with all attributes but JobID.
func (g *generator) job() jobdb.Attributes {
	job := jobdb.Attributes{}
	for _, column := range jobdb.Columns()[1:] {
		switch column.Kind() {
		case jobdb.KindInteger:
			job[column.Name()] = pick(g, []int64{-5, 0, 1, 2, 10, 1<<31 - 1})
		case jobdb.KindText:
			job[column.Name()] = pick(g, texts[column.Name()])
		case jobdb.KindTime:
			job[column.Name()] = nil
			if !g.oneIn(4) {
				job[column.Name()] = g.instant()
			}
		case jobdb.KindVerified:
			job[column.Name()] = g.oneIn(2)
		default:
			job[column.Name()] = pick(g, []jobdb.AccountedFlag{jobdb.AccountedFalse, jobdb.AccountedTrue, jobdb.AccountedFailed})
		}
	}
	return job
}

// values are what a column of the jobs holds, with repetitions.
func (g *generator) values(name string) []any {
	values := make([]any, len(g.jobs))
	for i, job := range g.jobs {
		values[i] = job[name]
	}
	return values
}

func (g *generator) query() query {
	q := query{summary: g.oneIn(4)}
	for range pick(g, []int{0, 1, 1, 1, 2, 2, 3}) {
		q.filters = append(q.filters, g.filter())
	}
	if q.summary || g.oneIn(2) {
		for range 1 + g.IntN(3) {
			q.parameters = append(q.parameters, pick(g, jobdb.Columns()).Name())
		}
	}
	if q.summary {
		if g.oneIn(20) {
			q.parameters = nil
		}
		return q
	}
	q.distinct = g.oneIn(3)
	for range g.IntN(3) {
		name := pick(g, jobdb.Columns()).Name()
		if q.distinct && !g.oneIn(5) {
			name = pick(g, q.columns())
		}
		q.sorts = append(q.sorts, jobdb.SortSpec{Parameter: name, Direction: g.direction()})
	}
	if !g.oneIn(3) {
		g.pin(&q)
		if !g.oneIn(3) {
			q.page, q.perPage = 1+g.IntN(4), 1+g.IntN(jobsPerRound/2)
		}
	}
	return q
}

func (g *generator) direction() string { return pick(g, []string{"asc", "desc"}) }

// pin leaves no ties.
func (g *generator) pin(q *query) {
	last := []string{"JobID"}
	if q.distinct {
		last = q.columns()
	}
	for _, name := range last {
		q.sorts = append(q.sorts, jobdb.SortSpec{Parameter: name, Direction: g.direction()})
	}
}

var operators = []string{"eq", "eq", "neq", "gt", "lt", "in", "in", "not in", "like", "like", "not like", "regex"}

func (g *generator) filter() jobdb.FilterSpec {
	column := pick(g, jobdb.Columns())
	f := jobdb.FilterSpec{Parameter: column.Name(), Operator: pick(g, operators)}
	isTime := column.Kind() == jobdb.KindTime
	if isTime && strings.HasSuffix(f.Operator, "like") || isTime && f.Operator == "regex" {
		f.Operator = "eq"
	}
	switch {
	case takesList(f.Operator):
		f.Values = g.list(column)
	case f.Operator == "regex":
		f.Value = pick(g, regexes)
	case strings.HasSuffix(f.Operator, "like"):
		f.Value = g.pattern(column)
	default:
		f.Value = g.value(column)
	}
	return f
}

func (g *generator) list(column jobdb.Column) []any {
	values := []any{}
	resolution := g.IntN(len(layouts))
	for range g.IntN(4) {
		if column.Kind() == jobdb.KindTime {
			values = append(values, g.instant().Format(layouts[resolution]))
		} else {
			values = append(values, g.value(column))
		}
	}
	return values
}

// regexes mean the same to RE2, Python and PCRE, but for one that all refuse.
var regexes = []string{"^a", "li", "[A-Z]", "e$", "^$", `\d+`, "a|b", "^.$", `^[^ ]+\.[a-z]{2,4}`, "(?:5|0)x?$", "1{2}", "("}

// pattern is made of what the column holds, or of anything.
func (g *generator) pattern(column jobdb.Column) string {
	text := []rune(fmt.Sprint(pick(g, g.values(column.Name()))))
	for i := range text {
		switch g.IntN(6) {
		case 0:
			text[i] = '_'
		case 1:
			text[i] = '%'
		}
	}
	pattern := string(text)
	switch g.IntN(6) {
	case 0:
		pattern += "%"
	case 1:
		pattern = "%" + pattern
	case 2:
		return pick(g, []string{"%", "", "%%", "_", "0%", "%5%", "ALICE%", `100\%`, `a\_b`, `a\\b`, `a\b`, "%|%", `end\`})
	}
	return pattern
}

// layouts are partial times, from a year to a fraction of a second.
var layouts = []string{
	"2006", "2006-01", "2006-01-02", "2006-01-02 15", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05.000000",
	"2006-01-02 15:04:05.000Z",
}

func (g *generator) value(column jobdb.Column) any {
	value := pick(g, g.values(column.Name()))
	odd := g.oneIn(15)
	switch column.Kind() {
	case jobdb.KindInteger:
		switch {
		case odd:
			return pick(g, []any{"abc", "5x", json.Number("1180591620717411303424"), int64(-1), "0"})
		case g.oneIn(4):
			return fmt.Sprint(value)
		}
	case jobdb.KindText:
		if odd {
			return pick(g, []any{int64(5), int64(0), "M", "no such text", "Zoe"})
		}
	case jobdb.KindTime:
		if odd {
			return pick(g, []any{"yesterday", "2024-13", "2024-02-30", "9999", "2024-01-01T10:00:00Z", "2024-01-01 12:00:00+02:00", "2024-01-01 10Z", ""})
		}
		return g.instant().Format(pick(g, layouts))
	case jobdb.KindVerified:
		if odd {
			return pick(g, []any{"True", "false", "Failed", "yes"})
		}
	default:
		if odd {
			return pick(g, []any{"True", "false", "yes"})
		}
		return pick(g, []any{true, false, "Failed"})
	}
	return value
}
