package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"jobdb"
	"jobdb/choose"
)

// fewJobs is a server with some jobs, of whom all can be killed.
type fewJobs struct {
	mutex  sync.Mutex
	status map[jobdb.JobID]jobdb.Status
	sent   []string // bodies of changes
}

func (f *fewJobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	var asked jobdb.SearchRequest
	var body json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body)
	switch r.URL.Path {
	case "/api/jobs/summary":
		counts := map[jobdb.Status]int{}
		for _, status := range f.status {
			counts[status]++
		}
		rows := []map[string]any{}
		for status, n := range counts {
			rows = append(rows, map[string]any{"Status": status, "count": n})
		}
		_ = json.NewEncoder(w).Encode(rows)
	case "/api/jobs/search":
		_ = json.Unmarshal(body, &asked)
		rows := []map[string]any{}
		for id := jobdb.JobID(len(f.status)); id > 0; id-- {
			if isAsked(asked.Search, id) {
				rows = append(rows, map[string]any{"JobID": id, "Status": f.status[id], "JobName": "a\x1b[2Jb", "LastUpdateTime": "2024-01-01T00:00:00"})
			}
		}
		_ = json.NewEncoder(w).Encode(rows)
	case "/api/jobs/status":
		f.sent = append(f.sent, string(body))
		var changes map[jobdb.JobID]map[string]statusChange
		_ = json.Unmarshal(body, &changes)
		success := map[jobdb.JobID]map[string]any{}
		for id, change := range changes {
			for _, c := range change {
				f.status[id] = c.Status
				success[id] = map[string]any{"Status": c.Status}
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"success": success, "failed": map[string]any{}})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func isAsked(search []jobdb.FilterSpec, id jobdb.JobID) bool {
	for _, f := range search {
		if f.Parameter != "JobID" {
			continue
		}
		for _, value := range f.Values {
			if value == float64(id) {
				return true
			}
		}
		return f.Value == float64(id)
	}
	return true
}

// topOn is top on a server with so many Running jobs.
func topOn(t *testing.T, jobs int) (*top, *fewJobs) {
	t.Helper()
	f := &fewJobs{status: map[jobdb.JobID]jobdb.Status{}}
	for id := range jobs {
		f.status[jobdb.JobID(id+1)] = jobdb.StatusRunning
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	p := &program{stdout: t.Output(), stderr: t.Output(), clock: systemClock}
	c := &client{http: server.Client(), base: server.URL, token: "x", program: p, timeout: time.Minute}
	m := newTop(t.Context(), p, c, choose.Choice{}, time.Hour)
	m.connect = func() (*client, error) { return c, nil }
	m.width, m.height = 100, 20
	m.do(m.refresh())
	return m, f
}

// do does what a command does, and what follows from it but for timers.
func (m *top) do(cmd tea.Cmd) {
	for cmd != nil {
		msg := cmd()
		if _, timed := msg.(topAnswer); timed {
			m.Update(msg)
			return
		}
		_, cmd = m.Update(msg)
	}
}

// press presses keys.
func (m *top) press(keys ...string) {
	for _, name := range keys {
		key := tea.Key{Code: []rune(name)[0], Text: name}
		switch name {
		case "enter":
			key = tea.Key{Code: tea.KeyEnter}
		case "esc":
			key = tea.Key{Code: tea.KeyEscape}
		}
		_, cmd := m.Update(tea.KeyPressMsg(key))
		m.do(cmd)
	}
}

func (m *top) shows(t *testing.T, wanted ...string) {
	t.Helper()
	screen := ansi.Strip(m.View().Content)
	for _, want := range wanted {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q on the screen:\n%s", want, screen)
		}
	}
}

func TestTopKills(t *testing.T) {
	m, f := topOn(t, 3)
	m.shows(t, "3 jobs  Running 3", "3      Running", "a\ufffd[2Jb")
	m.press("x", "x")
	m.shows(t, "● 3 ", "● 2 ", "2 jobs marked")
	m.press("K")
	m.shows(t, "2 jobs chosen: JobID 2-3", "2 jobs would be killed", "Kill 2 jobs? [y/N]")
	m.press("n")
	m.shows(t, "nothing was changed", "● 3 ")
	m.press("K", "e", "t", "o", "o", "enter")
	m.shows(t, "reason: too")
	m.press("y")
	m.shows(t, "2 jobs killed", "Running 1  Killed 2", "  3 ")
	if len(f.sent) != 1 || !strings.Contains(f.sent[0], `"ApplicationStatus":"too"`) {
		t.Errorf("sent: %q", f.sent)
	}
	m.press("g", "K") // the first of them is killed already
	m.shows(t, "nothing to do", "0 jobs would be killed")
	m.press("esc")
	m.shows(t, "/ filter")
}

// TestTopCountsTyped wants the number of more than a hundred jobs.
func TestTopCountsTyped(t *testing.T) {
	m, f := topOn(t, 120)
	m.press("X", "K")
	m.shows(t, "Type the number of jobs to kill them")
	m.press("y", "1", "2", "enter")
	m.shows(t, "that is another number")
	if len(f.sent) != 0 {
		t.Errorf("sent: %q", f.sent)
	}
	m.line = ""
	m.press("1", "2", "0", "enter")
	m.shows(t, "120 jobs killed")
}

// TestTopFilter removes all marks when other jobs are shown: nobody acts on jobs that nobody sees.
func TestTopFilter(t *testing.T) {
	m, _ := topOn(t, 3)
	m.press("x", "/")
	m.press(strings.Split("Status=Kiled", "")...)
	m.press("enter")
	m.shows(t, `no status is called "Kiled"; did you mean Killed?`)
	m.line = ""
	m.press(strings.Split("Status=Killed", "")...)
	m.press("enter")
	m.shows(t, "all marks were removed", "Status=Killed")
	if len(m.marks) != 0 {
		t.Errorf("marked: %v", m.marks)
	}
	late := topAnswer{number: m.number - 1}
	if m.Update(late); len(m.jobs) == 0 {
		t.Error("an answer to an earlier question is shown")
	}
}

// TestTopMarksGo with jobs that aren't shown any more.
func TestTopMarksGo(t *testing.T) {
	m, f := topOn(t, 3)
	m.press("X")
	delete(f.status, 3)
	m.do(m.refresh())
	m.shows(t, "2 jobs marked")
	m.press("enter")
	m.shows(t, "Job          2", "Status       Running")
	m.press("q", "?")
	m.shows(t, "what would be done is shown first")
}
