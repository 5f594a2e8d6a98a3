package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/jobdbtest"
)

// shorter is n, or with -short a fifth of it: enough to see that work isn't bounded, if it isn't.
func shorter(n int) int {
	if testing.Short() {
		return n / 5
	}
	return n
}

// processorTime is what this process has taken of processors: what other programs take doesn't count.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A request must not cost much more than its bytes: neither memory, nor time, nor an answer of many
// times its size.
func TestSmallRequestsStaySmall(t *testing.T) {
	w := start(t)
	mega := shorter(1 << 20)
	filter := `{"parameter":"Status","operator":"eq","value":"` + strings.Repeat("x", 4*mega) + `"}`
	nested := func(depth int) string {
		return `{"search":[` + strings.Repeat(`{"not":`, depth) + filter + strings.Repeat("}", depth) + `]}`
	}
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"search", nested(50), 400, "nested deeper than 10"},
		{"summary", `{"grouping":[],` + nested(50)[1:], 400, "nested deeper than 10"},
		{"search", nested(2000), 422, "too deep"},
		{"search", strings.Repeat("[", mega), 422, "too_long"},
		{"search", strings.Repeat("[", 100_000), 422, "json_invalid"},
		{"search", "{\"\xc3", 400, "the body isn't UTF-8"},
		{"jdl", "[\"\xff\"]", 400, "the body isn't UTF-8"},
		{"jdl", "[1" + strings.Repeat(",1", mega) + "]", 422, "too_long"},
		{"jdl", "[1" + strings.Repeat(",1", 99_000) + "]", 422, "string_type"},
	} {
		began := processorTime()
		r := w.post(alice, test.path, test.body)
		if r.status != test.status || !strings.Contains(r.body, test.want) || len(r.body) > 1<<20 {
			t.Errorf("%s: %d, %d bytes, %.200s", test.path, r.status, len(r.body), r.body)
		}
		if took := processorTime() - began; took > 10*time.Second {
			t.Errorf("%s took %v", test.path, took)
		}
	}
	// What the limits allow is still read, brackets in texts are no nesting, and numbers stay whole.
	deep := strings.Repeat(`{"or":[`, 10) + `{"parameter":"JobID","operator":"in","values":[9007199254740993]}` + strings.Repeat("]}", 10)
	for _, body := range []string{
		`{"search":[` + deep + `]}`,
		`{"search":[{"parameter":"JobName","operator":"eq","value":"\"` + strings.Repeat("[{", 100) + `"}]}`,
	} {
		if r := w.post(alice, "search", body); r.status != 200 || r.body != "[]" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := w.post(alice, "search", `{} {}`); r.status != 422 || !strings.Contains(r.body, `"json_invalid"`) {
		t.Errorf("two bodies: %d %s", r.status, r.body)
	}
}

// A body that ends early is the client's fault, and a client that hangs up nobody's.
func TestBodyCutShort(t *testing.T) {
	w := start(t)
	connection, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, err = io.WriteString(connection, "POST /api/jobs/search HTTP/1.1\r\nHost: x\r\nAuthorization: "+w.token(alice)+"\r\nContent-Length: 100\r\n\r\n{}")
	if err = errors.Join(err, connection.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("%s", response.Status)
	}
}

// Requests that run longer than the shutdown timeout are cut off: their contexts end, and only then
// Serve returns.
func TestServeCutsOffWhatRunsTooLong(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	entered, left := make(chan struct{}), make(chan struct{})
	stuck := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		time.Sleep(50 * time.Millisecond) // what a query takes to end
		close(left)
	})
	ended := make(chan error, 1)
	go func() {
		ended <- api.Serve(ctx, listener, stuck, slog.New(slog.DiscardHandler), api.Timeouts{Shutdown: 100 * time.Millisecond})
	}()
	go func() {
		if response, err := http.Get("http://" + listener.Addr().String()); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-entered
	stop()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "still running after 100ms") {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server doesn't end")
	}
	select {
	case <-left:
	default:
		t.Error("the server ended before its request")
	}
}

