//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// TestTasks has three servers on one database, one of which is killed now and then, and wants each
// background task to be done once each time that it is due. JOBDB_TASKS_MINUTES says for how long;
// by default tasks are made due once more than they are by themselves.
func TestTasks(t *testing.T) {
	for _, engine := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(engine, func(t *testing.T) {
			if testing.Short() {
				t.Skip("-short: servers are built for this")
			}
			address := jobdbtest.Engines[engine](t)
			newTrio(t, address, address).run()
		})
	}
}

// TestTasksGalera is [TestTasks] with each server on a node of its own of a cluster.
func TestTasksGalera(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: servers are built for this")
	}
	nodes := startCluster(t)
	var hosts []string
	for _, n := range nodes {
		hosts = append(hosts, n.host)
	}
	var addresses []string
	for i := range hosts {
		addresses = append(addresses, clusterURL(slices.Concat(hosts[i:], hosts[:i])...))
	}
	newTrio(t, clusterURL(hosts[0]), addresses...).run()
}

// periods are how often the tasks are due.
var periods = map[string]time.Duration{"series": jobdb.SeriesInterval, "stalled": 10 * time.Minute, "retention": time.Hour}

// trio is three servers that share their tasks.
type trio struct {
	t       *testing.T
	address string
	servers []*server
	killed  int
}

// newTrio starts the servers, the i-th on the i-th of some addresses of one database.
func newTrio(t *testing.T, address string, addresses ...string) *trio {
	t.Helper()
	folder := t.TempDir()
	rules := map[string]string{"retention": `{"Default": {"Jobs": {"Done": "90d"}}}`, "stalled": `{}`}
	for name, text := range rules {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := &trio{t: t, address: address}
	for i := range 3 {
		o.servers = append(o.servers, startServerIn(t, folder, "--log-level", "debug", "--db", addresses[i%len(addresses)],
			"--retention", filepath.Join(folder, "retention"), "--stalled", filepath.Join(folder, "stalled")))
	}
	if r := o.servers[0].send(o.servers[0].token("alice", "NormalUser"), "POST", "/api/jobs/jdl", `["Executable = \"/bin/echo\";"]`); r.status >= 300 || r.err != nil {
		t.Fatalf("submit: %+v", r)
	}
	return o
}

func (o *trio) run() {
	o.t.Helper()
	o.awaitRuns(1)
	minutes, _ := strconv.ParseFloat(os.Getenv("JOBDB_TASKS_MINUTES"), 64)
	if minutes == 0 {
		o.kill(0, 0)
		o.makeDue()
		o.awaitRuns(2)
		time.Sleep(16 * time.Second) // until each server has looked once more
	}
	for end := time.Now().Add(time.Duration(minutes * float64(time.Minute))); time.Now().Before(end); {
		// A server has its tasks for moments only; every other time it is the one that has just begun.
		who := rand.IntN(len(o.servers))
		if o.killed%2 == 1 {
			who = o.nextToBegin(end)
		}
		o.kill(who, time.Duration(rand.IntN(20))*time.Second)
		time.Sleep(time.Duration(10+rand.IntN(30)) * time.Second)
	}
	o.check(minutes > 0)
}

// kill ends a server at once, and starts it again after a while.
func (o *trio) kill(who int, after time.Duration) {
	o.servers[who].kill()
	o.killed++
	time.Sleep(after)
	o.servers[who].again()
}

// makeDue has all tasks be due.
func (o *trio) makeDue() {
	o.t.Helper()
	text := "UPDATE " + quoted(o.address, "Tasks") + " SET " + quoted(o.address, "Next") + " = '2024-01-01 00:00:00'"
	if _, err := jobdbtest.Raw(o.t, o.address).ExecContext(o.t.Context(), text); err != nil {
		o.t.Fatal(err)
	}
}

// taskRun is a line of a server's log about a run of a task.
type taskRun struct{ what, task, due string }

var taskLine = regexp.MustCompile(`(?m) msg="a background task (begins|is done)" task=(\w+) due=(\S+)$`)

// runs are what the servers' logs tell of tasks, each with how many of them did so.
func (o *trio) runs() map[taskRun]int {
	runs := map[taskRun]int{}
	for _, s := range o.servers {
		log, err := os.ReadFile(s.log.Name())
		if err != nil {
			o.t.Fatal(err)
		}
		for _, line := range taskLine.FindAllStringSubmatch(string(log), -1) {
			runs[taskRun{line[1], line[2], line[3]}]++
		}
	}
	return runs
}

// of are the times at which a task was due that all logs say this about.
func of(runs map[taskRun]int, task, what string) (due []string) {
	for run := range maps.Keys(runs) {
		if run.task == task && run.what == what {
			due = append(due, run.due)
		}
	}
	slices.Sort(due)
	return due
}

// awaitRuns waits until each task was done for so many of the times that it was due.
func (o *trio) awaitRuns(times int) {
	o.t.Helper()
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		runs, done := o.runs(), true
		for task := range periods {
			done = done && len(of(runs, task, "is done")) >= times
		}
		if done {
			return
		}
		if time.Since(began) > 3*time.Minute {
			o.t.Fatalf("after three minutes there are the runs %v", runs)
		}
	}
}

