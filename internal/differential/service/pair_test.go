// Package service_test plays the same requests on the reference's own
// service and on jobdb serve, over HTTP, and compares the answers.
package service_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"jobdb/oracle"
)

// pair is the reference's service and ours, both on databases that were empty, with the keys of one
// issuer.
type pair struct {
	reference, ours string // their URLs
	issuer          *issuer
	sent            instants

	asked, excused, failures int // requests
	passed                   int // answers of 500 that the reference did not give again
	met                      map[difference]int
}

func startPair(t *testing.T) *pair {
	t.Helper()
	folder := t.TempDir()
	return startPairOn(t, folder, []string{
		"--jobdb", "sqlite+aiosqlite:///" + folder + "/reference.db", "--loggingdb", "sqlite+aiosqlite:///" + folder + "/history.db",
	})
}

// startPairOn starts the reference and ours with flags that name their databases.
func startPairOn(t *testing.T, folder string, theirs []string, ours ...string) *pair {
	t.Helper()
	python := oracle.Python(t)
	p := &pair{issuer: newIssuer(t), sent: instants{}, met: map[difference]int{}}
	keys := filepath.Join(folder, "keys.json")
	if err := os.WriteFile(keys, p.issuer.keySet(), 0o600); err != nil {
		t.Fatal(err)
	}
	jobdb := buildServer(t, folder)
	port := freePort(t)
	p.reference = "http://127.0.0.1:" + port
	start(t, regexp.MustCompile(`^(ready)`), exec.Command(python, append([]string{
		oracle.Program(t, "service.py"), "--wal", "--port", port, "--keystore", keys, "--issuer", p.issuer.name,
	}, theirs...)...))
	p.ours = start(t, regexp.MustCompile(`jobdb is listening" url=(\S+)`), exec.Command(
		jobdb, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--issuer", p.issuer.name, "--keys", keys}, ours...)...))
	return p
}

// buildServer builds the command as users get it, with the race detector when this test has it.
// JOBDB_BINARY names one that is there.
func buildServer(t *testing.T, folder string) string {
	t.Helper()
	if binary := os.Getenv("JOBDB_BINARY"); binary != "" {
		return binary
	}
	binary := filepath.Join(folder, "jobdb")
	args := []string{"build", "-o", binary}
	if withRaceDetector() {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "jobdb/cmd/jobdb")...).CombinedOutput(); err != nil {
		t.Fatalf("build jobdb: %v\n%s", err, out)
	}
	return binary
}

func withRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

const maxOutput = 100 << 10 // bytes that are kept of what a server says

// start runs a server until the test ends, and returns what its welcome says. A server that ends
// badly fails the test.
func start(t *testing.T, welcome *regexp.Regexp, command *exec.Cmd) string {
	t.Helper()
	out, in := io.Pipe()
	var said bytes.Buffer
	command.Stdout, command.Stderr = in, in
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	listening, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if said.WriteString(line); said.Len() > maxOutput {
				said.Next(said.Len() - maxOutput)
			}
			if found := welcome.FindStringSubmatch(line); found != nil {
				listening <- found[1]
			}
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(command.Wait(), in.Close()) }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		err := <-ended
		<-read
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && failed.ExitCode() > 0 || bytes.Contains(said.Bytes(), []byte("DATA RACE")) {
			t.Errorf("%s: %v\n%s", command.Path, err, said.Bytes())
		}
	})
	select {
	case url := <-listening:
		return url
	case <-time.After(time.Minute):
		t.Fatalf("%s doesn't serve after a minute", command.Path)
	}
	return ""
}

// instants are the times that clients sent. All other times in answers are the servers'.
type instants map[string]bool

// instantForm is how times are compared: to the microsecond.
const instantForm = "2006-01-02T15:04:05.000000"

func (i instants) add(t time.Time) { i[t.UTC().Format(instantForm)] = true }

func (i instants) has(t time.Time) bool { return i[t.UTC().Format(instantForm)] }

// sameTime compares times of two answers. The servers' own may differ by what lies between two
// requests.
func (i instants) sameTime(theirs, ours string) bool {
	a, errA := time.Parse(time.RFC3339Nano, theirs)
	b, errB := time.Parse(time.RFC3339Nano, ours)
	if errA != nil || errB != nil || theirs[len(theirs)-1] != ours[len(ours)-1] {
		return false
	}
	if i.has(a) || i.has(b) {
		return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
	}
	return a.Sub(b).Abs() < 5*time.Second
}
