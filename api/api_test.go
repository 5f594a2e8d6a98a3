package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/api"
	"jobdb/api/apitest"
	"jobdb/auth"
	"jobdb/wms"
)

const issuer = "https://issuer.example/"

var (
	alice = person("lhcb", "alice", auth.NormalUser)
	bob   = person("lhcb", "bob", auth.NormalUser)
	boss  = person("lhcb", "boss", auth.JobAdministrator)
	pilot = person("lhcb", "pilot", auth.GenericPilot)
	other = person("belle", "alice", auth.NormalUser) // the same name in another VO
)

func person(vo, name string, properties ...string) auth.Principal {
	return auth.Principal{Subject: vo + ":" + name, Username: name, Group: vo + "_user", VO: vo, Properties: properties}
}

// testServer is a server on a database of its own.
type testServer struct {
	t       *testing.T
	url     string
	address string // of the database
	db      *jobdb.DB
	key     *auth.Key
	clock   testClock
	log     *bytes.Buffer
}

// testClock stands until a test moves it, while the server reads it.
type testClock struct{ nanoseconds atomic.Int64 }

func (c *testClock) now() time.Time           { return time.Unix(0, c.nanoseconds.Load()).UTC() }
func (c *testClock) set(t time.Time)          { c.nanoseconds.Store(t.UnixNano()) }
func (c *testClock) advance(by time.Duration) { c.nanoseconds.Add(int64(by)) }

