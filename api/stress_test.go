package api_test

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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/internal/conformance"
	"jobdb/jobdbtest"
)

const stressClients = 200

// TestStress lets 200 clients do at once what clients do, against three
// servers on one database, of which one's clock is a minute ahead and one's a minute behind.
// JOBDB_STRESS says how long, by default 5s; "make stress" takes a minute on each engine.
func TestStress(t *testing.T) {
	duration := 5 * time.Second
	if testing.Short() {
		duration = 300 * time.Millisecond
	}
	if text := os.Getenv("JOBDB_STRESS"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	jobdbtest.EachEngine(t, func(t *testing.T, url string) { newStress(t, url).run(url, duration) })
}

type stress struct {
	t       *testing.T
	db      *jobdb.DB
	servers []string
	tokens  map[string]string
	client  *http.Client

	mutex  sync.Mutex
	jobs   []jobdb.JobID
	killed map[jobdb.JobID]int // how often a Kill was accepted
	told   map[jobdb.JobID]int // how often one was delivered
	done   map[string]int      // requests by what they did
}

func newStress(t *testing.T, address string) *stress {
	t.Helper()
	folder := t.TempDir()
	key, err := auth.OpenKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := &stress{
		t: t, tokens: map[string]string{}, killed: map[jobdb.JobID]int{}, told: map[jobdb.JobID]int{}, done: map[string]int{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: stressClients}, Timeout: time.Minute},
	}
	for name, who := range map[string]auth.Principal{"alice": alice, "boss": boss, "pilot": pilot, "other": other} {
		token, err := key.Mint(issuer, who, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		s.tokens[name] = token
	}
	for i, ahead := range []time.Duration{0, time.Minute, -time.Minute} {
		clock := func() time.Time { return time.Now().Add(ahead) }
		db, err := jobdb.Open(t.Context(), address, jobdb.Options{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if i == 0 {
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.db = db
		}
		server := httptest.NewServer(api.New(api.Config{
			DB: db, Jobs: manager(t, db, clock),
			Keys: key.Keys(), Issuer: issuer, Visibility: auth.VisibleVO, Clock: clock, Logger: slog.New(slog.DiscardHandler),
		}))
		t.Cleanup(server.Close)
		s.servers = append(s.servers, server.URL)
	}
	return s
}

func (s *stress) run(address string, duration time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), duration)
	defer cancel()
	for range 4 {
		s.submit(rand.New(rand.NewPCG(1, 1)))
	}
	roles := []func(*rand.Rand){s.submit, s.runJob, s.beat, s.beat, s.kill, s.kill, s.look, s.look, s.look, s.describe, s.reschedule}
	var clients sync.WaitGroup
	for i := range stressClients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for ctx.Err() == nil && !s.t.Failed() {
				roles[random.IntN(len(roles))](random)
			}
		})
	}
	clients.Wait()
	s.drain()
	s.check(address)
	s.t.Logf("%v", s.done)
}

