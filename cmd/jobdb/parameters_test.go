package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
)

// TestOpenSearchKilledServer kills the server after it has taken parameters that OpenSearch, which
// is down, hasn't got. They arrive when both are back.
func TestOpenSearchKilledServer(t *testing.T) {
	node := jobdbtest.NewOpenSearch(t)
	folder, settings := t.TempDir(), `{"hosts": "`+node.Address+`"}`
	s := startServer(t, folder, settings)
	s.ask(http.MethodPost, "/api/jobs/jdl", `["Executable = \"x\";"]`, "201")
	s.ask(http.MethodPatch, "/api/jobs/metadata", `{"1": {"HostName": "n1", "PayloadPID": 42}}`, "204")
	s.ask(http.MethodPatch, "/api/jobs/heartbeat", `{"1": {"StandardOutput": "last lines"}}`, "200")
	s.ask(http.MethodGet, "/api/health/ready", "", `200 {"status":"ready","stores":{"parameters":"it can't be reached or is too busy"},"waiting":{"parameters":2}}`)
	if err := s.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.process.Wait() // killed

	node.Start(t)
	s = startServer(t, folder, settings)
	db, err := opensearch.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	want := map[jobdb.JobID]map[string]string{1: {"HostName": "n1", "PayloadPID": "42", "StandardOutput": "last lines"}}
	diff := ""
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got, err := db.Get(t.Context(), "local", []jobdb.JobID{1})
		if diff = cmp.Diff(want, got); diff == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("error %v; - wanted, + got:\n%s", err, diff)
		}
	}
	for deadline := time.Now().Add(time.Minute); s.answer(http.MethodGet, "/api/health/ready", "") !=
		`200 {"status":"ready","stores":{"parameters":"ok"},"waiting":{"parameters":0}}`; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(s.answer(http.MethodGet, "/api/health/ready", ""))
		}
	}
}

// serverProcess is a jobdb serve in a process of its own.
type serverProcess struct {
	t          *testing.T
	process    *exec.Cmd
	url, token string
}

func startServer(t *testing.T, folder, parametersDB string) *serverProcess {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &serverProcess{t: t, process: exec.Command(program)}
	s.process.Args = []string{"jobdb", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--parameters-db", parametersDB}
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if found := listens.FindStringSubmatch(lines.Text()); found != nil {
			s.url = found[1]
			s.token = tokenOf(t, folder)
			go io.Copy(io.Discard, stderr) //nolint:errcheck // it ends with the process
			return s
		}
	}
	t.Fatalf("the server ended: %s", said.String())
	return nil
}

// ask wants an answer that begins so.
func (s *serverProcess) ask(method, path, body, want string) {
	s.t.Helper()
	if got := s.answer(method, path, body); !strings.HasPrefix(got, want) {
		s.t.Fatalf("%s %s: got %s, want %s", method, path, got, want)
	}
}

func (s *serverProcess) answer(method, path, body string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", string(answer)))
}

// tokenOf is what jobdb token prints for the server of a folder.
func tokenOf(t *testing.T, folder string) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Args = []string{"jobdb", "token", "--data-dir", folder}
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
