// Package conformance is the suite that defines the access layer: what every method promises, held
// against every engine and every kind of live database. suite.go says how a test is written; each
// other file has the promises of one part of the access layer, and model*.go compare random
// sequences of calls with a model in memory.
package conformance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
)

// Traits says which promises of the access layer a database cannot keep. This is the one table of
// them: the suite asks it, and nothing else, where it expects less. The zero Traits is a database
// that jobdb's own migrations made, on any engine.
//
//	trait         databases                       what the suite expects instead
//	WholeSeconds  DiracX and DIRAC on MariaDB     times come back cut to the second, and commands of one job are a second apart
//	Latin1        those made in latin1            a text that latin1 can't hold is an ErrInvalidValue on write and matches nothing in a filter
//	Collated      DiracX and DIRAC but on SQLite  texts are grouped, made distinct and sorted by the column's collation; filters compare by bytes
//	EqualKeys     DiracX and DIRAC on MariaDB     keys that differ in case or trailing spaces only are an ErrConflict, never an overwrite
//	SpacesCount   DiracX and DIRAC on MySQL       of EqualKeys, those that differ in trailing spaces are two keys all the same
//	SmallTexts    DiracX and DIRAC on MariaDB     values of parameters longer than 65,535 bytes are an ErrInvalidValue; on DiracX, JDLs too
//	SmallNumbers  DiracX and DIRAC on MariaDB     integers outside 32 bits are an ErrInvalidValue
//	OneCycle      DiracX on all engines           the archive keeps one cycle of a parameter, the last
//	ReusedIDs     DiracX on SQLite                the highest JobID is given again after its job was deleted
//	NoParameters  DIRAC from 9.1.22 on            parameters of jobs are an ErrSchema, and archiving them changes nothing
//	LateCancel    SQLite built without cgo        a search that has given rows already ends only at its next row when its context ends
//	NoKill        on a pool that was given        a statement whose context ended goes on in the server
//	SameServer    further tables on a server      what the server alone decides, whatever the tables, is left out: other tables on it are held to it
//	InMemory      SQLite in memory                what isn't in a transaction waits until it ends; nobody can look in from outside
type Traits struct {
	WholeSeconds bool
	Latin1       bool
	Collated     bool
	EqualKeys    bool
	SpacesCount  bool
	SmallTexts   bool
	SmallNumbers bool
	OneCycle     bool
	ReusedIDs    bool
	NoParameters bool
	LateCancel   bool
	NoKill       bool
	SameServer   bool
	InMemory     bool
}

// The traits of the databases that package oracle can make beside jobdb's own.
var (
	DiracXMariaDBTraits       = Traits{WholeSeconds: true, Collated: true, EqualKeys: true, SmallTexts: true, SmallNumbers: true, OneCycle: true}
	DiracXMariaDBLatin1Traits = Traits{WholeSeconds: true, Collated: true, EqualKeys: true, SmallTexts: true, SmallNumbers: true, OneCycle: true, Latin1: true}
	DiracXMySQLTraits         = Traits{WholeSeconds: true, Collated: true, EqualKeys: true, SpacesCount: true, SmallTexts: true, SmallNumbers: true, OneCycle: true}
	DiracXSQLiteTraits        = Traits{OneCycle: true, ReusedIDs: true}
	DIRACMariaDBTraits        = Traits{WholeSeconds: true, Collated: true, EqualKeys: true, SmallTexts: true, SmallNumbers: true}
	DIRACMySQLTraits          = Traits{WholeSeconds: true, Collated: true, EqualKeys: true, SpacesCount: true, SmallTexts: true, SmallNumbers: true}
)

// The leases of commands on the databases that tests share.
const (
	redelivery = 10 * time.Minute
	expiry     = time.Hour
)

// Run is the definition of the access layer: it holds a database against every promise. newDatabase
// returns the URL of a database of its own for each call, which goes with tb. One without tables is
// migrated.
func Run(t *testing.T, newDatabase func(tb testing.TB) string, traits Traits) {
	RunOpened(t, newDatabase, jobdbtest.Open, traits)
}

// Open opens a database for a test as [jobdbtest.Open] does.
type Open func(tb testing.TB, address string, options jobdb.Options) *jobdb.DB

// RunOpened is [Run] on databases that are opened otherwise than by their URLs alone.
func RunOpened(t *testing.T, newDatabase func(tb testing.TB) string, open Open, traits Traits) {
	run(t, func(tb testing.TB) (jobs, history string) { return newDatabase(tb), "" }, open, traits)
}

