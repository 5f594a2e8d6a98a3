package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
)

// acting is a server with jobs that are all Waiting, of which some are somebody else's: it refuses
// requests that name one of those as a whole. It may lose answers.
type acting struct {
	mutex    sync.Mutex
	counters map[int64]int64 // of reschedulings, by ID
	statuses map[int64]string
	foreign  map[int64]bool
	lose     int // so many answers to come
	changed  func()
}

func newActing(jobs int) *acting {
	a := &acting{counters: map[int64]int64{}, statuses: map[int64]string{}, foreign: map[int64]bool{}}
	for id := range jobs {
		a.statuses[int64(id+1)] = "Waiting"
	}
	return a
}

func (a *acting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/api/jobs/search":
		a.search(w, body)
	case "/api/jobs/status":
		var changes map[int64]map[string]statusChange
		_ = json.Unmarshal(body, &changes)
		a.change(w, "Killed", keys(changes), func(id int64) { a.statuses[id] = "Killed" })
	case "/api/jobs/reschedule":
		var asked struct {
			IDs []int64 `json:"job_ids"`
		}
		_ = json.Unmarshal(body, &asked)
		a.change(w, "Received", asked.IDs, func(id int64) { a.counters[id]++ })
	}
}

func keys(m map[int64]map[string]statusChange) (ids []int64) {
	for id := range m {
		ids = append(ids, id)
	}
	return ids
}

func (a *acting) search(w io.Writer, body []byte) {
	var request jobdb.SearchRequest
	_ = json.Unmarshal(body, &request)
	rows := []string{}
	for _, value := range request.Search[0].Values {
		id, _ := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		if status := a.statuses[id]; status != "" {
			rows = append(rows, fmt.Sprintf(`{"JobID":%d,"Status":%q,"RescheduleCounter":%d}`, id, status, a.counters[id]))
		}
	}
	_, _ = io.WriteString(w, "["+strings.Join(rows, ",")+"]")
}

func (a *acting) change(w http.ResponseWriter, status string, ids []int64, do func(int64)) {
	for _, id := range ids {
		if a.foreign[id] {
			w.WriteHeader(http.StatusForbidden)
			return
		}
	}
	var success []string
	for _, id := range ids {
		do(id)
		success = append(success, fmt.Sprintf(`"%d":{"Status":%q}`, id, status))
	}
	if a.changed != nil {
		a.changed()
	}
	if a.lose > 0 {
		a.lose--
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, `{"success":{`+strings.Join(success, ",")+`},"failed":{}}`)
}

// act runs a command on jobs of a server, and returns its exit code, outcomes and messages.
func act(ctx context.Context, t *testing.T, command interface {
	Run(ctx context.Context, p *program) error
},
) (code int, out, said string) {
	t.Helper()
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	err := command.Run(ctx, &program{stdout: stdout, stderr: stderr, clock: time.Now})
	status := exitStatus(0)
	switch {
	case errors.As(err, &status):
		code = int(status)
	case err != nil:
		code = 1
	}
	return code, stdout.String(), stderr.String()
}

// flags are those of a command on that server, without questions.
func (a *acting) flags(t *testing.T) actFlags {
	t.Helper()
	t.Setenv("JOBDB_TOKEN", "x")
	before := firstPause
	firstPause = time.Millisecond
	server := httptestServer(t, a)
	t.Cleanup(func() { firstPause = before })
	return actFlags{clientSettings: clientSettings{Server: server}, Yes: true, Output: "ids"}
}

// A request that is refused as a whole is made smaller until the others have what they need.
func TestActOnForeignJobs(t *testing.T) {
	a := newActing(1200)
	a.foreign[7], a.foreign[700] = true, true
	code, out, said := act(t.Context(), t, &killCommand{actFlags: a.flags(t), Jobs: []string{"1-1200"}})
	if code != exitRefused || strings.Count(out, "\n") != 1198 || !strings.Contains(said, "1,198 jobs killed, 2 refused") ||
		!strings.Contains(said, "refused: 7 700: the server says: Forbidden (403)") {
		t.Errorf("exit code %d, %d lines, said %s", code, strings.Count(out, "\n"), said)
	}
}

// A lost answer to a reschedule makes no job run twice.
func TestRescheduleAfterLostAnswer(t *testing.T) {
	a := newActing(600)
	a.lose = 1
	code, _, said := act(t.Context(), t, &rescheduleCommand{actFlags: a.flags(t), Jobs: []string{"1-600"}})
	if code != 0 || !strings.Contains(said, "600 jobs rescheduled") {
		t.Errorf("exit code %d, said %s", code, said)
	}
	for id := range a.statuses {
		if a.counters[id] != 1 {
			t.Fatalf("job %d was rescheduled %d times", id, a.counters[id])
		}
	}
}

// Ctrl-C ends the request that is under way, tells how far it came, and what is left can go on.
func TestActInterrupted(t *testing.T) {
	a := newActing(1500)
	ctx, cancel := context.WithCancel(t.Context())
	a.changed = cancel
	flags := a.flags(t)
	flags.Left = filepath.Join(t.TempDir(), "left")
	code, out, said := act(ctx, t, &killCommand{actFlags: flags, Jobs: []string{"1-1500"}})
	if code != exitError || strings.Count(out, "\n") != 500 || !strings.Contains(said, "500 jobs killed, 1,000 left") ||
		!strings.Contains(said, "stopped: interrupted; the same command goes on") {
		t.Errorf("exit code %d, %d lines, said %s", code, strings.Count(out, "\n"), said)
	}
	left, err := os.ReadFile(flags.Left)
	if err != nil || strings.Count(string(left), "\n") != 1000 {
		t.Errorf("%v, %d left", err, strings.Count(string(left), "\n"))
	}
	a.changed = nil
	code, out, said = act(t.Context(), t, &killCommand{actFlags: flags, Jobs: []string{"1-1500"}})
	if code != 0 || strings.Count(out, "\n") != 1000 || !strings.Contains(said, "1,000 jobs killed, 500 already") {
		t.Errorf("exit code %d, %d lines, said %s", code, strings.Count(out, "\n"), said)
	}
}
