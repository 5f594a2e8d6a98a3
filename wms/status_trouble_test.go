package wms_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestClockAhead has pilots whose clocks are about a minute ahead: what they say counts in its
// order, on both sides of that minute, and doesn't keep a user or a heartbeat from being heard.
func TestClockAhead(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := jobsIn(t, m, "Matched", "Running", "Running")
	for _, id := range ids {
		setStatus(t, m, id, wms.StatusOptions{Pilot: true}, wms.StatusUpdate{Time: second(50), MinorStatus: "ahead", Source: "JobWrapper"})
	}
	if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{ids[0]: {}}); err != nil {
		t.Fatal(err)
	}
	setStatus(t, m, ids[1], wms.StatusOptions{Pilot: true}, wms.StatusUpdate{Time: second(70), Status: "Done", Source: "JobWrapper"})
	setStatus(t, m, ids[2], wms.StatusOptions{}, wms.StatusUpdate{Time: second(-1), Status: "Killed", Source: "User"})
	for i, details := range everything(t, m, ids...) {
		want := []string{"Running ahead a0 10:00:50 Heartbeat", "Done ahead a0 10:00:50 JobWrapper", "Killed ahead a0 10:00:50 User"}[i]
		if got := records(details)[2]; got != want || !strings.HasPrefix(want, details.Attributes["Status"].(string)) {
			t.Errorf("job %d is %v by %q, want %q", i, details.Attributes["Status"], got, want)
		}
	}
}

// TestKill wants a Kill each time that it is asked for, but no second one while the first is
// pending, and none for what else is told of a killed job.
func TestKill(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	id := jobsIn(t, m, "Waiting")[0]
	for i, step := range []struct {
		status string
		take   bool // the job's agent asks for its commands before
		want   int  // commands in all
	}{{"Killed", false, 1}, {"Killed", false, 1}, {"", false, 1}, {"", true, 1}, {"Running", false, 1}, {"Killed", false, 2}, {"Deleted", true, 3}, {"Deleted", false, 3}, {"Deleted", true, 4}} {
		if step.take {
			if _, err := m.DB.TakeJobCommands(t.Context(), []jobdb.JobID{id}); err != nil {
				t.Fatal(err)
			}
		}
		setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: second(i), Status: jobdb.Status(step.status), MinorStatus: "m", Source: "User"})
		if got := everything(t, m, id)[0].Commands; len(got) != step.want || got[0].Command != (jobdb.Command{JobID: id, Command: "Kill"}) {
			t.Errorf("step %d: commands %v, want %d", i, got, step.want)
		}
		if i == 1 { // a Deleted whose Killed is still pending adds nothing
			other := jobsIn(t, m, "Waiting")[0]
			setStatus(t, m, other, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: "Killed", Source: "User"})
			setStatus(t, m, other, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: "Deleted", Source: "User"})
			if got := everything(t, m, other)[0]; len(got.Commands) != 1 || got.Attributes["Status"] != "Deleted" {
				t.Errorf("Killed, then Deleted: %v", got.Commands)
			}
		}
	}
}

// TestOneJobSixteenWriters lets sixteen callers at the same jobs. What is older than what another
// one wrote comes late, whoever is faster.
func TestOneJobSixteenWriters(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			const writers, steps = 16, 4
			address := url(t)
			m := open(t, address)
			ids := jobsIn(t, m, "Matched", "Stalled")
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() {
					for step := range steps {
						at := second(i - writers*step - 1) // each caller's first is its latest: all others must see it
						update := []wms.StatusUpdate{{Time: at, Status: "Running", MinorStatus: fmt.Sprint(i), Source: "JobWrapper"}}
						_, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{ids[i%2]: update, ids[1-i%2]: update}, wms.StatusOptions{Pilot: true})
						if err != nil {
							t.Errorf("writer %d: %v", i, err)
						}
					}
				})
			}
			wg.Wait()
			db := jobdbtest.Raw(t, address)
			for _, details := range everything(t, m, ids...) {
				wantGapless(t, db, jobdb.JobID(details.Attributes["JobID"].(int64)), 1+writers*steps)
				if details.Attributes["MinorStatus"] != fmt.Sprint(writers-1) { // it has the latest time of all
					t.Errorf("the job says %v", details.Attributes)
				}
			}
		})
	}
}

