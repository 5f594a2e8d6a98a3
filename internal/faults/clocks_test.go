//go:build linux

package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// clock is what a database's server takes for the time: that of the machine, and more or less of it,
// by Debian's libfaketime.
type clock struct{ library, file string }

func newClock(t *testing.T) *clock {
	t.Helper()
	libraries, _ := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if len(libraries) == 0 {
		missing := "\n\n!!! NOT TESTED: clocks that jump, without libfaketime; to install: make engines\n"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	folder, err := os.MkdirTemp("", "jobdb-clock-") //nolint:usetesting // t.TempDir is closed to the database's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	c := &clock{libraries[0], filepath.Join(folder, "ahead")}
	c.set(t, 0)
	return c
}

// environment is that of a server which has this clock. Its time limits have another one.
func (c *clock) environment() []string {
	return []string{
		"LD_PRELOAD=" + c.library, "FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
	}
}

func (c *clock) set(t *testing.T, ahead time.Duration) {
	t.Helper()
	if err := os.WriteFile(c.file+".new", fmt.Appendf(nil, "%+.0f\n", ahead.Seconds()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		t.Fatal(err)
	}
}

// TestClocks is [TestFaults] for clocks of databases that jump: what is acknowledged meanwhile is
// there as always, histories are in the order in which their records were acknowledged, answers to
// repeated submissions stay, and jobs go on.
func TestClocks(t *testing.T) {
	for _, engine := range []string{"MariaDB", "PostgreSQL"} { // MySQL's has a C library of its own
		t.Run(engine, func(t *testing.T) {
			c := newClock(t)
			w := newWorld(t, engine, c.environment()...)
			w.faults = []fault{
				{"its clock goes 26 hours ahead, and back", func(w *world, lasts time.Duration) { w.leap(c, 26*time.Hour, lasts) }, nil},
				{"its clock goes an hour ahead, and back", func(w *world, lasts time.Duration) { w.leap(c, time.Hour, lasts) }, nil},
			}
			if faultMinutes() == 0 {
				w.faults = w.faults[:1]
			}
			w.prepare()
			rows := w.strikeAll(faultMinutes())
			w.checkOrder()
			w.checkStop()
			w.report(rows)
		})
	}
}

// leap sets the database's clock ahead and back, and follows some jobs meanwhile.
func (w *world) leap(c *clock, ahead, lasts time.Duration) {
	w.t.Helper()
	before := w.follow("Checking", "Waiting")
	c.set(w.t, ahead)
	w.awaitClock(ahead)
	before.goOn("Matched", "Running")
	meanwhile := w.follow("Checking", "Waiting", "Matched", "Running")
	killed := w.follow("Checking", "Waiting", "Matched", "Running")
	killed.report("user", "Killed")
	time.Sleep(lasts)
	c.set(w.t, 0)
	w.awaitClock(0)
	for _, job := range []*followed{before, meanwhile} {
		job.goOn("Completing", "Done")
		job.check("Done")
	}
	killed.check("Killed")
}

var clockAhead = regexp.MustCompile(`clock is (\S+) ahead`)

// awaitClock waits until both servers have noticed how much the database's clock is ahead.
func (w *world) awaitClock(ahead time.Duration) {
	w.t.Helper()
	for _, s := range w.servers {
		for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
			told := time.Duration(0)
			r := s.send("", http.MethodGet, "/api/health/ready", "")
			if found := clockAhead.FindStringSubmatch(r.body); found != nil {
				told, _ = time.ParseDuration(found[1])
			}
			if r.status == http.StatusOK && (told+ahead).Abs() < 2*time.Second {
				break
			}
			if time.Since(began) > 30*time.Second {
				w.t.Fatalf("a server hasn't noticed that the database's clock is %s ahead: %+v", ahead, r)
			}
		}
	}
}

// followed is a job that each report is to move.
type followed struct {
	*world
	id  jobdb.JobID
	key string
}

func (w *world) follow(statuses ...string) *followed {
	w.t.Helper()
	f := &followed{world: w, key: fmt.Sprintf("followed %d", time.Now().UnixNano())}
	f.id = f.submitOnce()
	f.goOn(statuses...)
	return f
}

// submitOnce submits the job, or asks once more what came of it.
func (f *followed) submitOnce() jobdb.JobID {
	f.t.Helper()
	r, answer := f.send(newRandom(), "user", http.MethodPost, "/api/jobs/jdl", `["Executable = \"x\";"]`, "Idempotency-Key", f.key)
	var jobs []struct{ JobID jobdb.JobID }
	if err := json.Unmarshal(answer, &jobs); err != nil || len(jobs) != 1 {
		f.t.Fatalf("submit: %+v %s", r, answer)
	}
	return jobs[0].JobID
}

func (f *followed) goOn(statuses ...string) {
	f.t.Helper()
	for _, status := range statuses {
		f.report("pilot", status)
	}
	if again := f.submitOnce(); again != f.id {
		f.t.Errorf("the same submission made the jobs %d and %d", f.id, again)
	}
}

// report tells a status by the right time.
func (f *followed) report(who, status string) {
	f.t.Helper()
	at := time.Now().UTC().Format(time.RFC3339Nano)
	body := fmt.Sprintf(`{"%d":{"%s":{"Status":"%s","Source":"JobWrapper"}}}`, f.id, at, status)
	r, answer := f.send(newRandom(), who, http.MethodPatch, "/api/jobs/status", body)
	var report struct {
		Success map[jobdb.JobID]struct{ Status, Note string }
	}
	if err := json.Unmarshal(answer, &report); err != nil || report.Success[f.id].Status != status {
		f.t.Errorf("job %d doesn't become %s: %+v %s", f.id, status, r, answer)
	}
}

// check looks at the job once the clock is right: a Kill is told, and signs of life are seen.
func (f *followed) check(status string) {
	f.t.Helper()
	_, answer := f.send(newRandom(), "pilot", http.MethodPatch, "/api/jobs/heartbeat", byJob([]jobdb.JobID{f.id}, `"LoadAverage":1`))
	if told := strings.Contains(string(answer), `"Kill"`); told != (status == "Killed") {
		f.t.Errorf("job %d is %s, and is told %s", f.id, status, answer)
	}
	_, answer = f.send(newRandom(), "user", http.MethodPost, "/api/jobs/search", fmt.Sprintf(
		`{"parameters":["Status","HeartBeatTime","EndExecTime"],"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, f.id))
	var rows []struct {
		Status                     string
		HeartBeatTime, EndExecTime *time.Time
	}
	if err := json.Unmarshal(answer, &rows); err != nil || len(rows) != 1 {
		f.t.Fatalf("job %d: %v: %s", f.id, err, answer)
	}
	job := rows[0]
	if job.Status != status || job.EndExecTime == nil || job.HeartBeatTime == nil || time.Since(*job.HeartBeatTime).Abs() > time.Minute {
		f.t.Errorf("job %d, which should be %s: %s", f.id, status, answer)
	}
}

// checkOrder wants each history numbered in the order in which its records were acknowledged,
// whatever their times are.
func (w *world) checkOrder() {
	w.t.Helper()
	byMark := map[string]*write{}
	for _, one := range w.journal.all() {
		byMark[one.mark] = one
	}
	rows, err := jobdbtest.Raw(w.t, w.address).QueryContext(w.t.Context(), `SELECT "JobID", "StatusSource" FROM "LoggingInfo" ORDER BY "JobID", "SeqNum"`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	records, last, lastJob := 0, (*write)(nil), jobdb.JobID(0)
	for rows.Next() {
		var id jobdb.JobID
		var source string
		if err := rows.Scan(&id, &source); err != nil {
			w.t.Fatal(err)
		}
		mark := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(source, "(SM)"), "User"), "Job")
		now := byMark[mark]
		if now == nil || !slices.Contains(now.jobs, id) {
			continue
		}
		if id == lastJob && now.acknowledged && now.answered.Before(last.sent) {
			w.t.Errorf("job %d: %s is in the history before %s, which was acknowledged before it began", id, last.mark, now.mark)
		}
		records, last, lastJob = records+1, now, id
	}
	if err := rows.Err(); err != nil || records == 0 {
		w.t.Fatalf("%d records: %v", records, err)
	}
	w.t.Logf("%d records of histories are in the order of what was acknowledged", records)
}
