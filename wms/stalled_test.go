package wms_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

func stalledRules(t *testing.T, text string) wms.StalledBook {
	t.Helper()
	book, err := wms.ReadStalled(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestStalled goes with jobs from their last word to Failed, on every kind of database.
func TestStalled(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			at := now
			testStalled(t, openAt(t, url(t), func() time.Time { return at }), &at)
		})
	}
}

func testStalled(t *testing.T, m *wms.JobManager, at *time.Time) {
	t.Helper()
	book := stalledRules(t, `{"VOs": {"lhcb": {"Sites": {"Patient": {"StalledAfter": "5h"}, "Never": {"StalledAfter": "never"}}}}}`)
	ids := jobsIn(t, m, "Running", "Completing", "Running", "Running", "Waiting", "Running", "Submitting", "Done")
	for i, attributes := range []jobdb.Attributes{
		{"HeartBeatTime": second(-60)},
		{"HeartBeatTime": second(-60)},
		{"HeartBeatTime": second(-60), "Site": "Patient"},
		{"HeartBeatTime": second(-60), "Site": "Never"},
		{},
		{},
		{},
		{"HeartBeatTime": second(-60)},
	} {
		if len(attributes) > 0 {
			setAttribute(t, m, ids[i], attributes)
		}
	}
	setAttribute(t, m, ids[0], jobdb.Attributes{"LastUpdateTime": second(0)})
	check := func(after time.Duration, options wms.StalledOptions, want wms.StalledCounts, statuses ...string) {
		t.Helper()
		*at = now.Add(after)
		counts, err := m.CheckStalled(t.Context(), book, options)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, counts["lhcb"]); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
		if diff := cmp.Diff(statuses, statusesOf(t, m, ids)); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
	}
	asBefore := []string{"Running", "Completing", "Running", "Running", "Waiting", "Running", "Submitting", "Done"}
	check(0, wms.StalledOptions{}, wms.StalledCounts{}, asBefore...)

	var told []jobdb.JobID
	dry := wms.StalledOptions{DryRun: true, Changed: func(job wms.StalledJob) { told = append(told, job.JobID) }}
	check(76*time.Minute, dry, wms.StalledCounts{Stalled: 3, Failed: 1}, asBefore...)
	if len(told) != 4 {
		t.Errorf("told of the jobs %v, want four", told)
	}
	check(74*time.Minute+30*time.Second, wms.StalledOptions{}, wms.StalledCounts{Stalled: 2, Failed: 1},
		"Running", "Stalled", "Running", "Running", "Waiting", "Stalled", "Failed", "Done")
	check(76*time.Minute, wms.StalledOptions{}, wms.StalledCounts{Stalled: 1},
		"Stalled", "Stalled", "Running", "Running", "Waiting", "Stalled", "Failed", "Done")

	// A heartbeat revives one.
	if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{ids[5]: {}}); err != nil {
		t.Fatal(err)
	}
	check(77*time.Minute, wms.StalledOptions{}, wms.StalledCounts{}, "Stalled", "Stalled", "Running", "Running", "Waiting", "Running", "Failed", "Done")

	check(196*time.Minute, wms.StalledOptions{}, wms.StalledCounts{Stalled: 1},
		"Stalled", "Stalled", "Running", "Running", "Waiting", "Stalled", "Failed", "Done")
	check(272*time.Minute, wms.StalledOptions{}, wms.StalledCounts{Failed: 2},
		"Failed", "Failed", "Running", "Running", "Waiting", "Stalled", "Failed", "Done")
	check(301*time.Minute, wms.StalledOptions{}, wms.StalledCounts{Stalled: 1},
		"Failed", "Failed", "Stalled", "Running", "Waiting", "Stalled", "Failed", "Done")
	wantFailedAsStalled(t, m, ids[1])
}

