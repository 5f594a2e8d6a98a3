package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb/oracle"
)

// TestBothScripts runs the scripts of commands that both services serve, on jobdb.
func TestBothScripts(t *testing.T) { runScripts(t, "testdata/both", nil) }

// TestDiracXScripts runs the same scripts on DiracX's own service.
func TestDiracXScripts(t *testing.T) {
	url, token := startDiracX(t)
	runScripts(t, "testdata/both", []string{"DIRACX=yes", "JOBDB_URL=" + url, "JOBDB_TOKEN=" + token})
}

// TestBothSubmit runs the script of submit and of what waits for jobs, on jobdb.
func TestBothSubmit(t *testing.T) { runScripts(t, "testdata/both-submit", nil) }

// TestDiracXSubmit runs it on DiracX's own service.
func TestDiracXSubmit(t *testing.T) {
	url, token := startDiracX(t)
	runScripts(t, "testdata/both-submit", []string{"DIRACX=yes", "JOBDB_URL=" + url, "JOBDB_TOKEN=" + token})
}

// startDiracX starts DiracX's service on an empty SQLite database until the test ends, and returns
// its URL and a token of the administrator alice.
func startDiracX(t *testing.T) (url, token string) {
	t.Helper()
	python, folder := oracle.Python(t), t.TempDir()
	keys := filepath.Join(folder, "keys.json")
	run := func(args ...string) string {
		command := exec.Command(python, args...)
		command.Stderr = os.Stderr
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	run(oracle.Program(t, "keys.py"), "new", keys)
	token = run(oracle.Program(t, "keys.py"), "token", keys, "--user", "alice", "--vo", "lhcb", "--group", "lhcb_user",
		"--property", "NormalUser", "--property", "JobAdministrator")
	port := freePort(t)
	command := exec.Command(python, oracle.Program(t, "service.py"), "--wal", "--port", port, "--keystore", keys,
		"--jobdb", "sqlite+aiosqlite:///"+folder+"/jobs.db", "--loggingdb", "sqlite+aiosqlite:///"+folder+"/history.db")
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Signal(syscall.SIGTERM); _ = command.Wait() })
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		ready <- lines.Scan() && lines.Text() == "ready"
		for lines.Scan() { // until it ends
		}
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatal("DiracX's service doesn't start")
		}
	case <-time.After(time.Minute):
		t.Fatal("DiracX's service doesn't serve after a minute")
	}
	return "http://127.0.0.1:" + port, token
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
