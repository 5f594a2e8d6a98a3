package wms_test

import (
	"fmt"
	"strings"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestSlowClock has a worker whose clock is half a minute behind that of whoever set Matched: what
// it says counts, in its order, also when a request comes twice, and not what is of the run before.
func TestSlowClock(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testSlowClock(t, open(t, url(t))) })
	}
}

func testSlowClock(t *testing.T, m *wms.JobManager) {
	t.Helper()
	pilot := wms.StatusOptions{Pilot: true}
	ids := jobsIn(t, m, "Matched", "Matched", "Matched")
	say := func(id jobdb.JobID, at int, status jobdb.Status) wms.StatusChange {
		t.Helper()
		return setStatus(t, m, id, pilot, wms.StatusUpdate{Time: second(at), Status: status, Source: "JobWrapper"})
	}
	for _, step := range []struct {
		at     int
		status jobdb.Status
		want   string
	}{
		{-90, "Running", "Running"}, {-90, "Running", "Running"}, // repeated
		{-85, "Completing", "Completing"}, {-88, "Failed", "Completing"}, // out of order
		{-80, "Waiting", "Completing"}, {-70, "Done", "Done"},
	} {
		change := say(ids[0], step.at, step.status)
		if got := everything(t, m, ids[0])[0].Attributes["Status"]; got != step.want || change.Note == "" {
			t.Errorf("%s of %d: the job is %v, want %s; the note is %q", step.status, step.at, got, step.want, change.Note)
		}
	}
	job := everything(t, m, ids[0])[0].Attributes
	if stored := now.Truncate(tickOf(m)); job["StartExecTime"] != stored || job["EndExecTime"] != stored || job["HeartBeatTime"] != stored {
		t.Errorf("its times are %v, %v and %v", job["StartExecTime"], job["EndExecTime"], job["HeartBeatTime"])
	}

	setAttribute(t, m, ids[1], jobdb.Attributes{"RescheduleTime": second(-70)})
	if change := say(ids[1], -80, "Running"); change.Status != "" || !change.StartExecTime.IsZero() || !change.HeartBeatTime.IsZero() {
		t.Errorf("of the run before: %+v", change)
	}

	setAttribute(t, m, ids[2], jobdb.Attributes{"HeartBeatTime": second(5)})
	if change := say(ids[2], -10, "Running"); change.Status != "Running" || !change.HeartBeatTime.IsZero() {
		t.Errorf("a sign of life that is older than the last: %+v", change)
	}
	if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{ids[2]: {}}); err != nil {
		t.Fatal(err)
	}
	if got := everything(t, m, ids[2])[0].Attributes["HeartBeatTime"]; got != second(5).Truncate(tickOf(m)) {
		t.Errorf("a heartbeat set HeartBeatTime back to %v", got)
	}
}

// TestLongTexts cuts what is too long for a column and replaces what it can't hold, on every kind
// of database, and lets the rest of the request count.
func TestLongTexts(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			ids := jobsIn(t, m, "Running", "Running")
			report, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{
				ids[0]: {
					{Time: second(-2), MinorStatus: strings.Repeat("m", 200), ApplicationStatus: "日🚀\x00" + strings.Repeat("a", 300), Source: "JobWrapper" + strings.Repeat("s", 40)},
					{Time: second(-1), Status: "Failed", Source: "JobWrapper"},
				},
				ids[1]: {{Time: second(-1), Status: "Done", Source: "JobWrapper"}},
			}, wms.StatusOptions{})
			if err != nil {
				t.Fatal(err)
			}
			all := everything(t, m, ids...)
			if got := fmt.Sprint(all[0].Attributes["Status"], all[1].Attributes["Status"]); got != "FailedDone" && got != "Failed Done" {
				t.Errorf("the jobs are %s", got)
			}
			application, _ := all[0].Attributes["ApplicationStatus"].(string)
			if all[0].Attributes["MinorStatus"] != strings.Repeat("m", 128) || len([]rune(application)) != 255 || strings.ContainsRune(application, 0) {
				t.Errorf("minor %v, application %q", all[0].Attributes["MinorStatus"], application)
			}
			for _, part := range []string{"MinorStatus was cut to 128", "ApplicationStatus was cut to 255", "Source was cut to 32"} {
				if note := report.Success[ids[0]].Note; !strings.Contains(note, part) {
					t.Errorf("the note %q doesn't say that %s", note, part)
				}
			}
		})
	}
}

// TestNoSite takes a list of nothing for no site, also after a reschedule.
func TestNoSite(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	for _, list := range []string{`{}`, `""`, `{""}`, `{"", ""}`, `{ }`} {
		id := submitIn(t, m, `Executable = "x"; Site = `+list+`;`, "Running")[0]
		if got := everything(t, m, id)[0].Attributes["Site"]; got != "ANY" {
			t.Errorf("%s: the site is %q", list, got)
		}
		if got := reschedule(t, m, false, id).Success[id].Site; got != "ANY" {
			t.Errorf("%s, rescheduled: the site is %q", list, got)
		}
	}
}