// wantFailedAsStalled wants of a job what DIRAC's agent does to one that it fails.
func wantFailedAsStalled(t *testing.T, m *wms.JobManager, id jobdb.JobID) {
	t.Helper()
	job, err := m.Details(t.Context(), lhcb, id, wms.DetailsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	last := job.History[len(job.History)-1]
	const minor = "Stalling for more than 11700 sec"
	if job.Attributes["MinorStatus"] != minor || last.MinorStatus != minor || last.Source != "StalledJobAgent" || last.Status != "Failed" {
		t.Errorf("%v, %+v", job.Attributes["MinorStatus"], last)
	}
	if before := job.History[len(job.History)-2]; before.Status != "Stalled" || before.Source != "StalledJobAgent" {
		t.Errorf("the record before: %+v", before)
	}
	if len(job.Commands) != 1 || job.Commands[0].Command.Command != jobdb.KillCommand {
		t.Errorf("commands: %+v", job.Commands)
	}
}

// TestStalledReschedules has jobs rescheduled that are stuck before they run, and those of some sites
// that stay Stalled, on every kind of database.
func TestStalledReschedules(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			at := now
			testStalledReschedules(t, openAt(t, url(t), func() time.Time { return at }), &at)
		})
	}
}

func testStalledReschedules(t *testing.T, m *wms.JobManager, at *time.Time) {
	t.Helper()
	book := stalledRules(t, `{"VOs": {"lhcb": {"SubmittingAfter": "never", "RescheduleAfter": {"Matched": "2h", "Rescheduled": "10m", "Checking": "1d"},
		"Sites": {"Again": {"RescheduleStalled": true}}}}}`)
	text := `Executable = "/bin/echo"; Comment = "` + strings.Repeat("x", 20_000) + `";` // some are so long that they are prepared first
	ids := submitIn(t, m, text, "Matched", "Rescheduled", "Checking", "Waiting", "Stalled", "Stalled", "Matched", "Received", "Matched")
	for i, more := range map[int]jobdb.Attributes{
		4: {"Site": "Again"}, 5: {"Site": "Elsewhere"}, 6: {"RescheduleCounter": int64(3)}, 8: {"VerifiedFlag": false},
	} {
		setAttribute(t, m, ids[i], more)
	}
	check := func(after time.Duration, options wms.StalledOptions, want wms.StalledCounts, statuses ...string) {
		t.Helper()
		*at = now.Add(after)
		counts, err := m.CheckStalled(t.Context(), book, options)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, counts["lhcb"]); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
		if diff := cmp.Diff(statuses, statusesOf(t, m, ids)); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
	}
	check(9*time.Minute, wms.StalledOptions{}, wms.StalledCounts{},
		"Matched", "Rescheduled", "Checking", "Waiting", "Stalled", "Stalled", "Matched", "Received", "Matched")
	check(11*time.Minute, wms.StalledOptions{}, wms.StalledCounts{Rescheduled: 1},
		"Matched", "Received", "Checking", "Waiting", "Stalled", "Stalled", "Matched", "Received", "Matched")
	check(4*time.Hour, wms.StalledOptions{DryRun: true}, wms.StalledCounts{Rescheduled: 2, Failed: 2},
		"Matched", "Received", "Checking", "Waiting", "Stalled", "Stalled", "Matched", "Received", "Matched")
	check(4*time.Hour, wms.StalledOptions{}, wms.StalledCounts{Rescheduled: 2, Failed: 2},
		"Received", "Received", "Checking", "Waiting", "Received", "Failed", "Failed", "Received", "Matched")
	check(25*time.Hour, wms.StalledOptions{}, wms.StalledCounts{Rescheduled: 1},
		"Received", "Received", "Received", "Waiting", "Received", "Failed", "Failed", "Received", "Matched")

	for i, minor := range map[int]string{0: "Job Rescheduled", 4: "Job Rescheduled", 6: "Maximum of reschedulings reached"} {
		job, err := m.Details(t.Context(), lhcb, ids[i], wms.DetailsOptions{})
		if err != nil {
			t.Fatal(err)
		}
		last := job.History[len(job.History)-1]
		if job.Attributes["MinorStatus"] != minor || last.Source != "StalledJobAgent" || len(job.Commands) > 0 {
			t.Errorf("%d: %v, %+v, commands %+v", i, job.Attributes["MinorStatus"], last, job.Commands)
		}
	}
}

