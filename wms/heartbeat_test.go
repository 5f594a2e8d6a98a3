package wms_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// TestHeartbeat looks at all that a heartbeat changes, on every kind of database.
func TestHeartbeat(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testHeartbeat(t, open(t, url(t))) })
	}
}

func testHeartbeat(t *testing.T, m *wms.JobManager) {
	t.Helper()
	at := now
	if m.DB.Schema() != jobdb.SchemaOurs && m.DB.Engine() == "mysql" {
		at = at.Truncate(time.Second)
	}
	statuses := []string{"Matched", "Stalled", "Running", "Done", "Waiting"}
	ids := jobsIn(t, m, statuses...)
	setAttribute(t, m, ids[1], jobdb.Attributes{"StartExecTime": second(-40).Truncate(time.Second)})
	commands := []jobdb.Command{
		{JobID: ids[0], Command: "Kill"}, {JobID: ids[0], Command: "Peek", Arguments: "x"}, {JobID: ids[4], Command: "Kill"},
	}
	if err := m.DB.SetJobCommands(t.Context(), commands); err != nil {
		t.Fatal(err)
	}
	output := "last lines\né"
	report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{
		ids[0]: {Values: map[string]float64{"LoadAverage": 2.5, "MemoryUsed": 1024, "Vsize": 1e21, "CPUConsumed": 0}, StandardOutput: &output},
		ids[1]: {}, ids[2]: {Values: map[string]float64{"WallClockTime": 0.1}}, ids[3]: {}, 1 << 30: {}, 1<<30 - 1: {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wms.HeartbeatReport{Commands: commands[:2], Missing: []jobdb.JobID{1<<30 - 1, 1 << 30}}, report); diff != "" {
		t.Error(diff)
	}
	all := everything(t, m, ids...)
	for i, want := range []jobdb.Attributes{
		{"Status": "Running", "HeartBeatTime": at, "StartExecTime": at, "LastUpdateTime": at},
		{"Status": "Running", "HeartBeatTime": at, "StartExecTime": second(-40).Truncate(time.Second), "LastUpdateTime": at},
		{"Status": "Running", "HeartBeatTime": at, "StartExecTime": nil},
		{"Status": "Done", "HeartBeatTime": at, "EndExecTime": nil},
		{"Status": "Waiting", "HeartBeatTime": nil},
	} {
		for name, value := range want {
			if got := all[i].Attributes[name]; got != value {
				t.Errorf("job %d has the %s %v, want %v", i, name, got, value)
			}
		}
		history := []string{statuses[i] + " m0 a0 09:59:00 test"}
		if i < 2 {
			history = append(history, "Running m0 a0 10:00:00 Heartbeat")
		}
		if diff := cmp.Diff(history, records(all[i])); diff != "" {
			t.Errorf("the history of job %d: %s", i, diff)
		}
	}
	if diff := cmp.Diff([]jobdb.Heartbeat{
		{Name: "CPUConsumed", Value: "0", Time: at},
		{Name: "LoadAverage", Value: "2.5", Time: at},
		{Name: "MemoryUsed", Value: "1024", Time: at},
		{Name: "Vsize", Value: "1000000000000000000000", Time: at},
	}, all[0].Heartbeats); diff != "" {
		t.Error(diff)
	}
	if len(all[1].Heartbeats) != 0 || len(all[2].Heartbeats) != 1 || all[2].Heartbeats[0].Value != "0.1" {
		t.Errorf("the others' values: %v, %v", all[1].Heartbeats, all[2].Heartbeats)
	}
	if diff := cmp.Diff(map[string]string{"StandardOutput": output}, all[0].Parameters); diff != "" || len(all[1].Parameters) > 0 {
		t.Errorf("parameters: %s, %v", diff, all[1].Parameters)
	}
}

// TestHeartbeatAgain beats in one tick of the clock, as a client does that got no answer.
func TestHeartbeatAgain(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	id := jobsIn(t, m, "Matched")[0]
	output := ""
	for i := range 3 {
		beats := map[jobdb.JobID]wms.Beat{id: {Values: map[string]float64{"LoadAverage": float64(i)}, StandardOutput: &output}}
		if report, err := m.Heartbeat(t.Context(), lhcb, beats); err != nil || len(report.Missing)+len(report.Commands) > 0 {
			t.Errorf("beat %d: %v, %v", i, report, err)
		}
	}
	details := everything(t, m, id)[0]
	if len(details.History) != 2 || len(details.Heartbeats) != 1 || details.Heartbeats[0].Value != "2" || details.Parameters["StandardOutput"] != "" {
		t.Errorf("after three beats: %+v", details)
	}
	if report, err := m.Heartbeat(t.Context(), lhcb, nil); err != nil || len(report.Commands)+len(report.Missing) > 0 {
		t.Errorf("no beat at all: %v, %v", report, err)
	}
}

// TestRefusedHeartbeat wants nothing written, and no command taken, of a request that can't be
// done.
func TestRefusedHeartbeat(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := jobsIn(t, m, "Matched", "Matched", "Matched")
	setAttribute(t, m, ids[1], jobdb.Attributes{"Owner": "bob"})
	setAttribute(t, m, ids[2], jobdb.Attributes{"VO": "belle"})
	if err := m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: ids[0], Command: "Kill"}}); err != nil {
		t.Fatal(err)
	}
	before := everything(t, m, ids[:2]...)
	alices := wms.Scope{VO: "lhcb", Owner: "alice"}
	beats := func(beat wms.Beat, ids ...jobdb.JobID) map[jobdb.JobID]wms.Beat {
		all := map[jobdb.JobID]wms.Beat{}
		for _, id := range ids {
			all[id] = beat
		}
		return all
	}
	for what, test := range map[string]struct {
		beats map[jobdb.JobID]wms.Beat
		want  error
	}{
		"somebody else's job":     {beats(wms.Beat{}, ids[0], ids[1]), wms.ErrNotOwner},
		"no job that is there":    {beats(wms.Beat{}, ids[2], 1<<30), jobdb.ErrNotFound},
		"an unknown name":         {beats(wms.Beat{Values: map[string]float64{"loadaverage": 1}}, ids[0]), jobdb.ErrInvalidQuery},
		"not a number":            {beats(wms.Beat{Values: map[string]float64{"LoadAverage": math.NaN()}}, ids[0]), jobdb.ErrInvalidValue},
		"infinity":                {beats(wms.Beat{Values: map[string]float64{"LoadAverage": math.Inf(-1)}}, ids[0]), jobdb.ErrInvalidValue},
		"one of many, out of two": {beats(wms.Beat{Values: map[string]float64{"Vsize": math.Inf(1)}}, ids[0], 1<<30), jobdb.ErrInvalidValue},
	} {
		if report, err := m.Heartbeat(t.Context(), alices, test.beats); !errors.Is(err, test.want) || cmp.Diff(wms.HeartbeatReport{}, report) != "" {
			t.Errorf("%s: %v, %v", what, report, err)
		}
	}
	_, err := m.Heartbeat(t.Context(), alices, beats(wms.Beat{}, ids[2], 1<<30))
	if missing := (*jobdb.NotFoundError)(nil); !errors.As(err, &missing) || cmp.Diff([]jobdb.JobID{ids[2], 1 << 30}, missing.Jobs) != "" {
		t.Errorf("missing: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, m, ids[:2]...)); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
	if report, err := m.Heartbeat(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice", Hidden: true}, beats(wms.Beat{}, ids...)); err != nil ||
		cmp.Diff(ids[1:], report.Missing) != "" || len(report.Commands) != 1 {
		t.Errorf("with hidden jobs: %v, %v", report, err)
	}
}

// TestKillIsDelivered has users kill jobs whose agents beat all the while: each Kill reaches its
// job once.
func TestKillIsDelivered(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			ids := jobsIn(t, m, "Running", "Matched", "Stalled", "Running")
			beats := map[jobdb.JobID]wms.Beat{}
			for i, id := range ids {
				beats[id] = wms.Beat{Values: map[string]float64{"LoadAverage": float64(i)}}
			}
			var mu sync.Mutex
			got := map[jobdb.Command]int{}
			beat := func() {
				report, err := m.Heartbeat(t.Context(), lhcb, beats)
				mu.Lock()
				defer mu.Unlock()
				for _, c := range report.Commands {
					got[c]++
				}
				if err != nil {
					t.Error(err)
				}
			}
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					for range 8 {
						beat()
					}
				})
			}
			for i, id := range ids {
				wg.Go(func() {
					update := wms.StatusUpdate{Time: second(-90 + i), Status: "Killed", MinorStatus: fmt.Sprint(i), Source: "User"}
					if _, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{id: {update}}, wms.StatusOptions{}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			beat()
			want := map[jobdb.Command]int{}
			for _, id := range ids {
				want[jobdb.Command{JobID: id, Command: "Kill"}] = 1
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, details := range everything(t, m, ids...) {
				if details.Attributes["Status"] != "Killed" {
					t.Errorf("a killed job is %v", details.Attributes)
				}
			}
		})
	}
}

