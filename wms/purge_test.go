package wms_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jdl"
	"jobdb/wms"
)

// agedJob makes a job that was updated last so many days ago, with two heartbeats, a command and a
// record of its history.
func agedJob(t *testing.T, m *wms.JobManager, vo string, status jobdb.Status, days int) jobdb.JobID {
	t.Helper()
	ctx := t.Context()
	id, err := m.DB.CreateJob(ctx, jdl.Compress(`[ JobName = "old"; ]`))
	at := now.Add(-time.Duration(days) * 24 * time.Hour)
	for _, err := range []error{
		err,
		m.DB.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"VO": vo, "Status": string(status), "LastUpdateTime": at}}),
		m.DB.AddHeartbeatData(ctx, map[jobdb.JobID]map[string]string{id: {"LoadAverage": "1", "Vsize": "2"}}),
		m.DB.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: "Peek"}}),
		m.DB.InsertHistory(ctx, []jobdb.HistoryRecord{{JobID: id, Status: status, Time: at, Source: "x"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// jobsLeft are the jobs that there are, each with the numbers of its heartbeats, commands and records.
func jobsLeft(t *testing.T, m *wms.JobManager) map[jobdb.JobID][3]int {
	t.Helper()
	page, err := m.DB.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{AllVOs: true}})
	if err != nil {
		t.Fatal(err)
	}
	found := map[jobdb.JobID][3]int{}
	for _, row := range page.Rows {
		id := jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // JobID
		ids := []jobdb.JobID{id}
		beats, err := m.DB.Heartbeats(t.Context(), ids, 0)
		if err != nil {
			t.Fatal(err)
		}
		commands, err := m.DB.JobCommands(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		history, err := m.DB.History(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		found[id] = [3]int{len(beats[id]), len(commands[id]), len(history[id])}
	}
	return found
}

func retention(t *testing.T, text string) wms.RetentionBook {
	t.Helper()
	book, err := wms.ReadRetention(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestPurge deletes by rules, on every kind of database that has a history.
func TestPurge(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testPurge(t, open(t, url(t))) })
	}
}

func testPurge(t *testing.T, m *wms.JobManager) {
	book := retention(t, `{"Default": {"Jobs": {"Done": "90d", "Failed": "30d"}, "Heartbeats": "20d", "Commands": "10d", "History": "50d"},
		"VOs": {"lhcb": {"Jobs": {"Done": "60d", "Any": "300d"}, "Heartbeats": "never"}}}`)
	goes := []jobdb.JobID{
		agedJob(t, m, "belle", "Done", 91), agedJob(t, m, "belle", "Failed", 31),
		agedJob(t, m, "lhcb", "Done", 61), agedJob(t, m, "lhcb", "Failed", 31), agedJob(t, m, "lhcb", "Waiting", 301),
	}
	whole := agedJob(t, m, "belle", "Done", 9)
	running := agedJob(t, m, "belle", "Running", 200)
	bare := agedJob(t, m, "belle", "Done", 89)
	silent := agedJob(t, m, "lhcb", "Done", 11)
	want := map[jobdb.JobID][3]int{whole: {2, 1, 1}, running: {2, 1, 1}, bare: {0, 0, 0}, silent: {2, 0, 1}}

	before := jobsLeft(t, m)
	report, _, err := m.Purge(t.Context(), book, wms.PurgeOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, jobsLeft(t, m)); diff != "" {
		t.Errorf("a dry run changed something:\n%s", diff)
	}
	wantJobs := map[string]map[jobdb.Status]int64{
		"belle": {"Done": 1, "Failed": 1}, "lhcb": {"Done": 1, "Failed": 1, "Any": 1},
	}
	for vo, jobs := range wantJobs {
		if diff := cmp.Diff(jobs, report.VOs[vo].Jobs); diff != "" {
			t.Errorf("dry run of %s, -want +got:\n%s", vo, diff)
		}
	}

	var lines []byte
	told := 0
	report, state, err := m.Purge(t.Context(), book, wms.PurgeOptions{
		Export:   func(text []byte) error { lines = append(lines, text...); return nil },
		Progress: func(wms.PurgeReport) { told++ }, Pause: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for vo, jobs := range wantJobs {
		if diff := cmp.Diff(jobs, report.VOs[vo].Jobs); diff != "" {
			t.Errorf("purge of %s, -want +got:\n%s", vo, diff)
		}
	}
	if diff := cmp.Diff(want, jobsLeft(t, m)); diff != "" {
		t.Errorf("what is left, -want +got:\n%s", diff)
	}
	if counts := report.VOs["belle"]; counts.Heartbeats != 2 || counts.Commands != 1 || counts.History != 1 || counts.Exported != 2 || told == 0 {
		t.Errorf("the report: %+v, told %d times", counts, told)
	}
	wantExported(t, lines, goes)

	// The next call looks at nothing that this one did.
	report, _, err = m.Purge(t.Context(), book, wms.PurgeOptions{State: state, Pause: time.Nanosecond})
	if counts := report.VOs["belle"]; err != nil || counts.History != 0 || counts.Commands != 0 {
		t.Errorf("the second purge: %+v, %v", counts, err)
	}
}

// wantExported wants a line of each job, with all that belonged to it.
func wantExported(t *testing.T, lines []byte, ids []jobdb.JobID) {
	t.Helper()
	var exported []jobdb.JobID
	for line := range strings.Lines(string(lines)) {
		var job struct {
			Attributes                    struct{ JobID jobdb.JobID }
			OriginalJDL                   string
			History, Commands, Heartbeats []any
		}
		if err := json.Unmarshal([]byte(line), &job); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(job.OriginalJDL, len(job.History), len(job.Commands), len(job.Heartbeats)); got != `[ JobName = "old"; ]1 1 2` {
			t.Errorf("exported of job %d: %s", job.Attributes.JobID, got)
		}
		exported = append(exported, job.Attributes.JobID)
	}
	if slices.Sort(exported); !slices.Equal(exported, ids) {
		t.Errorf("exported %v, want %v", exported, ids)
	}
}

// TestPurgeKeepsWhatItCannotExport deletes no job that the export doesn't have.
func TestPurgeKeepsWhatItCannotExport(t *testing.T) {
	m := open(t, databases["SQLite"](t))
	damaged := agedJob(t, m, "lhcb", "Done", 10)
	if err := m.DB.UpdateJobJDLs(t.Context(), map[jobdb.JobID]string{damaged: "1#broken"}); err != nil {
		t.Fatal(err)
	}
	agedJob(t, m, "lhcb", "Done", 10)
	book := retention(t, `{"Default": {"Jobs": {"Done": "1d"}}}`)
	full := errors.New("no room")
	if _, _, err := m.Purge(t.Context(), book, wms.PurgeOptions{Export: func([]byte) error { return full }}); !errors.Is(err, full) {
		t.Errorf("got the error %v", err)
	}
	if n := len(jobsLeft(t, m)); n != 2 {
		t.Errorf("%d jobs are left that couldn't be exported, want 2", n)
	}
	report, _, err := m.Purge(t.Context(), book, wms.PurgeOptions{Export: func([]byte) error { return nil }})
	if counts := report.VOs["lhcb"]; err != nil || counts.NotExported != 1 || counts.Jobs["Done"] != 1 {
		t.Errorf("the report: %+v, %v", counts, err)
	}
	if _, kept := jobsLeft(t, m)[damaged]; !kept {
		t.Error("the damaged job is gone")
	}
}

// TestReadRetention refuses what makes no sense.
func TestReadRetention(t *testing.T) {
	for text, about := range map[string]string{
		`{"Default": {"Jobs": {"Done": "90d", "Done": "1s"}}}`:                                 `"Done" is there twice`,
		`{"VOs": {"a": {"Jobs": {"Done": "90d"}}, "b": {}, "a": {"Jobs": {"Failed": "90d"}}}}`: `"a" is there twice`,
		`{"Default": {"Jobs": {"Done": "90d"}, "Series": "1d", "Jobs": {"Failed": "1d"}}}`:     `"Jobs" is there twice`,
		`{"Default": {"Jobs": {"Done": "90d"}}, "Default": {"Series": "1d"}}`:                  `"Default" is there twice`,

		`{"Default": {"Jobs": {"Running": "1d"}}}`:                         "Running",
		`{"Default": {"Jobs": {"Done": "1w"}}}`:                            "1w",
		`{"Default": {"Jobs": {"Done": "-1d"}}}`:                           "-1d",
		`{"Default": {"Jobs": {"Done": 5}}}`:                               "number",
		`{"Default": {"Heartbeat": "1d"}}`:                                 "Heartbeats",
		`{"VOs": {"lhcb": {"ThinHeartbeats": "2d", "Heartbeats": "1d"}}}`:  "lhcb",
		`{"Default": {}} {}`:                                               "more",
		`{"Default": {"Commands": "999999999d"}}`:                          "999999999d",
		`{"Default": {"Jobs": {"Done": "1d"}}, "VOs": {"x": {"y": "1d"}}}`: "x",
	} {
		if _, err := wms.ReadRetention(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), about) {
			t.Errorf("%s: got the error %v", text, err)
		}
	}
	book := retention(t, `{"Default": {"Jobs": {"Done": "90d", "Failed": "36h"}}, "VOs": {"lhcb": {"Jobs": {"Done": "never"}, "Series": "90m"}}}`)
	got, err := json.Marshal(book.VOs["lhcb"])
	want := `{"Jobs":{"Done":"never","Failed":"36h"},"ThinHeartbeats":"never","Heartbeats":"never","History":"never","Commands":"never","ArchivedParameters":"never","Series":"90m"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
