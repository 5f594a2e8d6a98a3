package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// moving is a server with pages of two jobs; with each answer its first job goes and a new one
// comes.
type moving struct {
	jobs []int64
	last int64
}

func (m *moving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Accept") != "application/json" { // as DiracX, which sends a page
		_, _ = io.WriteString(w, `[{"JobID":0}]`)
		return
	}
	after := int64(0)
	_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &after)
	var found []int64
	for _, id := range m.jobs {
		if id > after {
			found = append(found, id)
		}
	}
	rows := found[:min(2, len(found))]
	if len(rows) < len(found) {
		w.Header().Set("Jobdb-Next-Cursor", strconv.FormatInt(rows[len(rows)-1], 10))
		w.WriteHeader(http.StatusPartialContent)
	}
	texts := make([]string, len(rows))
	for i, id := range rows {
		texts[i] = fmt.Sprintf(`{"JobID":%d}`, id)
	}
	_, _ = io.WriteString(w, "["+strings.Join(texts, ",")+"]")
	m.jobs = m.jobs[min(1, len(m.jobs)):]
	if m.last < 8 { // they end some time
		m.last++
		m.jobs = append(m.jobs, m.last)
	}
}

// Pages of all jobs miss none and have none twice, whatever comes and goes meanwhile.
func TestSearchAllWhileJobsComeAndGo(t *testing.T) {
	t.Setenv("JOBDB_TOKEN", "x")
	server := httptest.NewServer(&moving{jobs: []int64{1, 2, 3, 4, 5}, last: 5})
	defer server.Close()
	out := &bytes.Buffer{}
	c := &searchCommand{outputFlags: outputFlags{Output: "csv"}, Columns: []string{"JobID"}, Sort: []string{"JobID"}}
	c.Server = server.URL
	if err := c.Run(t.Context(), &program{stdout: out, stderr: io.Discard, clock: time.Now}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(out.String()), " "); got != "JobID 1 2 3 4 5 6 7 8" {
		t.Errorf("got %s", got)
	}
}

// What a server says is printed without what could command a terminal, and its redirections get no
// token.
func TestHostileServer(t *testing.T) {
	t.Setenv("JOBDB_TOKEN", "x")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirection was followed") }))
	defer elsewhere.Close()
	for status, want := range map[int]string{401: "\ufffd[2J", 500: "\ufffd[2J", 307: "Temporary Redirect"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
			if status >= 400 {
				_, _ = io.WriteString(w, `{"detail":"\u001b[2J"}`)
			}
		}))
		c := &searchCommand{outputFlags: outputFlags{Output: "csv"}}
		c.Server = server.URL
		err := c.Run(t.Context(), &program{stdout: io.Discard, stderr: io.Discard, clock: time.Now})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: %q", status, err)
		}
		server.Close()
	}
}

// Lines are printed as they come; what was cut off, or isn't lines, is an error.
func TestSearchLines(t *testing.T) {
	t.Setenv("JOBDB_TOKEN", "x")
	const line = `{"JobID":1}` + "\n"
	for name, test := range map[string]struct {
		output, kind, want, says string
		status                   int
		cut                      bool
	}{
		"all":       {kind: linesType, status: http.StatusOK, want: line},
		"CSV":       {output: "csv", kind: csvType, status: http.StatusOK, want: line},
		"cut off":   {kind: linesType, status: http.StatusOK, want: line, cut: true, says: "not all jobs"},
		"a page":    {kind: "application/json", status: http.StatusOK, want: line},
		"a refusal": {kind: "application/json", status: http.StatusForbidden, says: "Forbidden (403)"},
	} {
		t.Run(name, func(t *testing.T) {
			accepted := linesType
			if test.output == "csv" {
				accepted = csvType
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept") == "application/json" && test.kind == "application/json" { // asked for after the refusal of lines
					_, _ = io.WriteString(w, "["+line+"]")
					return
				}
				if r.Header.Get("Accept") != accepted || r.URL.RawQuery != "" || r.Header.Get("Accept-Encoding") != "" {
					t.Errorf("asked for %s %s %s", r.Header.Get("Accept"), r.Header.Get("Accept-Encoding"), r.URL)
				}
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, line)
				if test.cut {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			}))
			defer server.Close()
			out := &bytes.Buffer{}
			c := &searchCommand{outputFlags: outputFlags{Output: cmp.Or(test.output, "ndjson")}}
			c.Server = server.URL
			err := c.Run(t.Context(), &program{stdout: out, stderr: io.Discard, clock: time.Now})
			if out.String() != test.want || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("printed %q, error %v", out, err)
			}
		})
	}
}
