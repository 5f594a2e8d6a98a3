//go:build linux

package faults_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// olderEnded is the last commit whose program must not go on: it knows the migrations up to 0009_series,
// which 0010_counts_ends_older ends.
const olderEnded = "5969ddcadf4a37dc15ac2975ffc9922026ee302c"

// TestUpgrade has an older and a newer jobdb work on one database at once, as during a rolling upgrade,
// on each engine. An older one that may go on loses nothing, and so does the newer; one that mustn't
// changes nothing any more. The one that may go on is this jobdb without a migration that only adds.
func TestUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: servers are built and loaded for this")
	}
	before, ended := buildWithout(t, "0009_series"), buildOlder(t, olderEnded)
	for _, engine := range slices.Sorted(maps.Keys(jobdbtest.Engines)) {
		t.Run(engine, func(t *testing.T) {
			t.Run("goes on", func(t *testing.T) { testOlderGoesOn(t, before, newEmpty(t, engine)) })
			t.Run("refuses", func(t *testing.T) { testOlderRefuses(t, ended, newEmpty(t, engine)) })
		})
	}
}

// buildWithout builds this jobdb without a migration.
func buildWithout(t *testing.T, migration string) (program string) {
	t.Helper()
	files, err := filepath.Glob("../schema/migrations/*/" + migration + ".sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[path] = "" // there is no such file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	list, program := filepath.Join(folder, "overlay.json"), filepath.Join(folder, "jobdb")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", list, "-o", program, "./cmd/jobdb")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// newEmpty is the URL of an empty database, which several servers may use.
func newEmpty(t *testing.T, engine string) string {
	t.Helper()
	if engine == "SQLite" {
		return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	}
	return jobdbtest.Engines[engine](t)
}

// buildOlder builds jobdb as it was at a commit.
func buildOlder(t *testing.T, commit string) (program string) {
	t.Helper()
	if err := exec.Command("git", "-C", "../..", "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		if os.Getenv("JOBDB_UPGRADE") != "" {
			t.Fatalf("the commit %s isn't in this clone: %v; get it by git fetch --unshallow", commit, err)
		}
		t.Skipf("!!! NOT TESTED: upgrades: the commit %s isn't in this clone (git fetch --unshallow)", commit)
	}
	folder := t.TempDir()
	script := fmt.Sprintf("git -C ../.. archive %s | tar -x -C %s && cd %[2]s && go build -o jobdb ./cmd/jobdb", commit, folder)
	if out, err := exec.Command("bash", "-eo", "pipefail", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(folder, "jobdb")
}

// upgrade is an older server under load, which a newer one joins.
type upgrade struct {
	*load

	address      string
	older, newer *server
}

// startUpgrade starts the older server on an empty database, lets it work, and then starts the newer.
func startUpgrade(t *testing.T, program, address string) *upgrade {
	t.Helper()
	folder := t.TempDir()
	flags := []string{"--command-redelivery", redelivery.String(), "--db", address}
	u := &upgrade{address: address, older: startProgram(t, program, folder, flags...)}
	u.load = newLoad(t, []*server{u.older}, faultWriters, faultPause)
	random := newRandom()
	for range 10 {
		u.submit(random)
	}
	u.start()
	time.Sleep(time.Second)
	u.newer = startServerIn(t, folder, flags...)
	return u
}

// works lets writers write to the servers, and wants all to be answered, and nothing to be lost.
func (u *upgrade) works(lasts time.Duration) {
	u.t.Helper()
	u.start()
	time.Sleep(lasts)
	u.audit()
}

// counted waits until the newer one has counted all jobs, which it does after it took the counts over.
func (u *upgrade) counted() {
	u.t.Helper()
	raw := jobdbtest.Raw(u.t, u.address)
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		var n int
		err := raw.QueryRowContext(u.t.Context(), "SELECT "+quoted(u.address, "Count")+" FROM "+quoted(u.address, "JobSums")+" WHERE "+quoted(u.address, "Kind")+" = 0").Scan(&n)
		if err == nil && n > 0 {
			return
		}
		if time.Since(began) > time.Minute {
			u.t.Fatalf("the jobs aren't counted after a minute: %d, %v", n, err)
		}
	}
}