// manager makes a manager with the default rules.
func manager(t *testing.T, db *jobdb.DB, clock func() time.Time) *wms.JobManager {
	t.Helper()
	m, err := wms.NewJobManager(db, wms.DefaultRules, clock)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// withTables is a SQLite file that has all tables. It is made once: a copy takes less time.
var withTables = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "jobdb-api-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // nobody waits for it
	path := filepath.Join(folder, "jobs.db")
	db, err := jobdb.Open(context.Background(), "sqlite:"+path, jobdb.Options{})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(context.Background())
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// signingKey signs the tokens of all servers.
var signingKey = sync.OnceValues(func() (*auth.Key, error) {
	folder, err := os.MkdirTemp("", "jobdb-api-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // nobody waits for it
	return auth.OpenKey(folder)
})

// start starts a server on a new database.
func start(t *testing.T, change ...func(*api.Config)) *testServer {
	t.Helper()
	database, err := withTables()
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, database, change...)
}

// startOn starts a server on a copy of a database.
func startOn(t *testing.T, database []byte, change ...func(*api.Config)) *testServer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	if err := os.WriteFile(path, database, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &testServer{t: t, address: "sqlite:" + path, log: &bytes.Buffer{}}
	w.clock.set(time.Date(2024, 1, 1, 10, 0, 0, 123456000, time.UTC))
	var err error
	if w.db, err = jobdb.Open(t.Context(), w.address, jobdb.Options{Clock: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() }) // some tests close it themselves
	if w.key, err = signingKey(); err != nil {
		t.Fatal(err)
	}
	config := api.Config{
		DB: w.db, Jobs: manager(t, w.db, w.clock.now),
		Keys: w.key.Keys(), Issuer: issuer, Logins: auth.NewLogins(w.key, issuer, alice, w.clock.now), Visibility: auth.VisibleVO,
		Clock: w.clock.now, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, c := range change {
		c(&config)
	}
	server := httptest.NewServer(apitest.Handler(t, api.New(config)))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// database closes the database and returns its file.
func (w *testServer) database() []byte {
	w.t.Helper()
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	path := strings.TrimPrefix(w.address, "sqlite:")
	if _, err := os.Stat(path + "-wal"); err == nil {
		w.t.Fatal("the file doesn't hold all: a journal is left beside it")
	}
	database, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return database
}

func (w *testServer) token(who auth.Principal) string {
	w.t.Helper()
	token, err := w.key.Mint(issuer, who, w.clock.now(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return "Bearer " + token
}

type reply struct {
	status int
	header http.Header
	body   string
}

// ask makes a request; headers are names and values in turn.
func (w *testServer) ask(method, path, authorization, body string, headers ...string) reply {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	for pair := range slices.Chunk(headers, 2) {
		if pair[0] == "Host" {
			request.Host = pair[1]
		}
		request.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" && response.StatusCode != http.StatusNoContent {
		w.t.Errorf("%s %s: content type %q", method, path, got)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

func (w *testServer) post(who auth.Principal, path, body string) reply {
	w.t.Helper()
	return w.ask(http.MethodPost, "/api/jobs/"+path, w.token(who), body)
}

// note notes the counts of now, as the server does every 5 minutes.
func (w *testServer) note() {
	w.t.Helper()
	if noted, err := w.db.NoteSeries(w.t.Context()); err != nil || !noted {
		w.t.Fatal(noted, err)
	}
}

// submit makes one job of each name.
func (w *testServer) submit(who auth.Principal, names ...string) {
	w.t.Helper()
	for _, name := range names {
		body, _ := json.Marshal([]string{`Executable = "echo"; JobName = "` + name + `";`})
		if r := w.post(who, "jdl", string(body)); r.status != http.StatusCreated {
			w.t.Fatalf("submit: %d %s", r.status, r.body)
		}
	}
}

func TestSubmit(t *testing.T) {
	w := start(t)
	r := w.post(alice, "jdl", `["Executable = \"echo\"; JobName=\"one\"; Site = \"A,B\"; InputData = {\"LFN:/b\",\"LFN:/a\",\"LFN:/a\"};", "[ Executable = \"job_%j\"; JobType = \"User\"; Priority = 3 ]"]`)
	want := `[{"JobID":1,"Status":"Received","MinorStatus":"Job accepted","TimeStamp":"2024-01-01T10:00:00.123456Z"},` +
		`{"JobID":2,"Status":"Received","MinorStatus":"Job accepted","TimeStamp":"2024-01-01T10:00:00.123456Z"}]`
	if r.status != http.StatusCreated || r.body != want {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r = w.post(alice, "search", "")
	want = `[{"JobID":1,"JobType":"user","JobGroup":"00000000","Site":"Multiple","JobName":"one","Owner":"alice","OwnerGroup":"lhcb_user","VO":"lhcb",` +
		`"SubmissionTime":"2024-01-01T10:00:00.123456Z","RescheduleTime":null,"LastUpdateTime":"2024-01-01T10:00:00.123456Z","StartExecTime":null,"HeartBeatTime":null,"EndExecTime":null,` +
		`"Status":"Received","MinorStatus":"Job accepted","ApplicationStatus":"Unknown","UserPriority":1,"RescheduleCounter":0,"VerifiedFlag":true,"AccountedFlag":false},` +
		`{"JobID":2,"JobType":"User","JobGroup":"00000000","Site":"ANY","JobName":"Unknown","Owner":"alice","OwnerGroup":"lhcb_user","VO":"lhcb",` +
		`"SubmissionTime":"2024-01-01T10:00:00.123456Z","RescheduleTime":null,"LastUpdateTime":"2024-01-01T10:00:00.123456Z","StartExecTime":null,"HeartBeatTime":null,"EndExecTime":null,` +
		`"Status":"Received","MinorStatus":"Job accepted","ApplicationStatus":"Unknown","UserPriority":3,"RescheduleCounter":0,"VerifiedFlag":true,"AccountedFlag":false}]`
	if diff := cmp.Diff(want, r.body); r.status != http.StatusOK || diff != "" {
		t.Errorf("%d %s", r.status, diff)
	}
	files, err := w.db.InputData(t.Context(), []jobdb.JobID{1, 2})
	if diff := cmp.Diff(map[jobdb.JobID][]jobdb.InputFile{1: {{LFN: "LFN:/a", Status: "AprioriGood"}, {LFN: "LFN:/b", Status: "AprioriGood"}}}, files); err != nil || diff != "" {
		t.Errorf("input data: %v %s", err, diff)
	}
	history, err := w.db.History(t.Context(), []jobdb.JobID{2})
	wantHistory := map[jobdb.JobID][]jobdb.HistoryRecord{2: {{
		JobID: 2, Status: "Received", MinorStatus: "Job accepted", ApplicationStatus: "Unknown", Time: w.clock.now(), Source: "JobManager",
	}}}
	if diff := cmp.Diff(wantHistory, history); err != nil || diff != "" {
		t.Errorf("history: %v %s", err, diff)
	}
}

// refusal is a request that must be refused with this status and this text in the detail.
type refusal struct {
	method, path, authorization, body string
	status                            int
	want                              string
}

func refusals(w *testServer) map[string]refusal {
	jdl := `["Executable=\"echo\""]`
	return map[string]refusal{
		"no token":           {"POST", "jobs/search", "", "{}", 401, `"Authorization header is missing"`},
		"basic":              {"POST", "jobs/search", "Basic x", "{}", 400, `"Invalid authorization header"`},
		"no JWT":             {"POST", "jobs/search", "Bearer x", "{}", 401, `"Invalid JWT"`},
		"pilot submits":      {"POST", "jobs/jdl", w.token(pilot), jdl, 403, `properties`},
		"boss submits":       {"POST", "jobs/jdl", w.token(boss), jdl, 403, `properties`},
		"pilot searches":     {"POST", "jobs/search", w.token(pilot), "", 403, `properties`},
		"pilot sums":         {"POST", "jobs/summary", w.token(pilot), `{"grouping":[]}`, 403, `properties`},
		"unknown path":       {"POST", "jobs/nothing", w.token(alice), "", 404, `"Not Found"`},
		"path with //":       {"POST", "/jobs/search", w.token(alice), "", 404, `"Not Found"`},
		"path with ..":       {"POST", "jobs/x/../search", w.token(alice), "", 404, `"Not Found"`},
		"slash at the end":   {"POST", "jobs/search/", w.token(alice), "", 404, `"Not Found"`},
		"method":             {"GET", "jobs/search", w.token(alice), "", 405, `"Method Not Allowed"`},
		"no body":            {"POST", "jobs/jdl", w.token(alice), "", 422, `{"type":"missing","loc":["body"]`},
		"no JSON":            {"POST", "jobs/jdl", w.token(alice), "{bad", 422, `{"type":"json_invalid","loc":["body",`},
		"no list":            {"POST", "jobs/jdl", w.token(alice), `"x"`, 422, `{"type":"list_type","loc":["body"]`},
		"no texts":           {"POST", "jobs/jdl", w.token(alice), `["x",3,null]`, 422, `{"type":"string_type","loc":["body",1],"msg":"must be a text","input":3},{"type":"string_type","loc":["body",2]`},
		"no jobs":            {"POST", "jobs/jdl", w.token(alice), `[]`, 400, `no JDL`},
		"too many jobs":      {"POST", "jobs/jdl", w.token(alice), `["a=1"` + strings.Repeat(`,"a=1"`, 20) + `]`, 400, `at most 20`},
		"second JDL":         {"POST", "jobs/jdl", w.token(alice), `["a=1","b"]`, 400, `JDL syntax error: number 2 of 2: \"b\": no value`},
		"parametric":         {"POST", "jobs/jdl", w.token(alice), `["Executable=\"x\"; Parameters=21;"]`, 400, `21`},
		"parametric in list": {"POST", "jobs/jdl", w.token(alice), `["Executable=\"x\"; Parameters=3;","a=1"]`, 400, `parametric`},
		"VO in JDL":          {"POST", "jobs/jdl", w.token(alice), `["VirtualOrganization=\"belle\""]`, 400, `VirtualOrganization is \"belle\" in the JDL, but the job's is \"lhcb\"`},
		"long name":          {"POST", "jobs/jdl", w.token(alice), `["JobName=\"` + strings.Repeat("x", 129) + `\""]`, 400, `column JobName: 129 characters`},
		"huge body":          {"POST", "jobs/jdl", w.token(alice), `["` + strings.Repeat("x", 20_000) + `"]`, 413, `too large`},
		"page 0":             {"POST", "jobs/search?page=0&per_page=0", w.token(alice), "", 422, `[{"type":"greater_than_equal","loc":["query","page"],"msg":"must be 1 or more","input":"0"},{"type":"greater_than_equal","loc":["query","per_page"]`},
		"page a":             {"POST", "jobs/search?page=a", w.token(alice), "", 422, `{"type":"int_parsing","loc":["query","page"]`},
		"per_page":           {"POST", "jobs/search?per_page=10001", w.token(alice), "", 422, `{"type":"less_than_equal","loc":["query","per_page"]`},
		"negative page":      {"POST", "jobs/search?page=-99999999999999999999", w.token(alice), "", 422, `{"type":"greater_than_equal"`},
		"unknown column":     {"POST", "jobs/search", w.token(alice), `{"parameters":["Foo"]}`, 400, `no such column; the columns are JobID`},
		"unknown operator":   {"POST", "jobs/search", w.token(alice), `{"search":[{"parameter":"Status","operator":"is","value":"x"}]}`, 422, `{"type":"enum","loc":["body","search",0,"ScalarSearchSpec","operator"]`},
		"bad time":           {"POST", "jobs/search", w.token(alice), `{"search":[{"parameter":"EndExecTime","operator":"eq","value":"2024-13"}]}`, 400, `a time that does not exist`},
		"parameters no list": {"POST", "jobs/search", w.token(alice), `{"parameters":"x"}`, 422, `{"type":"list_type","loc":["body","parameters"]`},
		"search is a list":   {"POST", "jobs/search", w.token(alice), `[1]`, 422, `{"type":"model_attributes_type","loc":["body"]`},
		"no grouping":        {"POST", "jobs/summary", w.token(alice), `{}`, 422, `{"type":"missing","loc":["body","grouping"]`},
		"summary, no body":   {"POST", "jobs/summary", w.token(alice), ``, 422, `{"type":"missing","loc":["body"]`},
		"group by unknown":   {"POST", "jobs/summary", w.token(alice), `{"grouping":["Foo"]}`, 400, `no such column`},
	}
}

// What is refused is not stored either.
func TestRefusals(t *testing.T) {
	w := start(t, func(c *api.Config) { c.MaxBody = 10_000 })
	for name, test := range refusals(w) {
		r := w.ask(test.method, "/api/"+test.path, test.authorization, test.body)
		if r.status != test.status || !strings.HasPrefix(r.body, `{"detail":`) || !strings.Contains(r.body, test.want) || !json.Valid([]byte(r.body)) {
			t.Errorf("%s: %d %s\nwant %d and %s", name, r.status, r.body, test.status, test.want)
		}
		if challenge := r.header.Get("WWW-Authenticate"); (r.status == 401) != strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("%s: %d with WWW-Authenticate %q", name, r.status, challenge)
		}
		if r.status == 405 && r.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", name, r.header.Get("Allow"))
		}
	}
	if r := w.post(boss, "search", ""); r.body != "[]" || r.status != 200 {
		t.Errorf("something was stored: %s", r.body)
	}
}

func TestPages(t *testing.T) {
	w := start(t)
	if r := w.post(alice, "search?page=3", ""); r.status != 200 || r.body != "[]" || r.header.Get("Content-Range") != "" {
		t.Errorf("nothing there: %d %s %s", r.status, r.body, r.header.Get("Content-Range"))
	}
	w.submit(alice, "a", "b", "c")
	for query, want := range map[string]struct {
		status       int
		span, result string
	}{
		"":                                {200, "", `[{"JobID":1},{"JobID":2},{"JobID":3}]`},
		"?per_page=3":                     {200, "", `[{"JobID":1},{"JobID":2},{"JobID":3}]`},
		"?per_page=2":                     {206, "jobs 0-1/3", `[{"JobID":1},{"JobID":2}]`},
		"?page=2&per_page=2":              {206, "jobs 2-2/3", `[{"JobID":3}]`},
		"?page=1&page=2&per_page=1":       {206, "jobs 1-1/3", `[{"JobID":2}]`},
		"?page=2":                         {416, "jobs */3", `[]`},
		"?per_page=2&uncounted=true":      {206, "jobs 0-1/*", `[{"JobID":1},{"JobID":2}]`},
		"?per_page=4&uncounted=true":      {200, "", `[{"JobID":1},{"JobID":2},{"JobID":3}]`},
		"?per_page=2&uncounted=false":     {206, "jobs 0-1/3", `[{"JobID":1},{"JobID":2}]`},
		"?page=2147483647&per_page=10000": {416, "jobs */3", `[]`},
	} {
		r := w.post(alice, "search"+query, `{"parameters":["JobID"]}`)
		if r.status != want.status || r.body != want.result || r.header.Get("Content-Range") != want.span {
			t.Errorf("%s: %d %s %s, want %v", query, r.status, r.header.Get("Content-Range"), r.body, want)
		}
	}
}

func TestSummary(t *testing.T) {
	w := start(t)
	w.submit(alice, "a", "a", "b")
	r := w.post(alice, "summary", `{"grouping":["VerifiedFlag","JobName","SubmissionTime"]}`)
	want := `[{"JobName":"a","SubmissionTime":"2024-01-01T10:00:00.123456+00:00","VerifiedFlag":true,"count":2},` +
		`{"JobName":"b","SubmissionTime":"2024-01-01T10:00:00.123456+00:00","VerifiedFlag":true,"count":1}]`
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = w.post(alice, "summary", `{"grouping":["JobName"],"search":[{"parameter":"JobName","operator":"eq","value":"none"}]}`)
	if r.status != 200 || r.body != "[]" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Whatever is asked, nobody ever sees another VO's job.
func TestScope(t *testing.T) {
	t.Parallel()
	// Filters, and the VOs whose jobs they let through.
	filters := map[string]string{
		``: "lhcb belle",
		`{"parameter":"VO","operator":"eq","value":"belle"}`:                     "belle",
		`{"parameter":"VO","operator":"neq","value":"x"}`:                        "lhcb belle",
		`{"parameter":"JobID","operator":"in","values":[1,2,3]}`:                 "lhcb belle",
		`{"parameter":"JobName","operator":"regex","value":".*"}`:                "lhcb belle",
		`{"not":{"parameter":"VO","operator":"eq","value":"lhcb"}}`:              "belle",
		`{"or":[{"parameter":"VO","operator":"eq","value":"belle"},{"and":[]}]}`: "lhcb belle",
	}
	both := []string{"lhcb-alice", "lhcb-bob"}
	for _, test := range []struct {
		visibility auth.Visibility
		who        auth.Principal
		sees       []string
	}{
		{auth.VisibleVO, alice, both},
		{auth.VisibleVO, bob, both},
		{auth.VisibleVO, boss, both},
		{auth.VisibleVO, other, []string{"belle-alice"}},
		{auth.VisibleOwn, alice, both[:1]},
		{auth.VisibleOwn, bob, both[1:]},
		{auth.VisibleOwn, boss, both},
		{auth.VisibleOwn, other, []string{"belle-alice"}},
	} {
		w := start(t, func(c *api.Config) { c.Visibility = test.visibility })
		w.submit(alice, "lhcb-alice")
		w.submit(bob, "lhcb-bob")
		w.submit(other, "belle-alice")
		for filter, vos := range filters {
			want := test.sees
			if !strings.Contains(vos, test.who.VO) {
				want = nil
			}
			for _, request := range []string{"search", "summary"} {
				r := w.post(test.who, request, `{"parameters":["JobName"],"grouping":["JobName"],"search":[`+filter+`]}`)
				if diff := cmp.Diff(want, jobNames(t, r)); diff != "" {
					t.Errorf("%s by %s with %s, visibility %s: %s", request, test.who.Subject, filter, test.visibility, diff)
				}
			}
		}
	}
}

func jobNames(t *testing.T, r reply) (names []string) {
	t.Helper()
	var rows []struct{ JobName string }
	if err := json.Unmarshal([]byte(r.body), &rows); err != nil || r.status != 200 {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	for _, row := range rows {
		names = append(names, row.JobName)
	}
	return names
}

// A JDL decides neither VO nor owner.
func TestJDLDoesNotDecideWhose(t *testing.T) {
	w := start(t)
	for _, jdl := range []string{`VO=belle;`, `Owner=boss; OwnerGroup=belle_user;`, `VO=belle; Executable = 1; JobID = 99;`} {
		body, _ := json.Marshal([]string{jdl})
		if r := w.post(alice, "jdl", string(body)); r.status != http.StatusCreated {
			t.Errorf("%s: %d %s", jdl, r.status, r.body)
		}
	}
	if r := w.post(other, "search", ""); r.body != "[]" {
		t.Errorf("belle sees %s", r.body)
	}
	r := w.post(alice, "summary", `{"grouping":["Owner","OwnerGroup","VO"]}`)
	if r.body != `[{"Owner":"alice","OwnerGroup":"lhcb_user","VO":"lhcb","count":3}]` {
		t.Error(r.body)
	}
}
