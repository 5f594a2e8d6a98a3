package faults_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// A database that gives no answer is told as such: nobody is asked for more filters, and everybody
// to come again.
func TestSilentDatabaseIsUnavailable(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			between := newProxy(t, open(t))
			s := startServer(t, "--db", between.address, "--query-time", "2s")
			token := s.token("alice", "NormalUser")
			ask := func(path, body string) reply { return s.send(token, http.MethodPost, path, body) }
			if r := ask("/api/jobs/search", "{}"); r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			between.hold()
			defer between.letGo()
			for path, body := range map[string]string{"/api/jobs/search": "{}", "/api/jobs/summary": `{"grouping":["Owner"]}`} {
				began := time.Now()
				r := ask(path, body)
				if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "the database can't be reached") || r.err != nil {
					t.Errorf("%s: %d %s %v", path, r.status, r.body, r.err)
				}
				t.Logf("%s: %d after %v: %s", path, r.status, time.Since(began).Round(time.Millisecond), r.body)
			}
			between.letGo()
			if r := ask("/api/jobs/search", "{}"); r.status != http.StatusOK {
				t.Errorf("afterwards: %d %s", r.status, r.body)
			}
		})
	}
}

// A full disk is told as such, to those who write and to whoever asks whether the server is ready;
// reading goes on, and so does writing as soon as there is room. What was acknowledged is there.
func TestFullDisk(t *testing.T) {
	needLinux(t)
	folder := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("jobdb-faults", folder, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small disk can't be made here (that takes root): %v", err)
	}
	defer func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) }()
	ballast := filepath.Join(folder, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "--db", "sqlite:"+filepath.Join(folder, "jobs.db"))
	token := s.token("alice", "NormalUser")
	submit := func() reply {
		return s.send(token, http.MethodPost, "/api/jobs/jdl", `["Executable = \"x\"; Arguments = \"`+strings.Repeat("0123456789", 2000)+`\";"]`)
	}
	acknowledged := 0
	var r reply
	for r = submit(); r.status == http.StatusCreated && acknowledged < 5000; r = submit() {
		acknowledged++
	}
	if r.status != http.StatusInsufficientStorage || !strings.Contains(r.body, "disk is full") {
		t.Errorf("after %d jobs: %d %s", acknowledged, r.status, r.body)
	}
	if r := s.send(token, http.MethodGet, "/api/health/ready", ""); r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, "disk is full") {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
	if r := s.send(token, http.MethodPost, "/api/jobs/summary", `{"grouping":["Owner"]}`); !strings.Contains(r.body, fmt.Sprintf(`"count":%d`, acknowledged)) {
		t.Errorf("of %d jobs there are: %d %s", acknowledged, r.status, r.body)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if r := submit(); r.status != http.StatusCreated {
		t.Errorf("with room again: %d %s", r.status, r.body)
	}
	if r := s.send(token, http.MethodGet, "/api/health/ready", ""); r.status != http.StatusOK || !strings.Contains(r.body, `"ready"`) {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
	t.Logf("%d jobs on a full disk, none lost", acknowledged)
}