// TestLostAnswer has a client that never sees the answer with the Kill: it comes again.
func TestLostAnswer(t *testing.T) {
	at := now
	ticking := func() time.Time { return at }
	m := openWith(t, jobdbtest.SQLite(t), jobdb.Options{Clock: ticking, CommandRedelivery: 10 * time.Minute})
	id := jobsIn(t, m, "Running")[0]
	setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: "Killed", Source: "User"})
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {10 * time.Minute, 0}, {10*time.Minute + time.Second, 1}, {11 * time.Minute, 0}} {
		at = now.Add(step.after)
		if report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {}}); err != nil || len(report.Commands) != step.want {
			t.Errorf("after %s: %v, %v, want %d commands", step.after, report, err, step.want)
		}
	}
}

// TestOutputOfAnyKind has a killed job write what no text or not this database can hold: it is told
// to end all the same.
func TestOutputOfAnyKind(t *testing.T) {
	long := strings.Repeat("x", 70_000) + "end"
	for name, test := range map[string]struct {
		url          func(testing.TB) string
		output, want string
	}{
		"SQLite":     {jobdbtest.SQLite, "a\x00\xff中" + long, "a\ufffd\ufffd中" + long},
		"PostgreSQL": {jobdbtest.PostgreSQL, "a\x00\xff中" + long, "a\ufffd\ufffd中" + long},
		"MySQL":      {jobdbtest.MySQL, "a\x00\xff中" + long, "a\ufffd\ufffd中" + long},
		"MariaDB":    {jobdbtest.MariaDB, "a\x00\xff中" + long, "a\ufffd\ufffd中" + long},
		"DiracX on MariaDB, latin1": {
			func(tb testing.TB) string { return oracle.MariaDB(tb, "latin1") }, long + "é\x00中", long[4+len(long)-65_535:] + "é??",
		},
		"DiracX on MariaDB, utf8mb4": {
			func(tb testing.TB) string { return oracle.MariaDB(tb, "utf8mb4") }, "中" + long[:65_533], long[:65_533],
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := open(t, test.url(t))
			id := jobsIn(t, m, "Running")[0]
			setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: "Killed", Source: "User"})
			report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {StandardOutput: &test.output}})
			if err != nil || len(report.Commands) != 1 {
				t.Fatalf("%v, %v", report, err)
			}
			if got := everything(t, m, id)[0].Parameters["StandardOutput"]; got != test.want {
				t.Errorf("%d bytes, %.20q … %.20q; want %d, %.20q", len(got), got, got[max(0, len(got)-8):], len(test.want), test.want)
			}
		})
	}
}

