package faults_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is jobdb, built once for all tests, without the race detector: it takes as much memory and
// time as with users.
var binary = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "jobdb-faults")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "jobdb")
	if out, err := exec.Command("go", "build", "-o", path, "jobdb/cmd/jobdb").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if !testing.Short() {
		if path, err := binary(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

// server is a running jobdb serve.
type server struct {
	t       *testing.T
	program string // jobdb
	folder  string // its HOME and its data folder
	flags   []string
	url     string
	process *os.Process
	ended   chan struct{}
	log     *os.File
}

// startServer starts a server on SQLite, or on the database of flags.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return startServerIn(t, t.TempDir(), flags...)
}

// startServerIn starts a server in a folder; those of one folder take each other's tokens.
func startServerIn(t *testing.T, folder string, flags ...string) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a server is built and loaded for this")
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, program, folder, flags...)
}

// startProgram is startServerIn of a jobdb that may be an older one.
func startProgram(t *testing.T, program, folder string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, program: program, folder: folder, flags: flags}
	var err error
	if s.log, err = os.CreateTemp(folder, "server*.log"); err != nil {
		t.Fatal(err)
	}
	if err := s.run("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// listens is what a server says when it takes requests, and what older ones said.
var listens = regexp.MustCompile(`jobdb is listening(?:" url=| on )(\S+)`)

// run starts the program and returns when it listens.
func (s *server) run(listen string) error {
	command := exec.Command(s.program, append([]string{"serve", "--listen", listen}, s.flags...)...)
	command.Env = s.environment()
	stderr, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	s.process, s.ended = command.Process, make(chan struct{})
	listening, ended := make(chan string, 1), s.ended
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(io.TeeReader(stderr, s.log))
		lines.Buffer(nil, mega)
		for lines.Scan() {
			if found := listens.FindStringSubmatch(lines.Text()); found != nil {
				listening <- found[1]
			}
		}
		_ = command.Wait()
	}()
	select {
	case url := <-listening:
		if s.url == "" {
			s.url = url
		}
		return nil
	case <-s.ended:
		return fmt.Errorf("the server ended:\n%s", s.said())
	case <-time.After(2 * time.Minute):
		s.kill()
		return fmt.Errorf("the server doesn't listen after two minutes:\n%s", s.said())
	}
}

// kill ends the server at once.
func (s *server) kill() {
	_ = s.process.Kill()
	<-s.ended
}

// again starts a server that has ended on the address that it had, as often as it takes, as an init
// system does.
func (s *server) again() {
	s.t.Helper()
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		err := s.run(strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			return
		}
		if time.Since(began) > 2*time.Minute {
			s.t.Fatal(err)
		}
	}
}

func (s *server) environment() []string {
	return []string{"HOME=" + s.folder, "PATH=" + os.Getenv("PATH")}
}

func (s *server) said() string {
	text, _ := os.ReadFile(s.log.Name())
	return string(text[max(0, len(text)-8<<10):])
}

// stop ends the server as an operator would, within its grace.
func (s *server) stop() {
	if s.hasEnded() {
		_ = s.log.Close()
		return
	}
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.t.Errorf("the server didn't stop within a minute")
		_ = s.process.Kill()
		<-s.ended
	}
	_ = s.log.Close()
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// token is one of this server's own, for a user with some properties.
func (s *server) token(user string, properties ...string) string {
	s.t.Helper()
	path, _ := binary()
	args := []string{"token", "--user", user}
	for _, property := range properties {
		args = append(args, "--property", property)
	}
	command := exec.Command(path, args...)
	command.Env = s.environment()
	out, err := command.Output()
	if err != nil {
		s.t.Fatalf("token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// reply is what the server answered.
type reply struct {
	status int
	body   string // its beginning
	err    error
}

// send sends a request and reads the whole answer, of which it keeps the beginning.
func (s *server) send(token, method, path, body string) (r reply) {
	return s.sendIn(s.t.Context(), token, method, path, body)
}

// sendIn is send that hangs up when the context ends.
func (s *server) sendIn(ctx context.Context, token, method, path, body string) (r reply) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	beginning, err := io.ReadAll(io.LimitReader(response.Body, 300))
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	return reply{response.StatusCode, string(beginning), err}
}

// peakMemory is the most that the server had in memory since forgetPeak, in bytes.
func (s *server) peakMemory() int64 {
	s.t.Helper()
	return processField(s.t, strconv.Itoa(s.process.Pid), "VmHWM:")
}

// processField reads a size in bytes of what Linux says of a process.
func processField(t *testing.T, pid, name string) int64 {
	t.Helper()
	size, found := statusField(t, pid, name)
	if !found {
		t.Fatalf("no %s of process %s", name, pid)
	}
	return size
}

// statusField is processField that reports whether there is such a field of such a process.
func statusField(t *testing.T, pid, name string) (size int64, found bool) {
	t.Helper()
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(status)) {
		if size, found := strings.CutPrefix(line, name); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(size), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10, true
		}
	}
	return 0, false
}

func (s *server) forgetPeak() {
	s.t.Helper()
	if err := os.WriteFile("/proc/"+strconv.Itoa(s.process.Pid)+"/clear_refs", []byte("5"), 0); err != nil {
		s.t.Fatal(err)
	}
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how much memory another process takes")
	}
}