// RunApart is [Run] for databases whose history is in one of its own.
func RunApart(t *testing.T, newDatabases func(tb testing.TB) (jobs, history string), traits Traits) {
	run(t, newDatabases, jobdbtest.Open, traits)
}

func run(t *testing.T, newDatabases func(tb testing.TB) (jobs, history string), open Open, traits Traits) {
	s := &suite{newDatabases: newDatabases, opened: open, traits: traits, clock: &clock{}}
	s.shared, s.address, s.historyAddress = s.open(t, jobdb.Options{Clock: s.clock.now, CommandRedelivery: redelivery, CommandExpiry: expiry})
	for _, test := range slices.Concat(
		queryTests, searchTests, facetTests, longTests, writeTests, attributeTests, parameterTests, outboxTests, commandTests, historyTests, holdTests, replyTests, actionTests, countTests, cursorTests, txTests, randomTests, raceTests, interruptTests, clockTests, errorTests, statsTests, taskTests, seriesTests, retentionTests,
	) {
		if traits.SameServer && slices.Contains(ofServer, test.name) {
			continue
		}
		t.Run(test.name, func(t *testing.T) { test.run(s.fixture(t)) })
	}
}

// ofServer are tests of what a server does whatever its tables are, which take long.
var ofServer = []string{
	"LongLists", "BusyIsUnavailable", "QueryTime", "InterruptedWriter", "InterruptedReader", "CancelledConnection", "CancelledWriter", "CancelledReader",
	"Closed", "Full", "ReadOnly", "NoJobHasThisID",
}

// A conformanceTest is one promise, or a few that belong together.
type conformanceTest struct {
	name string
	run  func(f *fixture)
}

type suite struct {
	newDatabases   func(tb testing.TB) (jobs, history string)
	opened         Open
	traits         Traits
	shared         *jobdb.DB // most tests share one database; each has jobs of a VO of its own
	address        string    // its URL
	historyAddress string    // of the database that has LoggingInfo
	clock          *clock    // of the shared database
	testers        int
}

// open makes a database and opens it. It returns its URL too, and that of the database that has its
// history.
func (s *suite) open(tb testing.TB, options jobdb.Options) (db *jobdb.DB, address, history string) {
	address, options.HistoryURL = s.newDatabases(tb)
	if history = options.HistoryURL; history == "" {
		history = address
	}
	return s.opened(tb, address, options), address, history
}

// tester is what a *testing.T and a *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	Cleanup(f func())
}

// fixture is what one test works with.
type fixture struct {
	*jobdb.DB
	address        string // its URL: some tests look behind jobdb's back
	historyAddress string // of the database that has its history
	t              tester
	test           *testing.T
	ctx            context.Context
	suite          *suite
	traits         Traits
	clock          *clock
	vo             string // of this test's jobs only
}

func (s *suite) fixture(t *testing.T) *fixture {
	s.testers++
	s.clock.set(noon)
	return &fixture{
		DB: s.shared, address: s.address, historyAddress: s.historyAddress, t: t, test: t, ctx: t.Context(), suite: s, traits: s.traits, clock: s.clock,
		vo: fmt.Sprintf("vo%d", s.testers),
	}
}

// alone is the fixture with a database of its own, with the system's clock unless the options have
// another.
func (f *fixture) alone(options jobdb.Options) *fixture {
	f.t.Helper()
	own := *f
	own.DB, own.address, own.historyAddress = f.suite.open(f.test, options)
	own.clock = nil
	return &own
}

// noon is where the tests' clock stands at the start of each test.
var noon = time.Date(2024, 5, 17, 12, 0, 0, 123456000, time.UTC)

// clock is a clock that only tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func (c *clock) advance(d time.Duration) { c.set(c.now().Add(d)) }

// stored is a time as it comes back from this database.
func (f *fixture) stored(t time.Time) time.Time {
	if f.traits.WholeSeconds {
		return t.UTC().Truncate(time.Second)
	}
	return t.UTC().Truncate(time.Microsecond)
}

// addJobs makes jobs of this test's VO, one for each set of attributes.
func (f *fixture) addJobs(attributes ...jobdb.Attributes) []jobdb.JobID {
	f.t.Helper()
	texts := make([]string, len(attributes))
	for i := range texts {
		texts[i] = fmt.Sprintf("[job %d]", i)
	}
	ids, err := f.CreateJobs(f.ctx, texts)
	f.ok(err)
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for i, id := range ids {
		rows[id] = jobdb.Attributes{"VO": f.vo}
		maps.Copy(rows[id], attributes[i])
	}
	f.ok(f.InsertJobAttributes(f.ctx, rows))
	return ids
}