// TestCommandsAreConfirmed loses answers to heartbeats: commands come again until the job reports
// that it obeyed.
func TestCommandsAreConfirmed(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			clock := now
			m := openWith(t, url(t), jobdb.Options{Clock: func() time.Time { return clock }, CommandRedelivery: time.Minute, CommandExpiry: time.Hour})
			id := jobsIn(t, m, "Running")[0]
			output := "last lines"
			beats := func(what string, output *string, want ...string) {
				t.Helper()
				clock = clock.Add(2 * time.Minute)
				report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {StandardOutput: output}})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, c := range report.Commands {
					got = append(got, c.Command)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: commands %q, want %q", what, got, want)
				}
			}
			update := func(source string, wantKill bool) {
				t.Helper()
				change := setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: clock, Status: "Killed", Source: source})
				if change.Kill != wantKill {
					t.Errorf("%s says Killed: a Kill is sent: %v", source, change.Kill)
				}
			}
			if err := m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: id, Command: "Peek"}}); err != nil {
				t.Fatal(err)
			}
			beats("asked for output", &output, "Peek")
			beats("the answer was lost", nil, "Peek")
			beats("output", &output)
			update("User", true)
			beats("killed", nil, "Kill")
			beats("it runs on", &output, "Kill")
			update("JobWrapper@LCG.CERN.cern", false)
			beats("it has ended", nil)
			var states []string
			for _, c := range everything(t, m, id)[0].Commands {
				states = append(states, c.Command.Command+" "+c.Status)
			}
			if want := []string{"Peek Confirmed", "Kill Confirmed"}; !slices.Equal(states, want) {
				t.Errorf("commands at the end: %q, want %q", states, want)
			}
		})
	}
}

