package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// flaky is a server that makes jobs and loses some of its answers.
type flaky struct {
	mutex   sync.Mutex
	isJobdb bool
	lose    map[int]bool // by the number of the request, from 1
	busy    map[int]bool
	asked   int
	made    int64
	kept    map[string][]madeJob
	onAsked func(asked int)
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	switch {
	case r.URL.Path == "/api/jobdb/values" && f.isJobdb:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.URL.Path != "/api/jobs/jdl":
		w.WriteHeader(http.StatusNotFound)
		return
	}
	f.asked++
	if f.onAsked != nil {
		f.onAsked(f.asked)
	}
	if f.busy[f.asked] {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	var texts []string
	if err := json.NewDecoder(r.Body).Decode(&texts); err != nil {
		panic(err)
	}
	jobs, before := f.kept[r.Header.Get("Idempotency-Key")]
	if !before || !f.isJobdb {
		jobs = nil
		for range texts {
			f.made++
			jobs = append(jobs, madeJob{JobID: f.made, Status: "Received"})
		}
		f.kept[r.Header.Get("Idempotency-Key")] = jobs
	}
	if f.lose[f.asked] {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(jobs)
}

// runSubmit submits 50 jobs to the server, and returns what was printed.
func runSubmit(ctx context.Context, t *testing.T, f *flaky, key string) (stdout, stderr string, err error) {
	t.Helper()
	firstPause = time.Millisecond
	t.Setenv("JOBDB_TOKEN", "x")
	if f.kept == nil {
		f.kept = map[string][]madeJob{}
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "a.jdl")
	if err := os.WriteFile(path, []byte(`Executable = "%(x)s";`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	command := &submitCommand{Files: []string{path}, Confirm: true, Key: key}
	command.Server, command.Param = server.URL, []string{"x=1..50"}
	err = command.Run(ctx, &program{stdout: &out, stderr: &said, clock: systemClock})
	return out.String(), said.String(), err
}

// TestSubmitAgain loses answers of a jobdb: no job is made twice, and none is missing.
func TestSubmitAgain(t *testing.T) {
	f := &flaky{isJobdb: true, lose: map[int]bool{1: true, 3: true, 4: true}, busy: map[int]bool{6: true}}
	stdout, stderr, err := runSubmit(t.Context(), t, f, "")
	if n := strings.Count(stdout, "\n"); err != nil || n != 50 || f.made != 50 {
		t.Errorf("%d jobs were made, %d printed: %v\n%s", f.made, n, err, stderr)
	}
}

// TestSubmitToDiracX loses an answer of a server without keys: the submission ends and says so, but one that was
// too busy is asked again.
func TestSubmitToDiracX(t *testing.T) {
	f := &flaky{lose: map[int]bool{3: true}, busy: map[int]bool{1: true}}
	stdout, stderr, err := runSubmit(t.Context(), t, f, "")
	if err == nil || f.made != 40 || strings.Count(stdout, "\n") != 20 {
		t.Errorf("%d jobs were made, error %v:\n%s", f.made, err, stdout)
	}
	for _, want := range []string{"job 21 to ", "job 40: ", "Whether these jobs were made is not known, because this server keeps no keys", "20 of 50 jobs were submitted\n"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in:\n%s", want, stderr)
		}
	}
}

// TestSubmitInterrupted is a Ctrl-C during the second request, and another run with the key that was named.
func TestSubmitInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &flaky{isJobdb: true, onAsked: func(asked int) {
		if asked == 2 {
			cancel()
		}
	}}
	_, stderr, err := runSubmit(ctx, t, f, "")
	_, key, found := strings.Cut(stderr, "interrupted: 40 of 50 jobs were submitted; to go on, run the same again with --key ")
	if err == nil || !found {
		t.Fatalf("%v:\n%s", err, stderr)
	}
	stdout, stderr, err := runSubmit(t.Context(), t, f, strings.TrimSpace(key))
	if n := strings.Count(stdout, "\n"); err != nil || n != 50 || f.made != 50 {
		t.Errorf("%d jobs were made, %d printed: %v\n%s", f.made, n, err, stderr)
	}
}