// addPlainJobs makes n jobs with defaults.
func (f *fixture) addPlainJobs(n int) []jobdb.JobID {
	f.t.Helper()
	return f.addJobs(make([]jobdb.Attributes, n)...)
}

// missingID is a job that never was.
const missingID jobdb.JobID = 1<<31 - 2

// ok ends the test when there is an error.
func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// refused wants an error of a class that says what it is about.
func (f *fixture) refused(err, class error, about ...string) {
	f.t.Helper()
	if !errors.Is(err, class) {
		f.t.Errorf("got the error %v, want: %v", err, class)
		return
	}
	for _, part := range about {
		if !strings.Contains(err.Error(), part) {
			f.t.Errorf("the error %q doesn't name %q", err, part)
		}
	}
}

// equal compares what came with what was wanted.
func (f *fixture) equal(what string, got, want any) {
	f.t.Helper()
	if diff := cmp.Diff(want, got, compareColumns); diff != "" {
		f.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

var compareColumns = cmp.Comparer(func(a, b jobdb.Column) bool { return a == b })

// attributes reads columns of one job, by their names.
func (f *fixture) attributes(id jobdb.JobID, names ...string) map[string]any {
	f.t.Helper()
	page := f.search(jobdb.SearchRequest{
		Parameters: names, Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "eq", Value: int64(id)}},
	}, 0, 0)
	if len(page.Rows) != 1 {
		f.t.Fatalf("job %d has %d rows", id, len(page.Rows))
	}
	values := map[string]any{}
	for i, column := range page.Columns {
		values[column.Name()] = page.Rows[0][i]
	}
	return values
}

// search runs a search that must not fail on this test's jobs.
func (f *fixture) search(request jobdb.SearchRequest, page, perPage int) jobdb.Page {
	f.t.Helper()
	result, err := f.trySearch(request, page, perPage)
	f.ok(err)
	return result
}

func (f *fixture) trySearch(request jobdb.SearchRequest, page, perPage int) (jobdb.Page, error) {
	search, err := request.Parse(f.Limits())
	if err != nil {
		return jobdb.Page{}, err
	}
	search.Scope, search.Page, search.PerPage = jobdb.Scope{VO: f.vo}, page, perPage
	return f.Search(f.ctx, search)
}

// raw opens the test's database without jobdb. Where that can't be done the test ends.
func (f *fixture) raw() *rawDB {
	f.t.Helper()
	return f.rawAt(f.address)
}

// rawHistory is raw of the database that has the history.
func (f *fixture) rawHistory() *rawDB {
	f.t.Helper()
	return f.rawAt(f.historyAddress)
}

func (f *fixture) rawAt(address string) *rawDB {
	f.t.Helper()
	if f.traits.InMemory {
		f.test.Skip("nobody but the DB itself can look into a database in memory")
	}
	return &rawDB{f: f, db: jobdbtest.Raw(f.test, address)}
}

// textOrder asks the database how its columns order texts; it is nil where they do by bytes.
func (f *fixture) textOrder(texts ...string) textOrder {
	f.t.Helper()
	if !f.traits.Collated {
		return nil
	}
	own := *f
	own.vo += " order"
	own.addSites(texts...)
	rows, err := f.raw().db.QueryContext(f.ctx, `SELECT "Site", DENSE_RANK() OVER (ORDER BY "Site") FROM "Jobs" WHERE "VO" = '`+own.vo+`'`)
	f.ok(err)
	defer rows.Close()
	order := textOrder{}
	for rows.Next() {
		var text string
		var place int
		f.ok(rows.Scan(&text, &place))
		order[text] = place
	}
	f.ok(rows.Err())
	return order
}

// rawDB is a database without jobdb, as another program sees it.
type rawDB struct {
	f  *fixture
	db *sql.DB
}

func (r *rawDB) exec(query string) {
	r.f.t.Helper()
	_, err := r.db.ExecContext(r.f.ctx, query)
	r.f.ok(err)
}

func (r *rawDB) number(query string) int64 {
	r.f.t.Helper()
	var n int64
	err := r.db.QueryRowContext(r.f.ctx, query).Scan(&n)
	for jobdbtest.IsUnreadable(err) {
		time.Sleep(10 * time.Millisecond)
		err = r.db.QueryRowContext(r.f.ctx, query).Scan(&n)
	}
	r.f.ok(err)
	return n
}
