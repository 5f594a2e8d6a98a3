package api_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/jobdbtest"
)

const lines = "application/x-ndjson"

// fill makes many jobs at once.
func (w *testServer) fill(n int) {
	w.t.Helper()
	ids, err := w.db.CreateJobs(w.t.Context(), make([]string, n))
	if err != nil {
		w.t.Fatal(err)
	}
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for i, id := range ids {
		rows[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "JobName": "job " + strconv.Itoa(i)}
	}
	if err := w.db.InsertJobAttributes(w.t.Context(), rows); err != nil {
		w.t.Fatal(err)
	}
}

// TestLines gets more rows than fit into one piece, the same as pages have, of the caller's VO
// only.
func TestLines(t *testing.T) {
	w := start(t)
	const jobs = 1000
	w.fill(jobs)
	w.submit(other, "not ours")
	for _, coding := range []string{"identity", "gzip"} {
		request := w.request("/api/jobs/search", w.token(alice), `{"sort": [{"parameter": "JobID", "direction": "desc"}]}`)
		request.Header.Set("Accept", lines)
		if coding == "identity" {
			request.Header.Set("Accept-Encoding", coding) // else the client asks for gzip by itself
		}
		answer := do(t, request) //nolint:bodyclose // at the end of the test
		if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != lines {
			t.Fatalf("%s: status %d, type %q", coding, answer.StatusCode, got)
		}
		var page []json.RawMessage
		if err := json.Unmarshal([]byte(w.post(alice, "search?per_page=1000", `{"sort": [{"parameter": "JobID", "direction": "desc"}]}`).body), &page); err != nil {
			t.Fatal(err)
		}
		n := 0
		for scanner := bufio.NewScanner(answer.Body); scanner.Scan(); n++ {
			if n < len(page) && scanner.Text() != string(page[n]) {
				t.Fatalf("%s: line %d is %s, on a page %s", coding, n, scanner.Text(), page[n])
			}
		}
		if n != jobs || len(page) != jobs {
			t.Errorf("%s: %d lines and %d rows of %d jobs", coding, n, len(page), jobs)
		}
	}
}

// TestLinesOfWholePieces are all there, and end well, where the last piece is a full one: pieces have
// 256 rows, then 512, then 1024.
func TestLinesOfWholePieces(t *testing.T) {
	w := start(t)
	filled := 0
	for _, jobs := range []int{255, 256, 257, 512, 767, 768, 769, 1792} {
		w.fill(jobs - filled)
		filled = jobs
		request := w.request("/api/jobs/search", w.token(alice), "")
		request.Header.Set("Accept", lines)
		answer := do(t, request) //nolint:bodyclose // at the end of the test
		body, err := io.ReadAll(answer.Body)
		if n := bytes.Count(body, []byte("\n")); n != jobs || err != nil {
			t.Errorf("%d jobs: %d lines, error %v; log %s", jobs, n, err, w.log)
		}
	}
}

