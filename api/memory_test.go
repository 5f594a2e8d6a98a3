package api_test

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
)

// fillLong makes many jobs whose texts are long, and differ.
func (w *testServer) fillLong(n int) {
	w.t.Helper()
	ids, err := w.db.CreateJobs(w.t.Context(), make([]string, n))
	if err != nil {
		w.t.Fatal(err)
	}
	long := strings.Repeat("x", 110)
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		name := long + strconv.Itoa(int(id))
		rows[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "JobName": name, "MinorStatus": long, "ApplicationStatus": long + long}
	}
	if err := w.db.InsertJobAttributes(w.t.Context(), rows); err != nil {
		w.t.Fatal(err)
	}
}

// stuck is an answer that nobody reads until it is let go.
type stuck struct {
	discarded

	begun *sync.WaitGroup
	once  sync.Once
	let   chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(s.begun.Done)
	<-s.let
	return len(b), nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfLines has lines of each kind that nobody reads: they hold a small piece each.
func TestMemoryOfLines(t *testing.T) {
	var service http.Handler
	w := start(t, func(c *api.Config) { service = api.New(*c) })
	w.fillLong(9000)
	for _, body := range []string{`{}`, `{"distinct":true}`, `{"distinct":true,"parameters":["JobName","MinorStatus","ApplicationStatus"]}`} {
		before := heap()
		const streams = 8
		var begun, all sync.WaitGroup
		begun.Add(streams)
		let := make(chan struct{})
		for range streams {
			request := w.request("/api/jobs/search", w.token(alice), body)
			request.Header.Set("Accept", lines)
			answer := &stuck{discarded: discarded{header: http.Header{}}, begun: &begun, let: let}
			all.Go(func() {
				if service.ServeHTTP(answer, request); answer.status != http.StatusOK {
					t.Errorf("%s: %d", body, answer.status)
					answer.once.Do(begun.Done)
				}
			})
		}
		begun.Wait()
		more := heap() - before
		t.Logf("%s: %d lines hold %d KiB", body, streams, more>>10)
		if more > 16<<20 {
			t.Errorf("%s: %d lines that nobody reads hold %d bytes", body, streams, more)
		}
		close(let)
		all.Wait()
	}
}

// TestParametersAreCountedInJSON: text of which each character is escaped is six times as long.
func TestParametersAreCountedInJSON(t *testing.T) {
	w := start(t)
	w.fill(2)
	text := strings.Repeat("<", jobdb.MaxParameterBytes)
	for id := range jobdb.JobID(2) {
		if err := w.db.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{id + 1: {"a": text, "b": text}}); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.post(alice, "search", `{"parameters":["Parameters"]}`); r.status != http.StatusBadRequest || !strings.Contains(r.body, "per_page") {
		t.Errorf("24 MiB in JSON: %d, %d bytes", r.status, len(r.body))
	}
	if r := w.post(alice, "search?per_page=1", `{"parameters":["Parameters"]}`); r.status != http.StatusPartialContent || len(r.body) < 12<<20 {
		t.Errorf("12 MiB in JSON: %d, %d bytes", r.status, len(r.body))
	}
}

// TestMemoryOfBodiesIsGivenBack: two users whose answers nobody reads keep no third one from sending
// large bodies, however large their own were.
func TestMemoryOfBodiesIsGivenBack(t *testing.T) {
	var service http.Handler
	w := start(t, func(c *api.Config) { service = api.New(*c) })
	w.fill(1000)
	var begun, all sync.WaitGroup
	let := make(chan struct{})
	for _, who := range []auth.Principal{alice, bob} {
		for _, accept := range []string{"application/json", lines} {
			request := w.request("/api/jobs/search", w.token(who), `{"search":[]`+strings.Repeat(" ", 10<<20-20)+`}`)
			request.Header.Set("Accept", accept)
			begun.Add(1)
			answer := &stuck{discarded: discarded{header: http.Header{}}, begun: &begun, let: let}
			all.Go(func() { service.ServeHTTP(answer, request) })
		}
	}
	begun.Wait()
	request := w.request("/api/jobs/jdl", w.token(alice), `["Executable = \"echo\"; Arguments = \"`+strings.Repeat("a", 5<<20)+`\";"]`)
	answer := &discarded{header: http.Header{}}
	if service.ServeHTTP(answer, request); answer.status == http.StatusTooManyRequests || answer.status == http.StatusServiceUnavailable {
		t.Errorf("a submission beside them: %d", answer.status)
	}
	close(let)
	all.Wait()
}