// ask sends a request to one of the servers and wants one of the statuses.
func (s *stress) ask(random *rand.Rand, what, who, method, path, body string, wanted ...int) (answer []byte) {
	ctx := context.WithoutCancel(s.t.Context()) // what was begun is finished
	request, err := http.NewRequestWithContext(ctx, method, s.servers[random.IntN(len(s.servers))]+"/api/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return nil
	}
	request.Header.Set("Authorization", "Bearer "+s.tokens[who])
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Errorf("%s: %v", what, err)
		return nil
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil || !slices.Contains(wanted, response.StatusCode) {
		s.t.Errorf("%s %s %s: %d %s, %v", what, path, body, response.StatusCode, answer, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.done[what]++
	return answer
}

func (s *stress) job(random *rand.Rand) jobdb.JobID {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.jobs[random.IntN(len(s.jobs))]
}

// clientTime is now by the clock of a client, which is up to 90 seconds ahead or behind.
func clientTime(random *rand.Rand) string {
	return time.Now().Add(time.Duration(random.IntN(180_000)-90_000) * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000000Z")
}

func (s *stress) submit(random *rand.Rand) {
	body := `["Executable=\"x\""` + strings.Repeat(`,"Executable=\"y\""`, random.IntN(4)) + `]`
	answer := s.ask(random, "submit", "alice", "POST", "jobs/jdl", body, 201)
	var jobs []struct{ JobID jobdb.JobID }
	if err := json.Unmarshal(answer, &jobs); err != nil {
		s.t.Errorf("%s: %v", answer, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, job := range jobs {
		s.jobs = append(s.jobs, job.JobID)
	}
}

// runJob brings a job from wherever it is some steps on.
func (s *stress) runJob(random *rand.Rand) {
	id := s.job(random)
	for _, status := range []string{"Checking", "Waiting", "Matched", "Running", "Completing", "Done"}[random.IntN(3):] {
		body := fmt.Sprintf(`{"%d":{"%s":{"Status":"%s","Source":"JobWrapper"},"%s":{"ApplicationStatus":"step %d"}}}`, id, clientTime(random), status, clientTime(random), random.IntN(9))
		s.ask(random, "status", "pilot", "PATCH", "jobs/status", body, 200)
	}
}

// beat sends heartbeats of a few jobs, one of which may not exist.
func (s *stress) beat(random *rand.Rand) {
	var beats []string
	for range 1 + random.IntN(3) {
		beats = append(beats, fmt.Sprintf(`"%d":{"LoadAverage":%d,"StandardOutput":"line %d"}`, s.job(random), random.IntN(9), random.IntN(9)))
	}
	if random.IntN(4) == 0 {
		beats = append(beats, `"999999999":{}`)
	}
	answer := s.ask(random, "heartbeat", "pilot", "PATCH", "jobs/heartbeat", "{"+strings.Join(beats, ",")+"}", 200)
	s.note(answer)
}

// note counts the commands of an answer.
func (s *stress) note(answer []byte) {
	var commands []struct {
		JobID   jobdb.JobID `json:"job_id"`
		Command string      `json:"command"`
	}
	if err := json.Unmarshal(answer, &commands); err != nil {
		s.t.Errorf("%s: %v", answer, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range commands {
		if c.Command != "Kill" {
			s.t.Errorf("the command %v", c)
		}
		s.told[c.JobID]++
	}
}

// kill kills a job that nobody has killed before.
func (s *stress) kill(random *rand.Rand) {
	id := s.job(random)
	s.mutex.Lock()
	_, twice := s.killed[id]
	if !twice {
		s.killed[id] = 0
	}
	s.mutex.Unlock()
	if twice {
		return
	}
	answer := s.ask(random, "kill", "alice", "PATCH", "jobs/status", fmt.Sprintf(`{"%d":{"%s":{"Status":"Killed"}}}`, id, clientTime(random)), 200)
	var report struct {
		Success map[jobdb.JobID]struct{ Status *string }
	}
	if err := json.Unmarshal(answer, &report); err != nil {
		s.t.Errorf("%s: %v", answer, err)
	}
	if status := report.Success[id].Status; status != nil && *status == "Killed" {
		s.mutex.Lock()
		s.killed[id]++
		s.mutex.Unlock()
	} else if status == nil {
		s.t.Errorf("job %d was asked to end, and nothing came of it: %s", id, answer)
	}
}

func (s *stress) look(random *rand.Rand) {
	switch random.IntN(3) {
	case 0:
		s.ask(random, "search", "alice", "POST", "jobs/search?per_page=20", `{"search":[{"parameter":"Status","operator":"in","values":["Running","Killed"]}],"sort":[{"parameter":"LastUpdateTime","direction":"desc"}]}`, 200, 206)
	case 1:
		s.ask(random, "summary", "boss", "POST", "jobs/summary", `{"grouping":["Status","Owner"]}`, 200)
	case 2:
		answer := s.ask(random, "foreign search", "other", "POST", "jobs/search", `{"parameters":["JobID","LoggingInfo"]}`, 200)
		if string(answer) != "[]" {
			s.t.Errorf("another VO sees %s", answer)
		}
	}
}

func (s *stress) describe(random *rand.Rand) {
	id := s.job(random)
	s.ask(random, "metadata", "pilot", "PATCH", "jobs/metadata", fmt.Sprintf(`{"%d":{"Site":"LCG.%d.org","HostName":"n%d"}}`, id, random.IntN(9), random.IntN(9)), 204)
	s.ask(random, "details", "alice", "GET", fmt.Sprintf("jobdb/jobs/%d", id), "", 200)
}

// reschedule makes a job run again, unless it was killed or has ended or did so too often; then it
// says so.
func (s *stress) reschedule(random *rand.Rand) {
	id := s.job(random)
	s.mutex.Lock()
	_, claimed := s.killed[id]
	if !claimed {
		s.killed[id] = 0 // nobody kills it from now on: its commands would expire
	}
	s.mutex.Unlock()
	if !claimed {
		s.ask(random, "reschedule", "boss", "POST", "jobs/reschedule", fmt.Sprintf(`{"job_ids":[%d]}`, id), 200, 400)
	}
}

// drain beats for every job once more, so that every command is delivered.
func (s *stress) drain() {
	random := rand.New(rand.NewPCG(3, 3))
	for ids := range slices.Chunk(s.jobs, 200) {
		beats := &bytes.Buffer{}
		for _, id := range ids {
			fmt.Fprintf(beats, `,"%d":{}`, id)
		}
		answer := s.ask(random, "last heartbeat", "pilot", "PATCH", "jobs/heartbeat", "{"+beats.String()[1:]+"}", 200)
		s.note(answer)
	}
}

// check looks at what all that led to.
func (s *stress) check(address string) {
	kills := 0
	for _, id := range s.jobs {
		kills += s.killed[id]
		if s.killed[id] != s.told[id] {
			s.t.Errorf("job %d was killed %d times and told so %d times", id, s.killed[id], s.told[id])
		}
	}
	if kills == 0 {
		s.t.Error("nothing was killed")
	}
	if gaps := conformance.HistoryGaps(s.t, address); gaps != nil {
		s.t.Errorf("the histories of these jobs have gaps: %v", gaps)
	}
	s.checkTimes()
}

// checkTimes wants killed jobs killed, and no time that is later than any
// server's clock by more than the minute that is allowed.
func (s *stress) checkTimes() {
	latest := time.Now().Add(2*time.Minute + time.Second)
	for ids := range slices.Chunk(s.jobs, 500) {
		histories, err := s.db.History(s.t.Context(), ids)
		if err != nil {
			s.t.Fatal(err)
		}
		jobs, err := s.db.LockJobs(s.t.Context(), ids, "Status")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, id := range ids {
			for _, record := range histories[id] {
				if record.Time.After(latest) {
					s.t.Errorf("job %d has a record of the future: %v", id, record)
				}
			}
			if s.killed[id] > 0 && jobs[id]["Status"] != "Killed" {
				s.t.Errorf("job %d was killed, and is %v: %v", id, jobs[id]["Status"], histories[id])
			}
		}
	}
}
