package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/wms"
)

// changing is a server whose clock goes on, which readers of changes need.
type changing struct {
	t    *testing.T
	url  string
	db   *jobdb.DB
	jobs *wms.JobManager
	key  *auth.Key
	stop context.CancelFunc
}

func startChanging(t *testing.T, visibility auth.Visibility) *changing {
	t.Helper()
	database, err := withTables()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "jobs.db")
	if err := os.WriteFile(path, database, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &changing{t: t}
	if c.db, err = jobdb.Open(t.Context(), "sqlite:"+path, jobdb.Options{}); err != nil {
		t.Fatal(err)
	}
	if c.key, err = signingKey(); err != nil {
		t.Fatal(err)
	}
	c.jobs = manager(t, c.db, time.Now)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.url = "http://" + listener.Addr().String()
	service := api.New(api.Config{
		DB: c.db, Jobs: c.jobs, Keys: c.key.Keys(), Issuer: issuer, Visibility: visibility, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		RequestTimeout: 100 * time.Millisecond, // which readers outlast
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- api.Serve(ctx, listener, service, slog.New(slog.DiscardHandler), api.Timeouts{Shutdown: 10 * time.Second})
	}()
	c.stop = stop
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := c.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *changing) submit(who auth.Principal) jobdb.JobID {
	c.t.Helper()
	jobs, err := c.jobs.Submit(c.t.Context(), wms.Owner{Name: who.Username, Group: who.Group, VO: who.VO}, []string{`Executable = "x";`})
	if err != nil {
		c.t.Fatal(err)
	}
	return jobs[0].JobID
}

func (c *changing) set(who auth.Principal, id jobdb.JobID, status jobdb.Status) {
	c.t.Helper()
	update := wms.StatusUpdate{Time: time.Now(), Status: status, Source: "test"}
	if _, err := c.jobs.SetStatus(c.t.Context(), wms.Scope{VO: who.VO}, map[jobdb.JobID][]wms.StatusUpdate{id: {update}}, wms.StatusOptions{Force: true}); err != nil {
		c.t.Fatal(err)
	}
}

// listener reads events of one request.
type listener struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
	hangUp   context.CancelFunc
}

// event is one of changes, or the end of them.
type event struct {
	name, id string
	Jobs     []map[string]any `json:"jobs"`
	Others   []jobdb.JobID    `json:"others"`
	More     bool             `json:"more"`
	Reason   string           `json:"reason"`
}

func (c *changing) listen(who auth.Principal, lifetime time.Duration, query, last string) *listener {
	c.t.Helper()
	token, err := c.key.Mint(issuer, who, time.Now(), lifetime)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	c.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/api/jobdb/changes?"+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &listener{c.t, response, lines, cancel}
}

// next is the next event; its name is empty when there is none.
func (l *listener) next() (e event) {
	l.t.Helper()
	for l.lines.Scan() {
		line := l.lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				l.t.Fatalf("%s: %v", line, err)
			}
		case "":
			if e.name != "" {
				return e
			}
		}
	}
	return event{}
}

// wait reads events until one tells of a job, and returns it; at the most so many.
func (l *listener) wait(id jobdb.JobID) event {
	l.t.Helper()
	for range 10 {
		e := l.next()
		isJob := func(job map[string]any) bool { return job["JobID"] == float64(id) }
		if e.name == "" || slices.ContainsFunc(e.Jobs, isJob) || slices.Contains(e.Others, id) || e.More {
			return e
		}
	}
	l.t.Fatalf("nothing was told of job %d", id)
	return event{}
}

func filters(text string) string { return "search=" + url.QueryEscape(text) }

const failed = `[{"parameter":"Status","operator":"eq","value":"Failed"}]`