// TestStalledWithoutPilot fails Stalled jobs sooner that never had a pilot, where that can be known.
func TestStalledWithoutPilot(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			at := now
			m := openAt(t, url(t), func() time.Time { return at })
			book := stalledRules(t, `{"Default": {"NoPilotAfter": "1h", "Sites": {"Again": {"RescheduleStalled": true}}}}`)
			ids := submitIn(t, m, `Executable = "/bin/echo";`, "Stalled", "Stalled", "Stalled")
			if err := m.DB.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{ids[0]: {"Pilot_Reference": "https://ce/1"}, ids[1]: {"CPU": "1"}}); err != nil {
				t.Fatal(err)
			}
			setAttribute(t, m, ids[2], jobdb.Attributes{"Site": "Again"})
			at = now.Add(2 * time.Hour)
			_, err := m.CheckStalled(t.Context(), book, wms.StalledOptions{})
			want := []string{"Stalled", "Failed", "Received"}
			if m.DB.Schema() != jobdb.SchemaOurs { // parameters of live databases are in OpenSearch
				want = []string{"Stalled", "Stalled", "Stalled"}
				if err == nil || !strings.Contains(err.Error(), "set --parameters-db") {
					t.Errorf("got the error %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, statusesOf(t, m, ids)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if job, err := m.Details(t.Context(), lhcb, ids[1], wms.DetailsOptions{}); err != nil || want[1] == "Failed" && job.Attributes["MinorStatus"] != "Job stalled: pilot not running" {
				t.Errorf("%v %v", job.Attributes["MinorStatus"], err)
			}
		})
	}
}

// The pilots of jobs 1 to 7: of job 1 both have ended, of 2 one runs, of 3 it waits, of 4 nobody knows.
// None was given job 5. Jobs 6 and 7 are given to those that ended, too.
const stalledPilots = `
INSERT INTO "PilotAgents" ("PilotID", "InitialJobID", "CurrentJobID", "PilotJobReference", "PilotStamp", "DestinationSite", "Queue", "GridSite", "VO",
 "GridType", "BenchMark", "Status", "StatusReason", "AccountingSent") VALUES
(1, 0, 1, 'https://ce/1', 'a', 'ce', 'q', 'A', 'lhcb', 'DIRAC', 0, 'Done', 'x', 'False'), (2, 0, 1, 'https://ce/2', 'b', 'ce', 'q', 'A', 'lhcb', 'DIRAC', 0, 'Aborted', 'x', 'False'),
(3, 0, 2, 'https://ce/3', 'c', 'ce', 'q', 'A', 'lhcb', 'DIRAC', 0, 'Running', 'x', 'False'), (4, 0, 3, 'https://ce/4', 'd', 'ce', 'q', 'A', 'lhcb', 'DIRAC', 0, 'Waiting', 'x', 'False'),
(5, 0, 4, 'https://ce/5', 'e', 'ce', 'q', 'A', 'lhcb', 'DIRAC', 0, 'Unknown', 'x', 'False');
INSERT INTO "JobToPilotMapping" ("PilotID", "JobID", "StartTime") VALUES (1, 1, '2024-05-01 09:00:00'), (2, 1, '2024-05-01 09:30:00'), (1, 2, '2024-05-01 09:00:00'),
(3, 2, '2024-05-01 09:30:00'), (4, 3, '2024-05-01 09:00:00'), (5, 4, '2024-05-01 09:00:00'), (2, 6, '2024-05-01 09:00:00'), (1, 7, '2024-05-01 09:00:00');`