// TestLateReportConfirmsNothing: what a job's run before the last says of its end is no news of the
// run that is to be killed.
func TestLateReportConfirmsNothing(t *testing.T) {
	clock := now
	m := openWith(t, jobdbtest.SQLite(t), jobdb.Options{Clock: func() time.Time { return clock }, CommandRedelivery: time.Minute})
	jobs, err := m.Submit(t.Context(), alice, []string{`Executable = "x";`})
	if err != nil {
		t.Fatal(err)
	}
	id := jobs[0].JobID
	kills := func() int {
		clock = clock.Add(2 * time.Minute)
		report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {}})
		if err != nil {
			t.Fatal(err)
		}
		return len(report.Commands)
	}
	update := func(at time.Time, status jobdb.Status, source string) {
		setStatus(t, m, id, wms.StatusOptions{Force: true}, wms.StatusUpdate{Time: at, Status: status, Source: source})
	}
	ended := clock
	clock = clock.Add(time.Minute)
	update(clock, "Failed", "StalledJobAgent")
	clock = clock.Add(time.Minute)
	if _, err := m.Reschedule(t.Context(), lhcb, []jobdb.JobID{id}, false); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Minute)
	update(clock, "Running", "JobWrapper")
	update(clock.Add(time.Second), "Killed", "User")
	if n := kills(); n != 1 {
		t.Fatalf("%d kills of the second run", n)
	}
	update(ended, "Failed", "JobWrapper")
	if n := kills(); n != 1 {
		t.Error("a report of the first run confirmed the Kill of the second")
	}
}

// A job with as many parameters as it may have still beats, and hears of its Kill: its output is
// dropped.
func TestHeartbeatOfFullJob(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	m := manager(t, db, time.Now)
	jobs, err := m.Submit(t.Context(), wms.Owner{Name: "alice", Group: "lhcb_user", VO: "lhcb"}, []string{`Executable = "x";`})
	if err != nil {
		t.Fatal(err)
	}
	id, full := jobs[0].JobID, map[string]string{}
	for i := range jobdb.MaxParameters {
		full[fmt.Sprint("p", i)] = "x"
	}
	if err := db.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{id: full}); err != nil {
		t.Fatal(err)
	}
	if err := db.SetJobCommands(t.Context(), []jobdb.Command{{JobID: id, Command: jobdb.KillCommand}}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100_000) // so long that the bounds are looked at
	report, err := m.Heartbeat(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice"}, map[jobdb.JobID]wms.Beat{id: {StandardOutput: &long}})
	if err != nil || report.Dropped != 1 || len(report.Commands) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}