// TestChanges changes jobs while several listen, each to what it may see and asked for.
func TestChanges(t *testing.T) {
	t.Parallel()
	c := startChanging(t, auth.VisibleOwn)
	before := c.submit(alice)
	all, ofFailed := c.listen(boss, time.Hour, "", ""), c.listen(boss, time.Hour, filters(failed), "")
	mine, theirs := c.listen(alice, time.Hour, "", ""), c.listen(other, time.Hour, "", "")
	byParameter := c.listen(boss, time.Hour, filters(`[{"parameter":"HostName","operator":"eq","value":"n1"}]`), "")
	var first event
	for _, l := range []*listener{all, ofFailed, mine, theirs, byParameter} {
		first = l.next()
		if l.response.StatusCode != 200 || l.response.Header.Get("Content-Type") != "text/event-stream" || first.id == "" || len(first.Jobs) > 0 || first.More {
			t.Fatalf("%d %v %+v", l.response.StatusCode, l.response.Header, first)
		}
	}
	bobs := c.submit(bob)
	foreign := c.submit(other)
	c.set(alice, before, jobdb.StatusFailed)
	if e := all.wait(bobs); len(e.Jobs) == 0 || len(e.Others) > 0 || e.Jobs[0]["Owner"] == nil || len(e.Jobs[0]) != len(jobdb.Columns()) {
		t.Errorf("%+v", e)
	}
	if e := ofFailed.wait(before); e.More || len(e.Jobs) != 1 || e.Jobs[0]["Status"] != "Failed" || slices.Contains(e.Others, before) {
		t.Errorf("%+v", e)
	}
	if e := mine.wait(before); len(e.Jobs) != 1 || len(e.Others) > 0 {
		t.Errorf("%+v", e)
	}
	if e := theirs.wait(foreign); len(e.Jobs) != 1 || len(e.Others) > 0 {
		t.Errorf("%+v", e)
	}
	if e := byParameter.wait(before); !e.More || len(e.Jobs) > 0 {
		t.Errorf("%+v", e)
	}
	c.set(alice, before, jobdb.StatusWaiting)
	if e := ofFailed.wait(before); len(e.Jobs) > 0 || !slices.Contains(e.Others, before) {
		t.Errorf("a job that isn't found any more: %+v", e)
	}
	again := c.listen(boss, time.Hour, "since=1", first.id)
	if e := again.next(); e.More || len(e.Jobs) != 2 {
		t.Errorf("since the first event: %+v", e)
	}
	if e := c.listen(boss, time.Hour, "since=1", "").next(); !e.More || len(e.Jobs) > 0 {
		t.Errorf("since long ago: %+v", e)
	}
}

// TestChangesEnd ends readers when their tokens expire, and when the server stops.
func TestChangesEnd(t *testing.T) {
	t.Parallel()
	c := startChanging(t, auth.VisibleVO)
	short, long := c.listen(alice, 3*time.Second, "", ""), c.listen(alice, time.Hour, "", "")
	for _, l := range []*listener{short, long} {
		l.next()
	}
	if e := short.next(); e.name != "end" || e.Reason != "the token has expired" || short.next().name != "" {
		t.Errorf("%+v", e)
	}
	began := time.Now()
	c.stop()
	if e := long.next(); e.name != "end" || e.Reason != "the server is stopping" || long.next().name != "" || time.Since(began) > 5*time.Second {
		t.Errorf("%+v", e)
	}
}

// TestChangesAccess is the matrix of who may listen.
func TestChangesAccess(t *testing.T) {
	t.Parallel()
	c := startChanging(t, auth.VisibleVO)
	for _, test := range []struct {
		who    auth.Principal
		query  string
		status int
	}{
		{alice, "", 200},
		{boss, "", 200},
		{other, "", 200},
		{pilot, "", 403},
		{person("lhcb", "nobody"), "", 403},
		{alice, "search=5", 422},
		{alice, "search=" + url.QueryEscape("["), 422},
		{alice, "since=x", 422},
		{alice, filters(`[{"parameter":"Nope","operator":"eq","value":1}]`), 400},
		{alice, filters(`[{"parameter":"PilotStamp","operator":"like","value":"x"}]`), 400},
	} {
		l := c.listen(test.who, time.Hour, test.query, "")
		if l.response.StatusCode != test.status {
			t.Errorf("%s, %s: %d", test.who.Subject, test.query, l.response.StatusCode)
		}
		l.hangUp()
	}
	var last *listener
	for range 33 {
		last = c.listen(bob, time.Hour, "", "")
	}
	if last.response.StatusCode != 429 {
		t.Errorf("one caller has too many: %d", last.response.StatusCode)
	}
	response, err := http.Get(c.url + "/api/jobdb/changes")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 401 {
		t.Errorf("without a token: %d", response.StatusCode)
	}
}
