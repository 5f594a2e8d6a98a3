package wms_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestServersWithSkewedClocks has three servers on one database, of which one is half a minute ahead
// and one 26 hours. A job's life goes through all of them in its order, and answers are kept for as
// long as they must.
func TestServersWithSkewedClocks(t *testing.T) {
	for name, url := range databases {
		if strings.Contains(name, "SQLite") {
			continue // one machine, one clock
		}
		t.Run(name, func(t *testing.T) { testSkewedClocks(t, url(t)) })
	}
}

func testSkewedClocks(t *testing.T, address string) {
	t.Helper()
	server := func(ahead time.Duration) *wms.JobManager {
		t.Helper()
		return manager(t, jobdbtest.Open(t, address, jobdb.Options{
			CorrectClock: true, Clock: func() time.Time { return time.Now().Add(ahead) },
		}), nil)
	}
	right, ahead, dayAhead := server(0), server(30*time.Second), server(26*time.Hour)
	key := "a key of the right server"
	once := func(m *wms.JobManager, key string) []wms.Submitted {
		t.Helper()
		if m.DB.Schema() == jobdb.SchemaOurs { // others have nowhere to keep keys
			jobs, err := m.SubmitOnce(t.Context(), alice, key, []string{`Executable = "x";`})
			if err != nil {
				t.Fatal(err)
			}
			return jobs
		}
		jobs, err := m.Submit(t.Context(), alice, []string{`Executable = "x";`})
		if err != nil {
			t.Fatal(err)
		}
		return jobs
	}
	jobs := once(right, key)
	id := jobs[0].JobID
	setAttribute(t, right, id, jobdb.Attributes{"Status": "Matched"})
	tick := tickOf(right)
	for _, m := range []*wms.JobManager{ahead, dayAhead} { // revives the job
		time.Sleep(tick)
		if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {}}); err != nil {
			t.Fatal(err)
		}
	}
	var want []jobdb.Status
	for _, status := range []jobdb.Status{"Completing", "Done"} {
		time.Sleep(tick + 10*time.Millisecond)
		said := wms.StatusUpdate{Time: time.Now(), Status: status, Source: "JobWrapper"}
		setStatus(t, right, id, wms.StatusOptions{Pilot: true}, said)
		want = append(want, status)
		if got := everything(t, right, id)[0].Attributes["Status"]; got != string(status) {
			t.Errorf("after %s through the right server the job is %v", status, got)
		}
	}
	if got := recordedStatuses(t, right, id); !slices.Equal(got[len(got)-2:], want) {
		t.Errorf("the history is %v", got)
	}
	if right.DB.Schema() != jobdb.SchemaOurs {
		return
	}
	once(dayAhead, "a key of the server that is ahead")
	for _, m := range []*wms.JobManager{right, ahead, dayAhead} {
		if diff := cmp.Diff(jobs, once(m, key)); diff != "" {
			t.Errorf("the same submission again: %s", diff)
		}
	}
}

// TestClockSetBack has a database whose clock was 26 hours ahead for a while. What was dated
// meanwhile doesn't count for more than what jobs say once the clock is right again.
func TestClockSetBack(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			clock := now.Add(26 * time.Hour)
			testClockSetBack(t, openWith(t, url(t), jobdb.Options{Clock: func() time.Time { return clock }}), &clock)
		})
	}
}

func testClockSetBack(t *testing.T, m *wms.JobManager, clock *time.Time) {
	t.Helper()
	beat := func(id jobdb.JobID) {
		t.Helper()
		if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {}}); err != nil {
			t.Fatal(err)
		}
	}
	ids := submitIn(t, m, jdlAgain, "Running", "Running", "Running")
	for _, id := range ids {
		beat(id)
	}
	reschedule(t, m, false, ids[0])
	*clock = now
	for at, status := range []jobdb.Status{"Checking", "Waiting", "Matched", "Running", "Completing", "Done"} {
		*clock = second(at)
		said := wms.StatusUpdate{Time: second(at), Status: status, Source: "JobWrapper"}
		if change := setStatus(t, m, ids[0], wms.StatusOptions{Pilot: true}, said); change.Status != status {
			t.Errorf("%s: %+v", status, change)
		}
	}
	beat(ids[1])
	setStatus(t, m, ids[2], wms.StatusOptions{Pilot: true}, wms.StatusUpdate{Time: second(5), Status: "Running", Source: "JobWrapper"})
	type times struct{ Heart, Start, End any }
	for i, want := range []times{{second(5), second(3), second(5)}, {second(5), second(-60), nil}, {second(5), second(-60), nil}} {
		job := everything(t, m, ids[i])[0].Attributes
		stored := func(at any) any {
			if at, ok := at.(time.Time); ok {
				return at.Truncate(tickOf(m))
			}
			return at
		}
		got := times{job["HeartBeatTime"], job["StartExecTime"], job["EndExecTime"]}
		if diff := cmp.Diff(times{stored(want.Heart), stored(want.Start), stored(want.End)}, got); diff != "" {
			t.Errorf("job %d: %s", i, diff)
		}
	}
}

// recordedStatuses are the statuses of a job's history, whose times ascend.
func recordedStatuses(t *testing.T, m *wms.JobManager, id jobdb.JobID) (statuses []jobdb.Status) {
	t.Helper()
	history, err := m.DB.History(t.Context(), []jobdb.JobID{id})
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	for _, record := range history[id] {
		if record.Time.Before(last) || time.Until(record.Time) > time.Second {
			t.Errorf("the history isn't in its order: %v", record)
		}
		last = record.Time
		statuses = append(statuses, record.Status)
	}
	return statuses
}