// TestCSV gets the same rows as lines and as CSV, in the order of columns that was asked for, whatever
// users wrote into them.
func TestCSV(t *testing.T) {
	w := start(t)
	w.fill(300)
	names := map[jobdb.JobID]jobdb.Attributes{}
	for i, name := range []string{`comma, "quotes"`, " blank", "two\nlines\r\n", `\.`, `"`, "日本", "=1+1", ""} {
		names[jobdb.JobID(i+1)] = jobdb.Attributes{"JobName": name, "EndExecTime": time.Now()}
	}
	if _, err := w.db.SetJobAttributes(t.Context(), names, jobdb.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, columns := range []string{``, `"parameters": ["Status", "JobName", "JobID", "SubmissionTime", "EndExecTime", "AccountedFlag", "VerifiedFlag"],`} {
		search := `{` + columns + `"sort": [{"parameter": "JobName", "direction": "asc"}]}`
		header, rows := w.csv(t, search)
		if columns != "" && strings.Join(header[:3], ",") != "Status,JobName,JobID" {
			t.Errorf("the header is %s", header)
		}
		objects := json.NewDecoder(w.rows(t, search, lines))
		objects.UseNumber()
		for _, row := range rows {
			var want map[string]any
			if err := objects.Decode(&want); err != nil {
				t.Fatal(err)
			}
			for i, name := range header {
				text := ""
				if want[name] != nil {
					text = fmt.Sprint(want[name])
				}
				if row[i] != strings.ReplaceAll(text, "\r\n", "\n") {
					t.Errorf("%s is %q, in lines %q", name, row[i], text)
				}
			}
		}
		if len(rows) != 300 || objects.More() {
			t.Errorf("%d rows, and more objects: %t", len(rows), objects.More())
		}
	}
	if header, rows := w.csv(t, `{"parameters": ["JobID"], "search": [{"parameter": "JobID", "operator": "eq", "value": 0}]}`); len(header) != 1 || len(rows) != 0 {
		t.Errorf("of no job: %q and %q", header, rows)
	}
}

// csv searches and returns the names and the values of all rows.
func (w *testServer) csv(t *testing.T, search string) (header []string, rows [][]string) {
	t.Helper()
	all, err := csv.NewReader(w.rows(t, search, "text/csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[0], all[1:]
}

// rows searches and returns all rows in a form.
func (w *testServer) rows(t *testing.T, search, kind string) io.Reader {
	t.Helper()
	request := w.request("/api/jobs/search", w.token(alice), search)
	request.Header.Set("Accept", kind)
	answer := do(t, request) //nolint:bodyclose // at the end of the test
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != kind {
		t.Fatalf("status %d, type %q", answer.StatusCode, got)
	}
	return answer.Body
}

// TestLinesOfNoJob is an empty answer, not a missing one.
func TestLinesOfNoJob(t *testing.T) {
	w := start(t)
	request := w.request("/api/jobs/search", w.token(alice), "")
	request.Header.Set("Accept", "application/json;q=0.5, "+lines)
	answer := do(t, request) //nolint:bodyclose // at the end of the test
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != lines || len(body) > 0 || err != nil {
		t.Errorf("status %d, type %q, body %q, error %v", answer.StatusCode, answer.Header.Get("Content-Type"), body, err)
	}
}

func TestLinesRefuse(t *testing.T) {
	w := start(t)
	for _, test := range []struct {
		query, body string
		status      int
		says        string
	}{
		{"?page=1", "", http.StatusUnprocessableEntity, `["query","page"]`},
		{"?per_page=1", "", http.StatusUnprocessableEntity, `["query","per_page"]`},
		{"?cursor=x", "", http.StatusUnprocessableEntity, `["query","cursor"]`},
		{"?uncounted=true", "", http.StatusUnprocessableEntity, `["query","uncounted"]`},
		{"", `{"parameters": ["LoggingInfo"]}`, http.StatusBadRequest, "LoggingInfo"},
		{"", `{"parameters": ["Nothing"]}`, http.StatusBadRequest, "Nothing"},
	} {
		r := w.ask(http.MethodPost, "/api/jobs/search"+test.query, w.token(alice), test.body, "Accept", lines)
		if r.status != test.status || !strings.Contains(r.body, test.says) {
			t.Errorf("%s %s: %d %s", test.query, test.body, r.status, r.body)
		}
	}
}

// TestLinesThatFail are cut off: an answer that ends well is whole.
func TestLinesThatFail(t *testing.T) {
	var service http.Handler
	w := start(t, func(c *api.Config) { service = api.New(*c) })
	w.fill(1000)
	if _, err := jobdbtest.Raw(t, w.address).ExecContext(t.Context(), `UPDATE "Jobs" SET "EndExecTime" = 'soon' WHERE "JobID" = 1000`); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	for _, coding := range []string{"identity", "gzip"} {
		w.url = server.URL
		request := w.request("/api/jobs/search", w.token(alice), "")
		request.Header.Set("Accept", lines)
		if coding == "identity" {
			request.Header.Set("Accept-Encoding", coding)
		}
		answer := do(t, request) //nolint:bodyclose // at the end of the test
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK || len(body) == 0 || err == nil {
			t.Errorf("%s: status %d, %d bytes, error %v", coding, answer.StatusCode, len(body), err)
		}
	}
	// Over HTTP/1.0, as nginx speaks, the end of an answer is that of its connection.
	request := w.request("/api/jobs/search", w.token(alice), "")
	request.Header.Set("Accept", lines)
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := request.Write(versionZero{connection}); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(connection); err == nil {
		t.Errorf("HTTP/1.0: %d bytes, and a good end", len(body))
	}
	server.Close() // else it may still write to the log
	if log := w.log.String(); !strings.Contains(log, "a time that can't be read") {
		t.Errorf("the log doesn't tell why: %s", log)
	}
}

// versionZero writes a request as one of HTTP/1.0.
type versionZero struct{ io.Writer }

func (w versionZero) Write(p []byte) (int, error) {
	_, err := w.Writer.Write(bytes.Replace(p, []byte(" HTTP/1.1\r\n"), []byte(" HTTP/1.0\r\n"), 1))
	return len(p), err
}

// TestLinesThatNobodyReads are cut off: who stalls doesn't keep a query of the database.
func TestLinesThatNobodyReads(t *testing.T) {
	t.Parallel()
	var service http.Handler
	w := start(t, func(c *api.Config) {
		c.LinesTimeout = 100 * time.Millisecond
		service = api.New(*c)
	})
	w.fill(3_000) // many times what the connection's buffers hold, which are made small
	server := httptest.NewUnstartedServer(service)
	closed := make(chan struct{})
	server.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if err := connection.(*net.TCPConn).SetWriteBuffer(16 << 10); err != nil {
				t.Error(err)
			}
		case http.StateClosed:
			close(closed)
		default: // whatever it does between
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	stalled, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if err := stalled.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	request := "POST /api/jobs/search HTTP/1.1\r\nHost: x\r\nAccept: " + lines + "\r\nAuthorization: " + w.token(alice) + "\r\nContent-Length: 0\r\n\r\n"
	if _, err := io.WriteString(stalled, request); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection is still there")
	}
	got, err := io.ReadAll(stalled)
	if bytes.HasSuffix(got, []byte("\r\n0\r\n\r\n")) {
		t.Errorf("%d bytes that end as a whole answer does, %v", len(got), err)
	}
	server.Close()
	if log := w.log.String(); !strings.Contains(log, "i/o timeout") {
		t.Errorf("the log doesn't tell why: %s", log)
	}
}

func (w *testServer) request(path, authorization, body string) *http.Request {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	return request
}

func do(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// TestCursor goes from page to page by the header, and gets each job once.
func TestCursor(t *testing.T) {
	w := start(t)
	w.fill(7)
	w.submit(other, "not ours")
	const body = `{"parameters": ["JobID"], "sort": [{"parameter": "LastUpdateTime", "direction": "desc"}, {"parameter": "JobName", "direction": "asc"}]}`
	first := w.post(alice, "search?per_page=3", body)
	second := w.post(alice, "search?per_page=3&cursor="+first.header.Get("Jobdb-Next-Cursor"), body)
	third := w.post(alice, "search?per_page=3&cursor="+second.header.Get("Jobdb-Next-Cursor"), body)
	for i, want := range []struct {
		reply
		status     int
		body, part string
		next       bool
	}{
		{first, http.StatusPartialContent, `[{"JobID":1},{"JobID":2},{"JobID":3}]`, "jobs 0-2/7", true},
		{second, http.StatusPartialContent, `[{"JobID":4},{"JobID":5},{"JobID":6}]`, "jobs 3-5/*", true},
		{third, http.StatusOK, `[{"JobID":7}]`, "", false},
	} {
		got := want.header.Get("Content-Range")
		if want.reply.status != want.status || want.reply.body != want.body || got != want.part || (want.header.Get("Jobdb-Next-Cursor") != "") != want.next {
			t.Errorf("page %d: %d %s, %q", i+1, want.reply.status, want.reply.body, got)
		}
	}
	for query, status := range map[string]int{
		"cursor=" + first.header.Get("Jobdb-Next-Cursor") + "&page=2": http.StatusUnprocessableEntity,
		"cursor=nonsense": http.StatusBadRequest,
		"cursor=" + first.header.Get("Jobdb-Next-Cursor") + "&per_page=0": http.StatusUnprocessableEntity,
	} {
		if r := w.post(alice, "search?"+query, body); r.status != status {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	if r := w.post(alice, "search?cursor="+first.header.Get("Jobdb-Next-Cursor"), "{}"); r.status != http.StatusBadRequest {
		t.Errorf("of another sort: %d %s", r.status, r.body)
	}
}
