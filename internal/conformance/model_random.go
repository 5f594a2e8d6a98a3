package conformance

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
)

var randomTests = []conformanceTest{
	{"RandomQueries", testRandomQueries},
	{"RandomWrites", testRandomWrites},
}

// seed is JOBDB_TEST_SEED, to repeat a run that failed, or a new one. It is printed.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("JOBDB_TEST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("JOBDB_TEST_SEED: %v", err)
		}
	}
	t.Logf("to repeat this: JOBDB_TEST_SEED=%d", n)
	return n
}

// Random populations and random queries give what the model says.
func testRandomQueries(f *fixture) {
	const queries = 100
	populations := max(2, f.shorter(8))
	g := &generator{rand: rand.New(rand.NewPCG(seed(f.test), 0)), latin1: f.traits.Latin1, noParameters: f.traits.NoParameters}
	g.order = f.textOrder(g.texts()...)
	for p := range populations {
		f.vo = "random" + strconv.Itoa(p)
		rows := g.population(f)
		for i := range queries {
			g.compareSearch(f, rows)
			g.compareSummary(f, rows)
			if i%5 == 0 {
				g.compareMatch(f, rows)
			}
			if f.t.Failed() {
				return
			}
		}
	}
}

// generator draws populations and queries from small sets of hostile values, so that queries find
// something.
type generator struct {
	rand   *rand.Rand
	latin1 bool
	order  textOrder

	noParameters bool
}

func one[T any](g *generator, of ...T) T { return of[g.rand.IntN(len(of))] }

func (g *generator) chance(percent int) bool { return g.rand.IntN(100) < percent }

// hostileTexts have no letters beyond ASCII in both cases: there MariaDB's like may be generous.
var hostileTexts = []string{
	"", " ", "a", "A", "alice", "Alice", "ALICE", "alice ", " alice", "alice\t", "al", "alicealice", "bob",
	"%", "_", "a%b", "a_b", "axb", `a\b`, `\`, "a|b", "||", `'`, `"`, `a'b"c`, "?", "$1", "a?b", "a\nb", "[a]", "a*", "é", "aé", "é ",
	"0", "1", "10", "9", "-1", "null", "NULL", "True", "--", "; DROP TABLE Jobs",
}

var foreignTexts = []string{"日本", "日", "a日", "😀", "😀😀", "ж", "\uffff", "é\u0301"}

// texts are all that rows may hold.
func (g *generator) texts() []string {
	if g.latin1 {
		return hostileTexts
	}
	return slices.Concat(hostileTexts, foreignTexts)
}

func (g *generator) text() string {
	if !g.latin1 && g.chance(15) {
		return one(g, foreignTexts...)
	}
	return one(g, hostileTexts...)
}

// borders are times on and beside the ends of periods.
var borders = []string{
	"2023-12-31 23:59:59.999999", "2023-12-31 23:59:59", "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001",
	"2024-01-31 23:59:59.999999", "2024-02-01 00:00:00", "2024-02-29 10:00:00", "2024-02-29 10:00:00.000001",
	"2024-02-29 09:59:59.999999", "2024-02-29 10:00:59.999999", "2024-02-29 10:01:00", "2024-02-29 10:00:01",
	"2024-02-29 10:59:59.5", "2024-02-29 11:00:00", "2024-12-31 23:59:59.999999", "2025-01-01 00:00:00", "1970-01-01 00:00:00",
	"9999-12-31 23:59:59", "1000-01-01 00:00:00",
}

var partialTimes = [][]string{
	{"2023", "2024", "2025", "1970", "9999", "1000"},
	{"2023-12", "2024-01", "2024-02", "2024-12"},
	{"2023-12-31", "2024-01-01", "2024-02-29", "2025-01-01", "9999-12-31"},
	{"2024-02-29 10", "2024-02-29T10", "2024-02-29 09", "2024-01-01T00", "2024-02-29T10Z"},
	{"2024-02-29 10:00", "2024-02-29T10:00", "2024-01-01 00:00", "2024-02-29 10:00Z"},
	{
		"2024-02-29 10:00:00", "2024-02-29T10:00:00.123456Z", "2024-01-01 00:00:00.5", "2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00Z",
		"2023-12-31T23:59:59", "9999-12-31 23:59:59",
	},
}

func (g *generator) time() any {
	if g.chance(25) {
		return nil
	}
	at, err := time.Parse("2006-01-02 15:04:05", one(g, borders...))
	if err != nil {
		panic(err)
	}
	return at
}

