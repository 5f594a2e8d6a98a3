package wms_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestDetails reads back all that can be stored of a job, on every kind of database.
func TestDetails(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testDetails(t, open(t, url(t))) })
	}
}

func testDetails(t *testing.T, m *wms.JobManager) {
	t.Helper()
	at := now
	if m.DB.Schema() != jobdb.SchemaOurs && m.DB.Engine() == "mysql" {
		at = at.Truncate(time.Second)
	}
	ids := jobsIn(t, m, "Running", "Done") // of the second nothing may be in the first one's details
	for i, id := range ids {
		one := func(texts map[string]string) map[jobdb.JobID]map[string]string {
			return map[jobdb.JobID]map[string]string{id: texts}
		}
		other := []string{"", " of the other"}[i]
		if err := errors.Join(
			m.DB.UpdateJobJDLs(t.Context(), map[jobdb.JobID]string{id: jdl.Compress("[ A = 1; ]" + other)}),
			m.DB.SetJobParameters(t.Context(), one(map[string]string{"old": "1" + other})),
			m.DB.ArchiveJobParameters(t.Context(), []jobdb.JobID{id}),
			m.DB.SetJobParameters(t.Context(), one(map[string]string{"new": "2" + other})),
			m.DB.SetOptimizerParameters(t.Context(), one(map[string]string{"optimizer": "3" + other})),
			m.DB.InsertInputData(t.Context(), map[jobdb.JobID][]string{id: {"LFN:/b" + other, "LFN:/a" + other}}),
			m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: id, Command: "Peek" + other}}),
			m.DB.AddHeartbeatData(t.Context(), one(map[string]string{"Vsize": "4" + other})),
		); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Details(t.Context(), lhcb, ids[0], wms.DetailsOptions{Heartbeats: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Attributes) != len(jobdb.Columns()) || got.Attributes["JobID"] != int64(ids[0]) || got.Attributes["Status"] != "Running" {
		t.Errorf("attributes: %v", got.Attributes)
	}
	got.Attributes = nil
	if diff := cmp.Diff(wms.Details{
		JDL:                 "[ A = 1; ]",
		Parameters:          map[string]string{"new": "2"},
		OptimizerParameters: map[string]string{"optimizer": "3"},
		ArchivedParameters:  []jobdb.ArchivedParameter{{Name: "old", Value: "1"}},
		InputData:           []jobdb.InputFile{{LFN: "LFN:/a", Status: "AprioriGood"}, {LFN: "LFN:/b", Status: "AprioriGood"}},
		History: []jobdb.HistoryRecord{
			{JobID: ids[0], Status: "Running", MinorStatus: "m0", ApplicationStatus: "a0", Time: at.Add(-time.Minute), Source: "test"},
		},
		Commands:   []jobdb.CommandRecord{{Command: jobdb.Command{JobID: ids[0], Command: "Peek"}, Status: "Received", ReceptionTime: at}},
		Heartbeats: []jobdb.Heartbeat{{Name: "Vsize", Value: "4", Time: at}},
	}, got); diff != "" {
		t.Error(diff)
	}
	submitted, err := m.Submit(t.Context(), alice, []string{`Executable = "echo";`})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Details(t.Context(), lhcb, submitted[0].JobID, wms.DetailsOptions{Heartbeats: 1}); err != nil || got.OriginalJDL != `[Executable = "echo";]` || got.JDL == "" {
		t.Errorf("a submitted job: %+v, %v", got, err)
	}
	for _, id := range []jobdb.JobID{-1, 0, 1 << 30, 1 << 40, 1<<63 - 1} {
		for _, scope := range []wms.Scope{lhcb, {VO: "lhcb", AllVOs: true}} {
			if _, err := m.Details(t.Context(), scope, id, wms.DetailsOptions{Heartbeats: 1}); !errors.Is(err, jobdb.ErrNotFound) {
				t.Errorf("job %d for %+v: %v", id, scope, err)
			}
		}
	}
}