// quoted is a name as the database's engine quotes it.
func quoted(address, name string) string {
	if strings.HasPrefix(address, "mysql") {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// audit stops the writers, and audits what they have done so far.
func (u *upgrade) audit() {
	u.t.Helper()
	u.stop()
	u.counted()
	v := audit(u.t, u.address, u.journal.all())
	u.t.Logf("%d servers: %d writes acknowledged, %v", len(u.servers), u.journal.acknowledged, u.journal.trouble)
	if len(v.faults) > 0 {
		u.t.Error(strings.Join(v.faults, "\n"))
	}
	if u.journal.acknowledged == 0 {
		u.t.Error("nothing was acknowledged")
	}
}

func testOlderGoesOn(t *testing.T, program, address string) {
	u := startUpgrade(t, program, address)
	u.audit() // the older one, while the newer migrated
	u.servers = []*server{u.older, u.newer}
	u.works(4 * time.Second)
	if len(u.journal.trouble) > 0 {
		t.Errorf("requests failed: %v", u.journal.trouble)
	}
	for name, s := range map[string]*server{"older": u.older, "newer": u.newer} {
		if r := s.send("", http.MethodGet, "/api/health/ready", ""); r.status != http.StatusOK {
			t.Errorf("the %s isn't ready: %+v", name, r)
		}
	}
	u.olderSays("a newer jobdb has migrated the database; this one goes on")

	u.servers = []*server{u.newer}
	u.older.stop()
	u.refusesToStart()
	u.works(time.Second)
	u.checkCommand()
}

func testOlderRefuses(t *testing.T, program, address string) {
	u := startUpgrade(t, program, address)
	u.olderSays("so that this one must not go on")
	u.audit()
	if r := u.older.send("", http.MethodGet, "/api/health/ready", ""); r.status != http.StatusServiceUnavailable {
		t.Errorf("the older is ready: %+v", r)
	}
	before := u.rows()
	for what, r := range map[string]reply{
		"submissions": u.older.send(u.tokens["user"], http.MethodPost, "/api/jobs/jdl", `["Executable = \"/bin/echo\";"]`),
		"heartbeats":  u.older.send(u.tokens["pilot"], http.MethodPatch, "/api/jobs/heartbeat", fmt.Sprintf(`{"%d": {"CPUConsumed": 1}}`, u.journal.jobs[0])),
	} {
		if r.status != http.StatusServiceUnavailable {
			t.Errorf("the older takes %s: %+v", what, r)
		}
	}
	if after := u.rows(); before != after {
		t.Errorf("the older wrote: %s, then %s", before, after)
	}
	u.older.stop()
	u.refusesToStart()
	u.servers = []*server{u.newer}
	u.works(time.Second)
	u.checkCommand()
}

// olderSays waits until the log of the older server has a text.
func (u *upgrade) olderSays(text string) {
	u.t.Helper()
	for range 100 {
		log, _ := os.ReadFile(u.older.log.Name())
		if strings.Contains(string(log), text) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	u.t.Errorf("the older never says %q: %s", text, u.older.said())
}

// refusesToStart wants the older program to say that it is too old for the database, and to change
// nothing of it.
func (u *upgrade) refusesToStart() {
	u.t.Helper()
	before := u.rows()
	command := exec.Command(u.older.program, append([]string{"serve", "--listen", "127.0.0.1:0"}, u.older.flags...)...)
	command.Env = u.older.environment()
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the database is from the future") {
		u.t.Errorf("the older starts: %v, %s", err, out)
	}
	if after := u.rows(); before != after {
		u.t.Errorf("starting the older wrote: %s, then %s", before, after)
	}
}

// rows are how many rows the tables have in which writes leave some.
func (u *upgrade) rows() string {
	u.t.Helper()
	var counts []string
	raw := jobdbtest.Raw(u.t, u.address)
	for _, table := range []string{"Jobs", "LoggingInfo", "HeartBeatLoggingInfo", "JobCommands", "jobdb_migrations"} {
		var n int
		if err := raw.QueryRowContext(u.t.Context(), "SELECT COUNT(*) FROM "+quoted(u.address, table)).Scan(&n); err != nil {
			u.t.Fatal(err)
		}
		counts = append(counts, fmt.Sprint(table, " ", n))
	}
	return strings.Join(counts, ", ")
}

// checkCommand has this jobdb look for damage in the whole database. The writers let Deleted jobs, which
// may go anywhere, begin again after their end; nothing else is to be found.
func (u *upgrade) checkCommand() {
	u.t.Helper()
	var found, progress strings.Builder
	command := exec.Command(u.newer.program, "check", "--db", u.address)
	command.Env, command.Stdout, command.Stderr = u.newer.environment(), &found, &progress
	err := command.Run()
	for line := range strings.Lines(found.String()) {
		if !strings.HasPrefix(line, "jobs that ended before they began:") {
			u.t.Errorf("jobdb check: %s", line)
		}
	}
	if err != nil && found.Len() == 0 || !strings.Contains(progress.String(), "JDLs that can't be read") {
		u.t.Errorf("jobdb check: %v\n%s", err, &progress)
	}
}
