package library_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jobdb"
	"jobdb/jobdbtest"
)

// The differential test: the reference's own database classes and jobdb work on the same database,
// one made by either, and must agree, but for what docs/differences.md lists.
//
//	TestDifferentialSearch       random jobs, written by both; random searches and summaries, asked of both
//	TestDifferentialExchange     each method of either side, read by the other
//	TestDifferentialDifferences  each row of docs/differences.md, shown
//
// JOBDB_SEED chooses other random jobs and queries, JOBDB_ROUNDS how many sets of jobs (of
// queriesPerRound queries each).

// sharedDatabase is a database that both sides have opened.
type sharedDatabase struct {
	*jobdb.DB
	t         *testing.T
	name      string
	mysql     bool // MariaDB or MySQL, else SQLite
	newMySQL  bool // MySQL, whose own collation heeds trailing spaces, and which rounds what MariaDB cuts
	live      bool // made by the reference, else by us
	reference *reference
	vo        string // of the jobs of one test, where tests share the database
}

var sharedDatabases = []struct {
	name        string
	open        func(tb testing.TB) string
	mysql, live bool
}{
	{"SQLite", jobdbtest.SQLite, false, false},
	{"SQLite of the reference", jobdbtest.SQLite, false, true},
	{"MariaDB", jobdbtest.MariaDB, true, false},
	{"MariaDB of the reference", jobdbtest.MariaDB, true, true},
	{"MySQL", jobdbtest.MySQL, true, false},
	{"MySQL of the reference", jobdbtest.MySQL, true, true},
}

// lease is how long a job has its commands until it gets them again. Most tests are over before.
const lease = 2 * time.Second

// onShared runs a test on each kind of database, each time on a new one.
func onShared(t *testing.T, test func(d *sharedDatabase)) {
	t.Helper()
	driver := needDriver(t)
	for _, kind := range sharedDatabases {
		t.Run(kind.name, func(t *testing.T) {
			url := kind.open(t)
			r := &reference{t: t, driver: driver, url: url}
			t.Cleanup(func() { r.call("close", args{}) })
			if kind.live {
				r.call("create_all", args{})
			}
			db := jobdbtest.Open(t, url, jobdb.Options{Limits: jobdb.Limits{PerPage: 1000}, CommandRedelivery: lease})
			test(&sharedDatabase{DB: db, t: t, name: kind.name, mysql: kind.mysql, newMySQL: strings.HasPrefix(kind.name, "MySQL"), live: kind.live, reference: r})
		})
	}
}

const queriesPerRound = 250

// traps are asked first in each round: queries that once went wrong.
var traps = []query{
	// MariaDB 10.11 loses rows where an expression of SELECT DISTINCT is repeated in ORDER BY, but not
	// as the first key.
	{parameters: []string{"JobGroup", "EndExecTime"}, distinct: true, sorts: []jobdb.SortSpec{{Parameter: "EndExecTime", Direction: "desc"}}},
	{parameters: []string{"SubmissionTime", "ApplicationStatus", "VerifiedFlag"}, distinct: true},
}

func TestDifferentialSearch(t *testing.T) {
	seed, rounds := environment(t, "JOBDB_SEED", 20240229), environment(t, "JOBDB_ROUNDS", 2)
	t.Logf("JOBDB_SEED=%d JOBDB_ROUNDS=%d", seed, rounds)
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) {
			onShared(t, func(d *sharedDatabase) {
				g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(round)))}
				d.populate(g)
				d.compareRandom(g)
			})
		})
	}
}

