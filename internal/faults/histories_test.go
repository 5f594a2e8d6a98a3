package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

const issuer = "https://issuer.example/"

// grid is several servers on one database, each with a clock of its own.
type grid struct {
	t       *testing.T
	servers []string
	clocks  []*atomic.Int64 // how much the servers' clocks are ahead
	between *proxy          // nil: the database is a file
	tokens  map[string]string
	client  *http.Client
	began   time.Time
	log     bytes.Buffer // of the databases, which say there when they try something again
	logger  *slog.Logger

	asked, unknown, late atomic.Int64
}

func newGrid(t *testing.T, address string) *grid {
	t.Helper()
	g := &grid{t: t, tokens: map[string]string{}, client: &http.Client{Timeout: patience}, began: time.Now()}
	g.logger = slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the databases said:\n%s", g.log.String())
		}
	})
	jobdbtest.Open(t, address, jobdb.Options{}) // makes the tables
	if !strings.HasPrefix(address, "sqlite:") {
		g.between = newProxy(t, address)
		address = g.between.address
	}
	key, err := auth.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, properties := range map[string][]string{"user": {auth.NormalUser}, "admin": {auth.JobAdministrator}, "pilot": {auth.GenericPilot}} {
		who := auth.Principal{Subject: "lhcb:" + name, Username: "user", Group: "lhcb_user", VO: "lhcb", Properties: properties}
		if g.tokens[name], err = key.Mint(issuer, who, time.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		g.startServer(address, key)
	}
	return g
}

func (g *grid) startServer(address string, key *auth.Key) {
	g.t.Helper()
	ahead := &atomic.Int64{}
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	db := jobdbtest.Open(g.t, address, jobdb.Options{Clock: clock, Logger: g.logger})
	jobs, err := wms.NewJobManager(db, wms.DefaultRules, clock)
	if err != nil {
		g.t.Fatal(err)
	}
	server := httptest.NewServer(api.New(api.Config{
		DB: db, Jobs: jobs, Keys: key.Keys(), Issuer: issuer, Visibility: auth.VisibleVO, Clock: time.Now,
		RequestTimeout: 30 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}))
	g.t.Cleanup(server.Close)
	g.servers, g.clocks = append(g.servers, server.URL), append(g.clocks, ahead)
}

// TestHistories lets clients ask several servers at once about the same jobs, while connections are
// cut and clocks jump by up to a minute, and checks that the answers are those of one job that does
// one thing after the other. JOBDB_FAULTS_MINUTES, up to 5, says for how long on each engine, by default 4 s.
func TestHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes some seconds on each engine")
	}
	lasts := 4 * time.Second
	if minutes, err := strconv.Atoi(os.Getenv("JOBDB_FAULTS_MINUTES")); err == nil {
		lasts = time.Duration(min(minutes, 5)) * time.Minute
	}
	jobdbtest.EachEngine(t, func(t *testing.T, address string) {
		g := newGrid(t, address)
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() { g.trouble(ctx) })
		var jobs atomic.Int64
		for range 6 {
			all.Go(func() {
				for ctx.Err() == nil && !t.Failed() {
					g.live(newRandom())
					jobs.Add(1)
				}
			})
		}
		all.Wait()
		t.Logf("the histories of %d jobs: %d requests, %d of them without an answer, %d late", jobs.Load(), g.asked.Load(), g.unknown.Load(), g.late.Load())
		if g.asked.Load()-g.late.Load()-g.unknown.Load() < 50 {
			t.Error("too little was done to say anything")
		}
	})
}

// trouble lets clocks jump, and cuts and stalls connections.
func (g *grid) trouble(ctx context.Context) {
	random := newRandom()
	for ctx.Err() == nil {
		time.Sleep(250 * time.Millisecond)
		g.clocks[random.IntN(len(g.clocks))].Store(random.Int64N(int64(100*time.Second)) - int64(50*time.Second))
		if g.between == nil {
			continue
		}
		switch random.IntN(8) {
		case 0:
			g.between.cut()
		case 1:
			g.between.holdCommits()
			time.Sleep(100 * time.Millisecond)
			g.between.cut() // so that what was committed isn't told
			g.between.letGo()
		}
	}
}

// live lets four clients do things to one job, and checks what they were told.
func (g *grid) live(random *rand.Rand) {
	var mutex sync.Mutex
	h := history{}
	id := jobdb.JobID(0)
	ask := func(random *rand.Rand, q question) {
		began := time.Since(g.began).Nanoseconds()
		r := g.ask(random, &id, q)
		ended := time.Since(g.began).Nanoseconds()
		mutex.Lock()
		defer mutex.Unlock()
		h.add(began, ended, q, r)
	}
	if ask(random, question{kind: submit}); id == 0 {
		return
	}
	var clients sync.WaitGroup
	for n := range 4 {
		random := newRandom()
		clients.Go(func() {
			for i := range 8 {
				ask(random, randomQuestion(random, fmt.Sprintf("%d.%d", n, i)))
			}
		})
	}
	clients.Wait()
	ask(random, question{kind: look})
	switch result, info := porcupine.CheckOperationsVerbose(jobModel, h, time.Minute); result {
	case porcupine.Ok:
	case porcupine.Unknown:
		g.t.Logf("job %d: too many histories are possible to try them all", id)
	default:
		for _, o := range h {
			g.t.Logf("%d to %d: %s", o.Call/1000, o.Return/1000, jobModel.DescribeOperation(o.Input, o.Output))
		}
		g.t.Errorf("job %d: no order of these requests explains the answers; the longest parts that do: %v", id, info.PartialLinearizations())
	}
}