// TestLastHeartbeats wants those of the last times only, and none when none are asked for.
func TestLastHeartbeats(t *testing.T) {
	at := now
	m := openWith(t, jobdbtest.SQLite(t), jobdb.Options{Clock: func() time.Time { return at }})
	id := jobsIn(t, m, "Running")[0]
	for range 3 {
		at = at.Add(time.Second)
		if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{id: {Values: map[string]float64{"Vsize": 1, "CPUConsumed": 2}}}); err != nil {
			t.Fatal(err)
		}
	}
	for asked, want := range map[int]int{-1: 0, 0: 0, 1: 2, 2: 4, 9: 6} {
		details, err := m.Details(t.Context(), lhcb, id, wms.DetailsOptions{Heartbeats: asked})
		if err != nil || len(details.Heartbeats) != want || want > 0 && !details.Heartbeats[0].Time.Equal(at) {
			t.Errorf("%d asked for: %v, %v", asked, details.Heartbeats, err)
		}
	}
}

// TestDetailsScope wants a job that is out of scope to be the same as none.
func TestDetailsScope(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	id := jobsIn(t, m, "Running")[0]
	for _, test := range []struct {
		scope wms.Scope
		found bool
	}{
		{wms.Scope{VO: "lhcb"}, true},
		{wms.Scope{VO: "lhcb", Owner: "alice"}, true},
		{wms.Scope{VO: "lhcb", Owner: "alice", Hidden: true}, true},
		{wms.Scope{VO: "lhcb", Hidden: true}, true},
		{wms.Scope{VO: "LHCB"}, false},
		{wms.Scope{VO: "belle", Owner: "alice"}, false},
		{wms.Scope{VO: "lhcb", Owner: "Alice"}, false},
		{wms.Scope{VO: "lhcb", Owner: "bob", Hidden: true}, false},
	} {
		_, err := m.Details(t.Context(), test.scope, id, wms.DetailsOptions{Heartbeats: 1})
		if missing := (*jobdb.NotFoundError)(nil); test.found != (err == nil) || err != nil && (!errors.As(err, &missing) || missing.Jobs[0] != id) {
			t.Errorf("%+v: %v", test.scope, err)
		}
	}
	if _, err := m.Details(t.Context(), wms.Scope{}, id, wms.DetailsOptions{Heartbeats: 1}); !errors.Is(err, jobdb.ErrNoScope) {
		t.Errorf("without a scope: %v", err)
	}
}

// TestDamagedJDL shows a job whose JDL is damaged, with what can be read of it.
func TestDamagedJDL(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	jobs, err := m.Submit(t.Context(), alice, []string{`Executable = "echo";`})
	if err != nil {
		t.Fatal(err)
	}
	id := jobs[0].JobID
	whole := jdl.Compress("[ Executable = \"" + strings.Repeat("0123456789abcdef", 1000) + "\"; ]")
	for name, test := range map[string]struct{ stored, begins, note string }{
		"no base64":    {"broken!", "", "zlib: invalid header"},
		"not zlib":     {"YnJva2Vu", "", "zlib: invalid header"},
		"cut":          {whole[:len(whole)/2], "[ Executable", "unexpected EOF"},
		"another byte": {whole[:len(whole)-8] + "AAAAAAA=", "[ Executable", "zlib"},
		"an old form":  {"[ Executable", "[ Executable", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.DB.UpdateJobJDLs(t.Context(), map[jobdb.JobID]string{id: test.stored}); err != nil {
				t.Fatal(err)
			}
			d, err := m.Details(t.Context(), lhcb, id, wms.DetailsOptions{Heartbeats: 1})
			if err != nil || d.Attributes["Status"] != "Received" || d.OriginalJDL != `[Executable = "echo";]` || len(d.History) != 1 {
				t.Errorf("%+v, %v", d, err)
			}
			if !strings.HasPrefix(d.JDL, test.begins) || test.begins == "" && d.JDL != "" {
				t.Errorf("the JDL is %.100q", d.JDL)
			}
			if !strings.Contains(d.Note, test.note) || (d.Note == "") != (test.note == "") || strings.Contains(d.Note, "OriginalJDL") {
				t.Errorf("the note is %q", d.Note)
			}
		})
	}
}