func (g *generator) integer() int64 { return one[int64](g, 0, 1, -1, 2, 9, 10, 100, 1<<31-1, -1<<31) }

func (g *generator) value(column jobdb.Column) any {
	switch column.Kind() {
	case jobdb.KindInteger:
		return g.integer()
	case jobdb.KindTime:
		return g.time()
	case jobdb.KindVerified:
		return g.chance(50)
	case jobdb.KindAccounted:
		return one(g, jobdb.AccountedFalse, jobdb.AccountedTrue, jobdb.AccountedFailed)
	default:
		return g.text()
	}
}

// population stores random jobs and returns them as the database will.
func (g *generator) population(f *fixture) []modelRow {
	f.t.Helper()
	attributes := make([]jobdb.Attributes, 30+g.rand.IntN(40))
	for i := range attributes {
		attributes[i] = jobdb.Attributes{}
		for _, column := range jobdb.Columns() {
			if column.Name() != "JobID" && column.Name() != "VO" {
				attributes[i][column.Name()] = g.value(column)
			}
		}
	}
	ids := f.addJobs(attributes...)
	rows := make([]modelRow, len(ids))
	parameters := named{}
	for i, id := range ids {
		rows[i] = modelRow{"JobID": int64(id), "VO": f.vo}
		parameters[id] = map[string]string{}
		for _, name := range parameterNames[:3] {
			if g.chance(60) {
				parameters[id][name] = g.text()
				rows[i][jobdb.ParameterPrefix+name] = parameters[id][name]
			}
		}
		for name, value := range attributes[i] {
			if at, ok := value.(time.Time); ok {
				value = f.stored(at)
			}
			rows[i][name] = value
		}
	}
	if !g.noParameters {
		f.ok(f.SetJobParameters(f.ctx, parameters))
	}
	return rows
}

func (g *generator) column() jobdb.Column { return one(g, jobdb.Columns()...) }

func (g *generator) filters(depth int, rows []modelRow) []jobdb.FilterSpec {
	specs := make([]jobdb.FilterSpec, g.rand.IntN(3))
	for i := range specs {
		specs[i] = g.filter(depth, rows)
	}
	return specs
}

func (g *generator) filter(depth int, rows []modelRow) jobdb.FilterSpec {
	if depth < 3 && g.chance(35) {
		switch g.rand.IntN(3) {
		case 0:
			return jobdb.FilterSpec{And: g.filters(depth+1, rows)}
		case 1:
			return jobdb.FilterSpec{Or: g.filters(depth+1, rows)}
		}
		kid := g.filter(depth+1, rows)
		return jobdb.FilterSpec{Not: &kid}
	}
	if !g.noParameters && g.chance(15) {
		return g.parameterFilter()
	}
	column := g.column()
	spec := jobdb.FilterSpec{Parameter: column.Name()}
	operators := []string{"eq", "neq", "gt", "gte", "lt", "lte", "in", "not in", "is null", "is not null"}
	if column.Kind() != jobdb.KindTime {
		operators = append(operators, "like", "ilike", "not like", "regex")
	}
	spec.Operator = one(g, operators...)
	switch spec.Operator {
	case "is null", "is not null":
	case "in", "not in":
		spec.Values = g.operands(column, rows)
	case "like", "ilike", "not like":
		spec.Value = one(g, likePatterns...)
	case "regex":
		spec.Value = one(g, regexes...)
	default:
		spec.Value = g.operand(column, g.rand.IntN(len(partialTimes)), rows)
	}
	return spec
}

// parameterNames are those of the parameters that some jobs have, and one that none has.
var parameterNames = []string{"CPU", "cpu?$1'\"", "é", "none"}

// parameterFilter compares a parameter of jobs.
func (g *generator) parameterFilter() jobdb.FilterSpec {
	spec := jobdb.FilterSpec{Parameter: jobdb.ParameterPrefix + one(g, parameterNames...)}
	spec.Operator = one(g, "eq", "neq", "in", "not in", "is null", "is not null", "like", "not like")
	switch spec.Operator {
	case "is null", "is not null":
	case "in", "not in":
		spec.Values = []any{g.text(), g.text()}[:g.rand.IntN(3)]
	case "like", "not like":
		spec.Value = one(g, likePatterns...)
	default:
		spec.Value = g.text()
	}
	return spec
}

var likePatterns = []string{
	"%", "_", "", "__", "%%", "a%", "%a", "%A%", "ALICE", "alice%", "alice_", `a\%b`, `a\_b`, `a_b`, `\\`, `a\\b`, `%\\%`, `|`, "a|b", "|%", "%|_%",
	`\a`, "%'%", `%"%`, "_é", "é_", "1%", "%1", "-%", "t%", "%E", "f_l%", "%\n%", `\|%`, "%?%",
}