// TestHistoryAhead repeats a request that failed after the history, which is in a database of its
// own, was committed. Without a memory of its first try the second one would hold all but the last
// update for late, and the state machine would refuse that: no job goes from Matched to Done.
func TestHistoryAhead(t *testing.T) {
	address, historyAddress := jobdbtest.SQLite(t), jobdbtest.SQLite(t)
	open(t, historyAddress) // makes the tables
	m := openWith(t, address, jobdb.Options{Clock: clock, HistoryURL: historyAddress})
	ids := jobsIn(t, m, "Matched", "Running", "Running")
	db := jobdbtest.Raw(t, address)
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE "Broken" ("JobID" INTEGER REFERENCES "JobJDLs" ("JobID") DEFERRABLE INITIALLY DEFERRED)`)
	exec(`CREATE TRIGGER "Break" AFTER UPDATE ON "Jobs" BEGIN INSERT INTO "Broken" VALUES (-1); END`) // fails at the commit
	updates := map[jobdb.JobID][]wms.StatusUpdate{
		ids[0]: {
			{Time: second(-40), Status: "Running", Source: "JobWrapper"},
			{Time: second(-20), MinorStatus: "m", Source: "JobWrapper"},
			{Time: second(-10), Status: "Done", Source: "JobWrapper"},
		},
		ids[1]: {{Time: second(-90), Status: "Killed", Source: "User"}},
		ids[2]: {{Time: second(90), Status: "Done", Source: "User"}},
	}
	before := everything(t, m, ids...)
	if report, err := m.SetStatus(t.Context(), lhcb, updates, wms.StatusOptions{}); err == nil {
		t.Fatalf("a broken commit succeeds: %v", report)
	}
	for i, details := range everything(t, m, ids...) {
		if cmp.Diff(before[i].Attributes, details.Attributes) != "" || len(details.Commands) > 0 || len(details.History) == 1 {
			t.Fatalf("after the broken commit: %v", details)
		}
	}
	exec(`DROP TRIGGER "Break"`)
	for range 2 { // and once more, as if the answer had been lost
		if _, err := m.SetStatus(t.Context(), lhcb, updates, wms.StatusOptions{}); err != nil {
			t.Fatal(err)
		}
		for i, details := range everything(t, m, ids...) {
			if want := []string{"Done", "Killed", "Done"}[i]; details.Attributes["Status"] != want {
				t.Errorf("job %d is %v, want %s", i, details.Attributes["Status"], want)
			}
			if want := []int{0, 1, 0}[i]; len(details.Commands) != want {
				t.Errorf("job %d has the commands %v", i, details.Commands)
			}
		}
	}
	history := jobdbtest.Raw(t, historyAddress)
	for i, n := range []int{1 + 3*3, 1 + 3, 1 + 3} {
		wantGapless(t, history, ids[i], n)
	}
}

// TestStatementsDontGrow wants as many statements for many jobs as for few, whatever is to be done
// to them.
func TestStatementsDontGrow(t *testing.T) {
	counter := countStatements(t, jobdbtest.MariaDB(t))
	m := openWith(t, counter.url, jobdb.Options{Clock: clock, Connections: 1, FoldInterval: -1})
	counts := map[string][]int64{}
	for _, times := range []int{1, 1, 20} { // the first opens connections
		var kinds []string
		for range times {
			kinds = append(kinds, "Matched", "Running", "Stalled", "Done", "Waiting", "Running")
		}
		ids := jobsIn(t, m, kinds...)
		updates, beats, metadata := map[jobdb.JobID][]wms.StatusUpdate{}, map[jobdb.JobID]wms.Beat{}, map[jobdb.JobID]map[string]any{}
		output := "text"
		for i, id := range ids {
			updates[id] = [][]wms.StatusUpdate{
				{{Time: now, Status: "Running", Source: "JobWrapper"}, {Time: second(1), Status: "Done", Source: "JobWrapper"}},
				{{Time: now, Status: "Killed", MinorStatus: "m", Source: "User"}},
				{{Time: now, ApplicationStatus: "a", Source: "JobWrapper"}},
				{{Time: second(-90), Status: "Killed", Source: "JobWrapper"}},
				{{Time: now, Status: "Done", Source: "User"}},
				{{Time: second(-90), Status: "Done", Source: "User"}},
			}[i%6]
			beats[id] = wms.Beat{Values: map[string]float64{"Vsize": 1}, StandardOutput: &output}
			metadata[id] = map[string]any{"Site": "A", "B": "C"}
		}
		for _, c := range []struct { // in this order: each finds the jobs as the one before left them
			what string
			call func() error
		}{
			{"Heartbeat", func() error { _, err := m.Heartbeat(t.Context(), lhcb, beats); return err }},
			{"SetMetadata", func() error { return m.SetMetadata(t.Context(), lhcb, metadata) }},
			{"SetStatus", func() error { _, err := m.SetStatus(t.Context(), lhcb, updates, wms.StatusOptions{}); return err }},
		} {
			before := counter.count.Load()
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
			counts[c.what] = append(counts[c.what], counter.count.Load()-before)
		}
	}
	for what, n := range counts {
		if more := n[2] - n[1]; more < 0 || more > 120/20 || n[1] == 0 { // MariaDB gets new rows in pieces
			t.Errorf("%s takes %d statements for 6 jobs, %d for 120", what, n[1], n[2])
		}
	}
	t.Log("statements:", counts)
}

// TestClockThatIsNotSet has a worker report in the year 1970: that counts from now, on all engines.
func TestClockThatIsNotSet(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			id := jobsIn(t, m, "Matched")[0]
			change := setStatus(t, m, id, wms.StatusOptions{Pilot: true}, wms.StatusUpdate{Time: time.Unix(5, 0), Status: "Running", Source: "JobWrapper"})
			if change.Status != "Running" || !change.StartExecTime.Equal(now) || !strings.Contains(change.Note, "a clock that isn't set") {
				t.Errorf("%+v", change)
			}
		})
	}
}

// TestHistoryOfAnIDGivenAgain has a submission fail after its history was kept in a database of its
// own: the next job of this ID begins with its own.
func TestHistoryOfAnIDGivenAgain(t *testing.T) {
	historyAddress := jobdbtest.SQLite(t)
	open(t, historyAddress)
	m := openWith(t, jobdbtest.SQLite(t), jobdb.Options{Clock: clock, HistoryURL: historyAddress})
	if err := m.DB.InsertHistory(t.Context(), []jobdb.HistoryRecord{{JobID: 1, Status: "Received", Time: second(-9), Source: "JobManager"}}); err != nil {
		t.Fatal(err)
	}
	jobs, err := m.Submit(t.Context(), alice, []string{`Executable = "x";`})
	if err != nil || jobs[0].JobID != 1 {
		t.Fatal(jobs, err)
	}
	history, err := m.DB.History(t.Context(), []jobdb.JobID{1})
	if err != nil || len(history[1]) != 1 || !history[1][0].Time.Equal(now) {
		t.Errorf("%v, %v", history, err)
	}
}