// TestWorkIsBounded sends what once took minutes of a core. One who may do nothing isn't read.
func TestWorkIsBounded(t *testing.T) {
	w := start(t)
	times := &strings.Builder{}
	for i := range shorter(30_000) {
		fmt.Fprintf(times, `,"%d":{"MinorStatus":"a"}`, 1_000_000_000+i)
	}
	deep := strings.Repeat(`{"a":`, 90) + "[1" + strings.Repeat(",1", shorter(95_000)) + "]" + strings.Repeat("}", 90)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PATCH", "/api/jobs/status", `{"1":{` + times.String()[1:] + `}}`, 422, "too_long"},
		{"POST", "/api/jobs/search", `{"search":[{"x":` + deep + `}]}`, 422, "missing"},
	} {
		began := processorTime()
		if r := w.ask(test.method, test.path, w.token(person("lhcb", "nobody")), test.body); r.status != 403 {
			t.Errorf("%s of nobody: %d, %.200s", test.path, r.status, r.body)
		}
		r := w.ask(test.method, test.path, w.token(alice), test.body)
		if r.status != test.status || !strings.Contains(r.body, test.want) || len(r.body) > 100_000 {
			t.Errorf("%s: %d, %d bytes, %.200s", test.path, r.status, len(r.body), r.body)
		}
		if took := processorTime() - began; took > 5*time.Second {
			t.Errorf("%s took %v", test.path, took)
		}
	}
}

// Histories that are too long for one answer are refused, with what to do.
func TestLongHistories(t *testing.T) {
	t.Parallel()
	w := start(t)
	records := make([]jobdb.HistoryRecord, 9_500)
	for id := range jobdb.JobID(11) { // together a few more records than an answer may have
		w.submit(alice, "job")
		for i := range records {
			records[i] = jobdb.HistoryRecord{JobID: id + 1, Status: "Received", Time: w.clock.now(), Source: "x"}
		}
		if err := w.db.InsertHistory(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	body := `{"parameters":["JobID","LoggingInfo"]}`
	if r := w.post(alice, "search", body); r.status != 400 || !strings.Contains(r.body, "per_page") {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	if r := w.post(alice, "search?per_page=1", body); r.status != 206 {
		t.Errorf("%d %.300s", r.status, r.body)
	}
}

// TestRequestTimeout has a request wait for a database that another program has
// locked: it is told to come again. (SQLite itself looks up after 10 seconds only.)
func TestRequestTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 seconds")
	}
	w := start(t, func(c *api.Config) { c.RequestTimeout = 500 * time.Millisecond })
	w.submit(alice, "job")
	raw := jobdbtest.Raw(t, w.address)
	connection, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ method, path, body string }{
		{"PATCH", "/api/jobs/heartbeat", `{"1":{"LoadAverage":1}}`},
	} {
		began := time.Now()
		r := w.ask(test.method, test.path, w.token(alice), test.body, "Accept", lines) // which gives time to searches only
		if r.status != 503 || r.header.Get("Retry-After") != "10" || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %d %s after %v", test.path, r.status, r.body, time.Since(began))
		}
	}
	if _, err := connection.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if r := w.ask("PATCH", "/api/jobs/heartbeat", w.token(alice), `{"1":{}}`); r.status != 200 {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

// A search shows as many parameters by their names as a job may have.
func TestManyParametersByName(t *testing.T) {
	w := start(t)
	w.submit(alice, "one")
	named := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`"Parameters.p%d"`, i)
		}
		return `{"parameters":[` + strings.Join(names, ",") + `]}`
	}
	for n, status := range map[int]int{jobdb.MaxParameters: 200, jobdb.MaxParameters + 1: 400, 99_000: 400} {
		if r := w.post(alice, "search", named(n)); r.status != status {
			t.Errorf("%d: %d %.200s", n, r.status, r.body)
		}
	}
}