// nextToBegin waits for the next run of a task, until end at most, and returns whose it is.
func (o *trio) nextToBegin(end time.Time) int {
	sizes := map[int]int64{}
	for i, s := range o.servers {
		sizes[i] = size(s)
	}
	for ; time.Now().Before(end); time.Sleep(time.Millisecond) {
		for i, s := range o.servers {
			if grown := size(s); grown > sizes[i] {
				text := make([]byte, grown-sizes[i])
				if _, err := s.log.ReadAt(text, sizes[i]); err == nil && strings.Contains(string(text), "a background task begins") {
					return i
				}
				sizes[i] = grown
			}
		}
	}
	return 0
}

func size(s *server) int64 {
	info, err := s.log.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// check wants no task to be done twice for one time, none to be left out, and the series to be whole.
// A server that is killed may have done a task without saying so: then the next one may do it again,
// or find it done.
func (o *trio) check(long bool) {
	o.t.Helper()
	runs := o.runs()
	for run, n := range runs {
		if run.what == "is done" && n > 1 {
			o.t.Errorf("%s was done %d times for %s", run.task, n, run.due)
		}
	}
	again := 0
	for task, period := range periods {
		begun, done := of(runs, task, "begins"), of(runs, task, "is done")
		for _, due := range begun {
			again += runs[taskRun{"begins", task, due}] - 1
		}
		o.t.Logf("%s: due %d times, done %d times", task, len(begun), len(done))
		if len(begun)-len(done) > o.killed {
			o.t.Errorf("%s was begun for %v, done for %v, with %d servers killed", task, begun, done, o.killed)
		}
		for i := 2; long && i < len(begun); i++ { // the first time is when the first server starts
			if a, b := dueAt(o.t, begun[i-1]), dueAt(o.t, begun[i]); b.Sub(a) != period {
				o.t.Errorf("%s was due at %v and then at %v", task, a, b)
			}
		}
	}
	notes := o.notes()
	o.t.Logf("%d servers were killed, %d runs were begun again by another, %d notes of the series without a gap", o.killed, again, len(notes))
	for i, n := range notes {
		if n != 1 {
			o.t.Errorf("the series has %d notes for its period %d of %d", n, i, len(notes))
		}
	}
}

func dueAt(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// notes are how often each period of the series was noted, from the first that was to the last.
func (o *trio) notes() []int64 {
	o.t.Helper()
	ctx := context.WithoutCancel(o.t.Context())
	db, err := jobdb.Open(ctx, o.address, jobdb.Options{FoldInterval: -1})
	if err != nil {
		o.t.Fatal(err)
	}
	defer db.Close()
	now := db.Now()
	query, err := (jobdb.SeriesRequest{
		Columns: []string{"Status"}, From: now.Add(-12 * time.Hour).Format(time.RFC3339), To: now.Format(time.RFC3339), Bucket: int64(jobdb.SeriesInterval / time.Second),
	}).Parse(db.Limits())
	if err != nil {
		o.t.Fatal(err)
	}
	query.Scope.VO = "local"
	rows, err := db.Series(ctx, query)
	if err != nil {
		o.t.Fatal(err)
	}
	first, last := slices.IndexFunc(rows.Samples, isNoted), len(rows.Samples)
	if first < 0 {
		o.t.Fatal(fmt.Sprint("the series has no notes: ", rows.Samples))
	}
	for !isNoted(rows.Samples[last-1]) {
		last--
	}
	return rows.Samples[first:last]
}

func isNoted(n int64) bool { return n > 0 }
