package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
)

// patience is how long a client waits. The server answers each request before that.
const patience = 2 * time.Minute

// load is the traffic of a grid: writers of all kinds, which write down what they are told.
type load struct {
	t       *testing.T
	servers []*server
	tokens  map[string]string
	journal *journal
	client  *http.Client
	writers int
	pause   time.Duration // of a writer between two requests
	lhcbs   float64       // instead, the rates of a grid as so many multiples of LHCb's; 0: no rates
	leftOut atomic.Int64  // requests that should have been sent at those rates

	began   time.Time     // of the load that runs
	loaded  time.Duration // how long there was load until then
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newLoad is a load of writers, or paced traffic if JOBDB_LHCBS says of how many LHCbs.
func newLoad(t *testing.T, servers []*server, writers int, pause time.Duration) *load {
	t.Helper()
	lhcbs, _ := strconv.ParseFloat(os.Getenv("JOBDB_LHCBS"), 64)
	return &load{
		t: t, servers: servers, journal: newJournal(max(latestJobs, int(lhcbs*pacedJobs))), writers: writers, pause: pause, lhcbs: lhcbs,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: max(writers, int(lhcbs*100))}, Timeout: patience},
		tokens: map[string]string{
			"user": servers[0].token("alice", "NormalUser"), "pilot": servers[0].token("pilot", "GenericPilot"),
			"admin": servers[0].token("root", "NormalUser", "JobAdministrator"),
		},
	}
}

// start lets the writers write until stop.
func (l *load) start() {
	ctx, cancel := context.WithCancel(l.t.Context())
	l.cancel, l.began = cancel, time.Now()
	if l.lhcbs > 0 {
		l.pace(ctx)
		return
	}
	for range l.writers {
		random := newRandom()
		l.running.Go(func() {
			for ctx.Err() == nil {
				l.act(random)
				time.Sleep(time.Duration(float64(l.pause) * (0.5 + random.Float64())))
			}
		})
	}
}

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

// stop returns when each request has its answer.
func (l *load) stop() {
	l.cancel()
	l.running.Wait()
	l.loaded += time.Since(l.began)
	l.client.CloseIdleConnections()
}

// send sends a request to one of the servers.
func (l *load) send(random *rand.Rand, who, method, path, body string, header ...string) (r reply, answer []byte) {
	target := l.servers[random.IntN(len(l.servers))].url
	request, err := http.NewRequestWithContext(context.WithoutCancel(l.t.Context()), method, target+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}, nil
	}
	request.Header.Set("Authorization", "Bearer "+l.tokens[who])
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	began := time.Now()
	route, _, _ := strings.Cut(path, "?")
	defer func() { l.journal.answered(method+" "+route, time.Since(began)) }()
	response, err := l.client.Do(request)
	if err != nil {
		return reply{err: err}, nil
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return reply{status: response.StatusCode, err: err}, answer
}

// write sends a request that changes jobs, and writes down what came of it.
func (l *load) write(w *write, random *rand.Rand, who, method, path, body string, read func(answer []byte) error) {
	r, answer := l.send(random, who, method, path, body)
	if r.err == nil && r.status < 300 && read != nil {
		if err := read(answer); err != nil {
			l.t.Errorf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	l.journal.end(w, r)
}

// submit submits jobs under an Idempotency-Key, and does so again when no answer comes.
func (l *load) submit(random *rand.Rand) {
	w := l.journal.begin(submit, nil)
	w.size = 1 + random.IntN(19)
	body := "[" + strings.TrimSuffix(strings.Repeat(`"Executable = \"x\"; JobName = \"`+w.mark+`\";",`, w.size), ",") + "]"
	var r reply
	var answer []byte
	for range 1 + random.IntN(3) {
		if r, answer = l.send(random, "user", "POST", "/api/jobs/jdl", body, "Idempotency-Key", w.mark); r.err == nil && r.status < 300 {
			break
		}
	}
	if r.err == nil && r.status < 300 {
		var jobs []struct{ JobID jobdb.JobID }
		if err := json.Unmarshal(answer, &jobs); err != nil || len(jobs) != w.size {
			l.t.Errorf("submitted %d jobs: %v: %s", w.size, err, answer)
		}
		for _, job := range jobs {
			w.jobs = append(w.jobs, job.JobID)
		}
	}
	l.journal.end(w, r)
}

// byJob is a body with the same for each job.
func byJob(jobs []jobdb.JobID, value string) string {
	parts := make([]string, len(jobs))
	for i, id := range jobs {
		parts[i] = fmt.Sprintf(`"%d":{%s}`, id, value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// setStatus sends an update, and notes which jobs are to end by it.
func (l *load) setStatus(random *rand.Rand, kind kind, who, update string, jobs []jobdb.JobID) {
	if len(jobs) == 0 {
		return
	}
	w := l.journal.begin(kind, jobs)
	if kind == setStatus && random.IntN(3) > 0 {
		next := []string{"Checking", "Waiting", "Matched", "Running", "Completing", "Done"}
		update = `"Status":"` + next[random.IntN(len(next))] + `",` + update
	}
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	body := byJob(jobs, fmt.Sprintf(`"%s":{`+update+`}`, at, w.mark))
	l.write(w, random, who, "PATCH", "/api/jobs/status", body, func(answer []byte) error {
		var report struct {
			Success map[jobdb.JobID]struct{ Status string }
		}
		err := json.Unmarshal(answer, &report)
		if err == nil && len(report.Success) != len(jobs) {
			err = fmt.Errorf("jobs are missing: %v", jobs)
		}
		for id, change := range report.Success {
			if kind == kill && change.Status == "Killed" || kind == remove && change.Status == "Deleted" {
				w.ended = append(w.ended, id)
			}
		}
		return err
	})
}

// hear reads the commands in the answer to a heartbeat.
func (l *load) hear(answer []byte) error {
	var commands []struct {
		JobID   jobdb.JobID `json:"job_id"`
		Command string      `json:"command"`
	}
	if err := json.Unmarshal(answer, &commands); err != nil {
		return err
	}
	var told []jobdb.JobID
	for _, c := range commands {
		if c.Command == "Kill" {
			told = append(told, c.JobID)
		}
	}
	l.journal.hear(told)
	return nil
}

func (l *load) describe(random *rand.Rand, jobs []jobdb.JobID) {
	if len(jobs) == 0 {
		return
	}
	w := l.journal.begin(parameter, jobs)
	l.write(w, random, "admin", "PATCH", "/api/jobs/metadata", byJob(jobs, `"Mark`+w.mark+`":"`+w.mark+`"`), nil)
}

func (l *load) reschedule(random *rand.Rand, jobs []jobdb.JobID) {
	if len(jobs) == 0 {
		return
	}
	w := l.journal.begin(reschedule, jobs)
	l.write(w, random, "admin", "POST", "/api/jobs/reschedule", fmt.Sprintf(`{"job_ids":[%d]}`, jobs[0]), nil)
}

func (l *load) search(random *rand.Rand) {
	if random.IntN(2) == 0 {
		_, _ = l.send(random, "user", "POST", "/api/jobs/summary", `{"grouping":["Status"]}`)
		return
	}
	_, _ = l.send(random, "user", "POST", "/api/jobs/search?per_page=20",
		`{"search":[{"parameter":"Status","operator":"in","values":["Running","Killed"]}],"sort":[{"parameter":"JobID","direction":"desc"}]}`)
}