func randomQuestion(random *rand.Rand, mark string) question {
	statuses := []jobdb.Status{"Checking", "Waiting", "Matched", "Running", "Running", "Stalled", "Completing", "Done", "Failed"}
	q := question{kind: setStatus, to: statuses[random.IntN(len(statuses))], mark: mark}
	switch n := random.IntN(20); {
	case n < 7:
	case n < 9:
		q.force = true
	case n < 12:
		q = question{kind: heartbeat}
	case n < 14:
		q = question{kind: reschedule}
	case n < 15:
		q.kind, q.to = kill, jobdb.StatusKilled
	case n < 16 && random.IntN(2) == 0:
		q.kind, q.to = remove, jobdb.StatusDeleted
	default:
		q = question{kind: look}
	}
	return q
}

// ask sends a question about a job to one of the servers.
func (g *grid) ask(random *rand.Rand, id *jobdb.JobID, q question) (r response) {
	g.asked.Add(1)
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	var status int
	var answer []byte
	switch send := func(who, method, path, body string) {
		status, answer = g.send(g.servers[random.IntN(len(g.servers))], g.tokens[who], method, path, body)
	}; q.kind {
	case submit:
		send("user", "POST", "jobs/jdl", `["Executable = \"x\";"]`)
	case heartbeat:
		send("pilot", "PATCH", "jobs/heartbeat", fmt.Sprintf(`{"%d":{"LoadAverage":1}}`, *id))
	case reschedule:
		send("admin", "POST", "jobs/reschedule", fmt.Sprintf(`{"job_ids":[%d]}`, *id))
	case look:
		send("user", "POST", "jobs/search", fmt.Sprintf(
			`{"parameters":["Status","ApplicationStatus","RescheduleCounter"],"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, *id))
	default:
		send("admin", "PATCH", fmt.Sprintf("jobs/status?force=%t", q.force),
			fmt.Sprintf(`{"%d":{"%s":{"Status":"%s","ApplicationStatus":"%s","Source":"Test"}}}`, *id, at, q.to, q.mark))
	}
	if status == 0 || status >= 500 {
		g.unknown.Add(1)
		return r
	}
	r.known = true
	if err := r.read(q.kind, id, status, answer); err != nil {
		g.t.Errorf("%s: %d %s: %v", q.kind, status, answer, err)
	}
	if r.late {
		g.late.Add(1)
	}
	return r
}

func (g *grid) send(server, token, method, path, body string) (status int, answer []byte) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(g.t.Context()), method, server+"/api/"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	request.Header.Set("Authorization", "Bearer "+token)
	reply, err := g.client.Do(request)
	if err != nil {
		return 0, nil
	}
	defer reply.Body.Close()
	if answer, err = io.ReadAll(reply.Body); err != nil {
		return 0, nil
	}
	return reply.StatusCode, answer
}

// report is the answer to a request about jobs, of which there is one.
type report struct {
	Success map[jobdb.JobID]struct {
		Status            *jobdb.Status
		RescheduleCounter int64
	}
	Failed map[jobdb.JobID]any
}

// read reads the answer to a question.
func (r *response) read(kind kind, id *jobdb.JobID, status int, answer []byte) error {
	switch kind {
	case submit:
		var jobs []struct{ JobID jobdb.JobID }
		if err := json.Unmarshal(answer, &jobs); err != nil || len(jobs) != 1 {
			return fmt.Errorf("one job is wanted: %w", err)
		}
		*id = jobs[0].JobID
		return nil
	case heartbeat:
		var commands []struct{ Command string }
		err := json.Unmarshal(answer, &commands)
		r.kills = len(commands)
		return err
	case look:
		var rows []struct {
			Status            jobdb.Status
			ApplicationStatus string
			RescheduleCounter int64
		}
		if err := json.Unmarshal(answer, &rows); err != nil || len(rows) != 1 {
			return fmt.Errorf("one row is wanted: %w", err)
		}
		r.seen = jobState{exists: true, status: rows[0].Status, application: rows[0].ApplicationStatus, counter: rows[0].RescheduleCounter}
		return nil
	default:
		return r.readReport(kind, *id, status, answer)
	}
}

func (r *response) readReport(kind kind, id jobdb.JobID, status int, answer []byte) error {
	if status >= http.StatusBadRequest {
		if kind != reschedule {
			return fmt.Errorf("refused")
		}
		r.refused = true
		return nil
	}
	var in report
	if err := json.Unmarshal(answer, &in); err != nil {
		return err
	}
	change, found := in.Success[id]
	if !found {
		return fmt.Errorf("the job is missing")
	}
	r.counter = change.RescheduleCounter
	if r.late = change.Status == nil; !r.late {
		r.status = *change.Status
	}
	return nil
}