func environment(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

// populate stores random jobs, half of them by each side, and wants both to read all of them as
// they were written.
func (d *sharedDatabase) populate(g *generator) {
	d.t.Helper()
	for i := range jobsPerRound {
		job := g.job()
		if i%2 == 0 {
			job["JobID"] = int64(d.reference.createJob("[ref]", job))
			d.cut(job, either(d.newMySQL, time.Time.Round, time.Time.Truncate))
		} else {
			job["JobID"] = int64(d.createJob("[ours]", job))
			d.cut(job, time.Time.Truncate)
		}
		g.jobs = append(g.jobs, job)
	}
	want := [][]any{}
	for _, job := range g.jobs {
		row := []any{}
		for _, name := range (query{}).columns() {
			row = append(row, job[name])
		}
		want = append(want, row)
	}
	all := query{sorts: []jobdb.SortSpec{{Parameter: "JobID", Direction: "asc"}}}
	d.equal("the jobs as we read them", d.search(all).rows, want)
	d.equal("the jobs as the reference reads them", d.reference.search(all).rows, want)
}

// cut leaves of a job's times what this database keeps.
func (d *sharedDatabase) cut(job jobdb.Attributes, cut func(time.Time, time.Duration) time.Time) {
	for name, value := range job {
		if at, ok := value.(time.Time); ok && d.mysql && d.live {
			job[name] = cut(at, time.Second)
		}
	}
}

func (d *sharedDatabase) createJob(jdl string, attributes jobdb.Attributes) jobdb.JobID {
	d.t.Helper()
	ctx := d.t.Context()
	id, err := d.CreateJob(ctx, jdl)
	d.ok(err)
	d.ok(d.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: attributes}))
	return id
}

// compareRandom asks both sides the same, and counts what was excused by which difference.
func (d *sharedDatabase) compareRandom(g *generator) {
	d.t.Helper()
	compared, excused := 0, map[difference]int{}
	for i := range queriesPerRound {
		q := g.query()
		if i < len(traps) {
			q = traps[i]
		}
		v, asked := d.judge(q, g)
		for _, name := range v.names {
			excused[name]++
		}
		if !v.weRefuse && !v.weAnswer && !v.notCompared {
			compared++
		}
		ours, theirs := d.search(q), d.reference.search(asked)
		if problem := disagreement(q, ours, theirs, v); problem != "" {
			d.t.Errorf("%s\n%s\nours   %v\ntheirs %v\n%+v", problem, q, ours, theirs, v)
		}
	}
	d.t.Logf("%d of %d answers were compared; differences met: %v", compared, queriesPerRound, excused)
	if compared < queriesPerRound*2/5 {
		d.t.Errorf("only %d of %d answers were compared", compared, queriesPerRound)
	}
	for name := range excused {
		if _, known := shownDifferences[name]; !known {
			d.t.Errorf("the difference %q is not shown by any test", name)
		}
	}
}

// disagreement says how the answers differ where the verdict doesn't allow it.
func disagreement(q query, ours, theirs answer, v verdict) string {
	switch {
	case ours.err != nil && !errors.Is(ours.err, jobdb.ErrInvalidQuery):
		return "we fail"
	case (v.bothRefuse || v.weRefuse) != (ours.err != nil):
		return "we refuse what we should answer, or the other way round"
	case v.bothRefuse && theirs.err == nil:
		return "we refuse what the reference answers"
	case ours.err != nil, v.notCompared, v.weAnswer && theirs.err != nil:
		return ""
	case theirs.err != nil:
		return "we answer what the reference refuses"
	case ours.total != theirs.total:
		return fmt.Sprintf("totals differ: ours %d, theirs %d", ours.total, theirs.total)
	case v.unordered || !q.ordered():
		return gocmp.Diff(unordered(theirs.rows), unordered(ours.rows), cmpopts.EquateEmpty())
	}
	return gocmp.Diff(theirs.rows, ours.rows, cmpopts.EquateEmpty())
}

// unordered brings rows into an order that depends on nothing but the rows.
func unordered(rows [][]any) [][]any {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b)) })
	return rows
}

func (d *sharedDatabase) search(q query) answer {
	ctx := d.t.Context()
	if q.summary {
		summary, err := jobdb.SummaryRequest{Grouping: q.parameters, Search: q.filters}.Parse(d.Limits())
		if err != nil {
			return answer{err: err}
		}
		summary.Scope.AllVOs = true
		result, err := d.Summary(ctx, summary)
		return answer{total: int64(len(result.Rows)), rows: result.Rows, err: err}
	}
	search, err := jobdb.SearchRequest{Parameters: q.parameters, Search: q.filters, Sort: q.sorts, Distinct: q.distinct}.Parse(d.Limits())
	if err != nil {
		return answer{err: err}
	}
	search.Page, search.PerPage = q.page, q.perPage
	search.Scope.AllVOs = true
	page, err := d.Search(ctx, search)
	return answer{total: page.Total, rows: page.Rows, err: err}
}

// ok ends the test when there is an error.
func (d *sharedDatabase) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// equal compares what came with what was wanted.
func (d *sharedDatabase) equal(what string, got, want any) {
	d.t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		d.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}