var regexes = []string{
	"", "^$", "a", "^a", "e$", "^alice$", "(?i)^alice$", "^.$", `\s`, `\s$`, `^\s*$`, `\d+`, "^-", `a\b`, `\\`, `\|`, "[%_]", `^a.b$`, `(?s)^a.b$`, "é", `\pL`,
	`(?P<x>al)`, "^(True|Failed)$", "1|9", `\z`, "^..$",
}

func (g *generator) operands(column jobdb.Column, rows []modelRow) []any {
	values := make([]any, g.rand.IntN(4))
	resolution := g.rand.IntN(len(partialTimes))
	for i := range values {
		values[i] = g.operand(column, resolution, rows)
	}
	return values
}

func (g *generator) operand(column jobdb.Column, resolution int, rows []modelRow) any {
	switch column.Kind() {
	case jobdb.KindTime:
		return one(g, partialTimes[resolution]...)
	case jobdb.KindVerified:
		return one[any](g, true, false, "True", "true", "False", "false")
	case jobdb.KindAccounted:
		return one[any](g, true, false, "True", "False", "Failed", "failed")
	case jobdb.KindInteger:
		n := g.integer()
		if column.Name() == "JobID" || g.chance(20) {
			n = one(g, rows...)["JobID"].(int64) //nolint:forcetypeassert // of the population
		}
		return one[any](g, n, strconv.FormatInt(n, 10), json.Number(strconv.FormatInt(n, 10)))
	default:
		return one(g, g.text(), one(g, foreignTexts...), one(g, hostileTexts...)) // in latin1 the second matches nothing
	}
}

func (g *generator) columns() []string {
	names := make([]string, g.rand.IntN(4))
	for i := range names {
		names[i] = g.column().Name()
	}
	return names
}

func (g *generator) compareSearch(f *fixture, rows []modelRow) {
	f.t.Helper()
	request := jobdb.SearchRequest{Parameters: g.columns(), Search: g.filters(0, rows), Distinct: g.chance(40)}
	for _, name := range g.columns() {
		if request.Distinct && len(request.Parameters) > 0 {
			name = one(g, request.Parameters...)
		}
		request.Sort = append(request.Sort, jobdb.SortSpec{Parameter: name, Direction: one(g, "asc", "desc")})
	}
	page, perPage := g.rand.IntN(4), 1+g.rand.IntN(20)
	total, want := g.order.modelSearch(rows, request, page, perPage)
	got := f.search(request, page, perPage)
	if request.Distinct {
		got.Rows, want = g.order.merge(got.Rows), g.order.merge(want)
	}
	f.equal("rows", got.Rows, want)
	f.equal("total", got.Total, total)
	if f.t.Failed() {
		f.t.Logf("page %d of %d rows of %s", page, perPage, asJSON(request))
	}
}

func (g *generator) compareSummary(f *fixture, rows []modelRow) {
	f.t.Helper()
	request := jobdb.SummaryRequest{Grouping: g.columns(), Search: g.filters(0, rows)}
	summary, err := request.Parse(f.Limits())
	f.ok(err)
	summary.Scope.VO = f.vo
	got, err := f.Summary(f.ctx, summary)
	f.ok(err)
	f.equal("groups", g.order.merge(got.Rows), g.order.merge(g.order.modelSummary(rows, request)))
	if f.t.Failed() {
		f.t.Logf("summary %s", asJSON(request))
	}
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// compareMatch holds for rows in memory what a search finds in the database.
func (g *generator) compareMatch(f *fixture, rows []modelRow) {
	f.t.Helper()
	specs := g.filters(2, rows)
	filter, err := jobdb.ParseFilters(specs, f.Limits())
	if err != nil {
		return // the search is refused, too
	}
	found, err := f.trySearch(jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: specs}, 0, 0)
	if err != nil {
		return // it costs too much
	}
	var want, got []any
	for _, row := range found.Rows {
		want = append(want, row[0])
	}
	for _, row := range f.search(jobdb.SearchRequest{}, 0, 0).Rows {
		matches, ok := filter.Match(row)
		if !ok {
			return // it is about parameters
		}
		if matches {
			got = append(got, row[0])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		text, _ := json.Marshal(specs)
		f.t.Errorf("%s: - found, + matched in memory: %s", text, diff)
	}
}