// TestStalledPilotEnded fails Stalled jobs sooner whose pilots have ended, by the pilots' tables of
// DiracX and of DIRAC.
func TestStalledPilotEnded(t *testing.T) {
	made := func(server func(testing.TB) string) func(testing.TB) string {
		return func(tb testing.TB) string {
			address := server(tb)
			oracle.Pilots(tb, address)
			return address
		}
	}
	for name, urls := range map[string][2]func(testing.TB) string{
		"SQLite, DiracX's on SQLite":             {jobdbtest.SQLite, made(jobdbtest.SQLite)},
		"PostgreSQL, DiracX's on MySQL":          {jobdbtest.PostgreSQL, made(jobdbtest.MySQL)},
		"MySQL, DIRAC's on MariaDB":              {jobdbtest.MySQL, func(tb testing.TB) string { return oracle.DIRACPilots(tb, "9.1.22", jobdbtest.MariaDBWith) }},
		"DiracX on MariaDB, DiracX's on MariaDB": {databases["DiracX on MariaDB"], made(jobdbtest.MariaDB)},
		"DIRAC on MySQL, DIRAC's on MySQL":       {databases["DIRAC 9.1.21 on MySQL"], func(tb testing.TB) string { return oracle.DIRACPilots(tb, "9.0.28", jobdbtest.MySQLWith) }},
	} {
		t.Run(name, func(t *testing.T) {
			at := now
			m := openAt(t, urls[0](t), func() time.Time { return at })
			address := urls[1](t)
			rows := jobdbtest.Raw(t, address)
			for statement := range strings.SplitSeq(stalledPilots, ";\n") {
				if !strings.HasPrefix(address, "sqlite:") {
					statement = strings.ReplaceAll(statement, `"`, "`")
				}
				if _, err := rows.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			pilots, err := jobdb.OpenPilots(t.Context(), address, jobdb.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer pilots.Close()
			testStalledPilotEnded(t, m, pilots, &at)
		})
	}
}

func testStalledPilotEnded(t *testing.T, m *wms.JobManager, pilots *jobdb.Pilots, at *time.Time) {
	t.Helper()
	book := stalledRules(t, `{"Default": {"PilotEndedAfter": "10m", "FailedAfter": "3h", "Sites": {"Again": {"RescheduleStalled": true}}}, "VOs": {"gridpp": {"PilotEndedAfter": "never"}}}`)
	ids := submitIn(t, m, `Executable = "/bin/echo";`, "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Running")
	setAttribute(t, m, ids[5], jobdb.Attributes{"Site": "Again"})
	setAttribute(t, m, ids[6], jobdb.Attributes{"VO": "gridpp"})
	check := func(after time.Duration, options wms.StalledOptions, unknown string, want map[string]wms.StalledCounts, statuses ...string) {
		t.Helper()
		*at = now.Add(after)
		counts, err := m.CheckStalled(t.Context(), book, options)
		if unknown == "" && err != nil || unknown != "" && (err == nil || !strings.Contains(err.Error(), unknown)) {
			t.Errorf("after %v: got the error %v, want %q", after, err, unknown)
		}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
		got := statusesOf(t, m, slices.Concat(ids[:6], ids[7:]))
		if diff := cmp.Diff(statuses, got); diff != "" {
			t.Errorf("after %v, -want +got:\n%s", after, diff)
		}
	}
	none := wms.StalledCounts{}
	setAttribute(t, m, ids[7], jobdb.Attributes{"HeartBeatTime": second(-3600), "LastUpdateTime": second(-3600)})
	check(30*time.Minute, wms.StalledOptions{}, "lhcb: PilotEndedAfter: which pilots have ended isn't known without their database; set --pilots-db",
		map[string]wms.StalledCounts{"lhcb": {Stalled: 1}, "gridpp": none}, "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled")
	m.PilotsEnded = pilots.Ended
	check(8*time.Minute, wms.StalledOptions{}, "", map[string]wms.StalledCounts{"lhcb": none, "gridpp": none},
		"Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled")
	// A job that two rules are about changes once.
	check(181*time.Minute, wms.StalledOptions{DryRun: true}, "", map[string]wms.StalledCounts{"lhcb": {Failed: 5, Rescheduled: 1}, "gridpp": {Failed: 1}},
		"Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled")
	check(31*time.Minute, wms.StalledOptions{DryRun: true}, "", map[string]wms.StalledCounts{"lhcb": {Failed: 1, Rescheduled: 1}, "gridpp": none},
		"Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled", "Stalled")
	check(31*time.Minute, wms.StalledOptions{}, "", map[string]wms.StalledCounts{"lhcb": {Failed: 1, Rescheduled: 1}, "gridpp": none},
		"Failed", "Stalled", "Stalled", "Stalled", "Stalled", "Received", "Stalled")
	for i, want := range map[int]struct {
		minor string
		kills int
	}{0: {"Job stalled: pilot not running", 1}, 5: {"Job Rescheduled", 0}} {
		job, err := m.Details(t.Context(), lhcb, ids[i], wms.DetailsOptions{})
		if err != nil {
			t.Fatal(err)
		}
		last := job.History[len(job.History)-1]
		if job.Attributes["MinorStatus"] != want.minor || last.Source != "StalledJobAgent" || len(job.Commands) != want.kills {
			t.Errorf("%d: %v, %+v, commands %+v", i, job.Attributes["MinorStatus"], last, job.Commands)
		}
	}

	// With the pilots' database gone the other rules are followed.
	m.PilotsEnded = func(context.Context, []jobdb.JobID) ([]jobdb.JobID, error) { return nil, jobdb.ErrUnavailable }
	check(200*time.Minute, wms.StalledOptions{}, "lhcb: "+jobdb.ErrUnavailable.Error(), map[string]wms.StalledCounts{"lhcb": {Failed: 4}, "gridpp": {Failed: 1}},
		"Failed", "Failed", "Failed", "Failed", "Failed", "Received", "Stalled")
}

func statusesOf(t *testing.T, m *wms.JobManager, ids []jobdb.JobID) (statuses []string) {
	t.Helper()
	for _, id := range ids {
		job, err := m.DB.Job(t.Context(), jobdb.Scope{VO: "lhcb"}, id)
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, string(job.Status))
	}
	return statuses
}

// TestReadStalled looks at what a file leaves out, and refuses what makes no sense.
func TestReadStalled(t *testing.T) {
	for text, about := range map[string]string{
		`{"Default": {"StalledAfter": "30s"}}`:                     "StalledAfter",
		`{"Default": {"Sites": {"A": {"FailedAfter": "1s"}}}}`:     "FailedAfter of A",
		`{"Default": {"Sites": {"A": {"SubmittingAfter": "1h"}}}}`: "SubmittingAfter",
		`{"VOs": {"lhcb": {"StalledTime": "1h"}}}`:                 "lhcb",
		`{"Default": {"StalledAfter": "2 hours"}}`:                 "2 hours",
		`{"Default": {"NoPilotAfter": "5s"}}`:                      "NoPilotAfter",
		`{"Default": {"PilotEndedAfter": "5s"}}`:                   "PilotEndedAfter",
		`{"Default": {"RescheduleAfter": {"Matched": "5s"}}}`:      "RescheduleAfter of Matched",
		`{"Default": {"RescheduleAfter": {"Waiting": "9d"}}}`:      `aren't rescheduled from "Waiting"; write one of [Received`,
	} {
		if _, err := wms.ReadStalled(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), about) {
			t.Errorf("%s: got the error %v", text, err)
		}
	}
	book := stalledRules(t, `{"Default": {"StalledAfter": "2h", "RescheduleAfter": {"Matched": "2h", "Checking": "1d"}, "Sites": {"A": {"FailedAfter": "4h"}}},
		"VOs": {"lhcb": {"SubmittingAfter": "never", "RescheduleAfter": {"Checking": "never", "Rescheduled": "10m"}, "Sites": {"B": {"StalledAfter": "never", "RescheduleStalled": true}}}}}`)
	h, failed := wms.Age(time.Hour), wms.DefaultStalled.FailedAfter
	want := wms.Stalled{
		StalledTimes:    wms.StalledTimes{StalledAfter: 2 * h, FailedAfter: failed},
		RescheduleAfter: map[jobdb.Status]wms.Age{"Matched": 2 * h, "Checking": 0, "Rescheduled": h / 6},
		Sites:           map[string]wms.StalledTimes{"A": {StalledAfter: 2 * h, FailedAfter: 4 * h}, "B": {FailedAfter: failed, RescheduleStalled: true}},
	}
	if diff := cmp.Diff(want, book.VOs["lhcb"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
