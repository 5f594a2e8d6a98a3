package wms_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// databases are all kinds of them that have a history, and parameters.
var databases = map[string]func(testing.TB) string{
	"SQLite": jobdbtest.SQLite, "MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	"DIRAC 9.0.28 on MariaDB": func(tb testing.TB) string { return oracle.DIRAC(tb, "9.0.28", jobdbtest.MariaDBWith) },
	"DIRAC 9.1.21 on MySQL":   func(tb testing.TB) string { return oracle.DIRAC(tb, "9.1.21", jobdbtest.MySQLWith) },
	"DiracX on SQLite":        oracle.SQLite,
	"DiracX on MariaDB":       func(tb testing.TB) string { return oracle.MariaDB(tb, "latin1") },
}

var lhcb = wms.Scope{VO: "lhcb"}

// second is a time after now, which is the clock's; before it where n is negative.
func second(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }

// jobsIn makes a job in each of the statuses, alice's of lhcb, updated last a minute ago.
func jobsIn(t *testing.T, m *wms.JobManager, statuses ...string) []jobdb.JobID {
	t.Helper()
	ids, err := m.DB.CreateJobs(t.Context(), make([]string, len(statuses)))
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	history := make([]jobdb.HistoryRecord, len(ids))
	for i, id := range ids {
		attributes[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "Status": statuses[i], "LastUpdateTime": second(-60)}
		history[i] = jobdb.HistoryRecord{JobID: id, Status: jobdb.Status(statuses[i]), MinorStatus: "m0", ApplicationStatus: "a0", Time: second(-60), Source: "test"}
	}
	if err := m.DB.InsertJobAttributes(t.Context(), attributes); err != nil {
		t.Fatal(err)
	}
	if err := m.DB.InsertHistory(t.Context(), history); err != nil {
		t.Fatal(err)
	}
	return ids
}

// openWith opens a database with options, and makes our tables.
func openWith(t *testing.T, url string, options jobdb.Options) *wms.JobManager {
	t.Helper()
	return manager(t, jobdbtest.Open(t, url, options), options.Clock)
}

// setAttribute changes columns behind the rules' back.
func setAttribute(t *testing.T, m *wms.JobManager, id jobdb.JobID, attributes jobdb.Attributes) {
	t.Helper()
	if _, err := m.DB.SetProperties(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: attributes}, false); err != nil {
		t.Fatal(err)
	}
}

func setStatus(t *testing.T, m *wms.JobManager, id jobdb.JobID, options wms.StatusOptions, updates ...wms.StatusUpdate) wms.StatusChange {
	t.Helper()
	report, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{id: updates}, options)
	if err != nil {
		t.Fatal(err)
	}
	return report.Success[id]
}

// everything is all that is stored of jobs.
func everything(t *testing.T, m *wms.JobManager, ids ...jobdb.JobID) (all []wms.Details) {
	t.Helper()
	for _, id := range ids {
		details, err := m.Details(t.Context(), lhcb, id, wms.DetailsOptions{Heartbeats: 100})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, details)
	}
	return all
}

// records are what a history tells, one text for each record.
func records(d wms.Details) (texts []string) {
	for _, r := range d.History {
		texts = append(texts, strings.Join([]string{string(r.Status), r.MinorStatus, r.ApplicationStatus, r.Time.Format(time.TimeOnly), r.Source}, " "))
	}
	return texts
}

// TestSetStatus looks at all that a request changes, on every kind of database.
func TestSetStatus(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testSetStatus(t, open(t, url(t))) })
	}
}

func testSetStatus(t *testing.T, m *wms.JobManager) {
	t.Helper()
	tick := time.Microsecond // what a DATETIME of live databases keeps
	if m.DB.Schema() != jobdb.SchemaOurs && m.DB.Engine() == "mysql" {
		tick = time.Second
	}
	ids := jobsIn(t, m, "Matched", "Running", "Waiting")
	const missing = 1 << 30
	report, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{
		ids[0]: {
			{Time: second(-10), ApplicationStatus: "é", Source: "JobWrapper"},
			{Time: second(-20), Status: "Running", MinorStatus: "m1", Source: "JobAgent"},
			{Time: second(-90), Status: "Checking", Source: "late"},
		},
		ids[1]:  {{Time: second(-30), Status: "Killed", MinorStatus: "m1", Source: "User"}},
		ids[2]:  {{Time: second(-30), Status: "Done", Source: "User"}},
		missing: {{Time: second(-30), Status: "Done", Source: "User"}},
	}, wms.StatusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	late := "an update older than the job's last one (2024-01-01T09:59:00.123Z) changed no status: it is in the history only"
	if diff := cmp.Diff(wms.StatusReport{
		Success: map[jobdb.JobID]wms.StatusChange{
			ids[0]: {
				Status: "Running", MinorStatus: "m1", ApplicationStatus: "é", HeartBeatTime: second(-10), StartExecTime: second(-20),
				LastUpdateTime: now, Note: late,
			},
			ids[1]: {Status: "Killed", MinorStatus: "m1", EndExecTime: second(-30), LastUpdateTime: now, Kill: true},
			ids[2]: {Status: "Waiting", LastUpdateTime: now, Note: "a job in Waiting can't become Done: it stays Waiting"},
		},
		Failed: map[jobdb.JobID]string{missing: "Not found"},
	}, report); diff != "" {
		t.Error(diff)
	}

	all := everything(t, m, ids...)
	for i, want := range []jobdb.Attributes{
		{"Status": "Running", "MinorStatus": "m1", "ApplicationStatus": "é", "HeartBeatTime": second(-10), "StartExecTime": second(-20), "EndExecTime": nil, "LastUpdateTime": now},
		{"Status": "Killed", "MinorStatus": "m1", "ApplicationStatus": "Unknown", "HeartBeatTime": nil, "StartExecTime": nil, "EndExecTime": second(-30), "LastUpdateTime": now},
		{"Status": "Waiting", "MinorStatus": "Unknown", "ApplicationStatus": "Unknown", "HeartBeatTime": nil, "StartExecTime": nil, "EndExecTime": nil, "LastUpdateTime": now},
	} {
		for name, value := range want {
			if at, ok := value.(time.Time); ok {
				value = at.Truncate(tick)
			}
			if got := all[i].Attributes[name]; got != value {
				t.Errorf("job %d has the %s %v, want %v", i, name, got, value)
			}
		}
	}
	for i, want := range [][]string{
		{"Checking idem Unknown 09:58:30 late", "Matched m0 a0 09:59:00 test", "Running m1 a0 09:59:40 JobAgent", "Running m1 é 09:59:50 JobWrapper"},
		{"Running m0 a0 09:59:00 test", "Killed m1 a0 09:59:30 User"},
		{"Waiting m0 a0 09:59:00 test", "Waiting m0 a0 09:59:30 User(SM)"},
	} {
		if diff := cmp.Diff(want, records(all[i])); diff != "" {
			t.Errorf("the history of job %d: %s", i, diff)
		}
	}
	for i, want := range []int{0, 1, 0} {
		if len(all[i].Commands) != want {
			t.Errorf("job %d has the commands %v", i, all[i].Commands)
		}
	}
}

// TestNotes says what was not done as asked, and what was done instead.
func TestNotes(t *testing.T) {
	long := strings.Repeat("é", 40)
	application := strings.Repeat("é", 300)
	m := open(t, jobdbtest.SQLite(t))
	for name, test := range map[string]struct {
		status  string
		options wms.StatusOptions
		updates []wms.StatusUpdate
		want    string
		history []string // after the first record
		after   string   // the status, where it isn't the first one
	}{
		"as asked": {
			status:  "Matched",
			updates: []wms.StatusUpdate{{Time: second(0), Status: "Running", Source: "a"}, {Time: second(60), Status: "Done", Source: "b"}},
			history: []string{"Running m0 a0 10:00:00 a", "Done m0 a0 10:01:00 b"}, after: "Done",
		},
		"nothing": {status: "Matched"},
		"refused": {
			status:  "Done",
			updates: []wms.StatusUpdate{{Time: second(0), Status: "Running", MinorStatus: "m", Source: "a"}, {Time: second(1), Status: "Running", Source: "a"}},
			want:    "a job in Done can't become Running: it stays Done",
			history: []string{"Done m a0 10:00:00 a(SM)", "Done m a0 10:00:01 a(SM)"},
		},
		"refused Stalled": {
			status: "Stalled", updates: []wms.StatusUpdate{{Time: second(0), Status: "Waiting", Source: "a"}},
			want: "a job in Running can't become Waiting: it stays Running", history: []string{"Running m0 a0 10:00:00 a(SM)"}, after: "Running",
		},
		"forced": {
			status: "Done", options: wms.StatusOptions{Force: true}, updates: []wms.StatusUpdate{{Time: second(0), Status: "Running", Source: "a"}},
			history: []string{"Running m0 a0 10:00:00 a"}, after: "Running",
		},
		"late, by a pilot": {
			status: "Running", options: wms.StatusOptions{Pilot: true}, updates: []wms.StatusUpdate{{Time: second(-61), Status: "Killed", Source: "test"}},
			want: "an update older than the job's last one (2024-01-01T09:59:00.123Z) changed no status: it is in the history only",
		},
		"late, by a user": {
			status: "Running", updates: []wms.StatusUpdate{{Time: second(-61), Status: "Killed", Source: "a"}},
			want:    "Killed of 2024-01-01T09:58:59.123456Z is older than the job's last update (2024-01-01T09:59:00.123Z): it counts as of 2024-01-01T10:00:00.123456Z",
			history: []string{"Killed m0 a0 10:00:00 a"}, after: "Killed",
		},
		"late, but not the end": {
			status: "Running", updates: []wms.StatusUpdate{{Time: second(-61), Status: "Done", Source: "test"}},
			want: "an update older than the job's last one (2024-01-01T09:59:00.123Z) changed no status: it is in the history only",
		},
		"late, and more that isn't": {
			status: "Waiting",
			updates: []wms.StatusUpdate{
				{Time: second(-90), Status: "Killed", Source: "a"}, {Time: second(-30), Status: "Deleted", Source: "b"}, {Time: second(30), MinorStatus: "m", Source: "c"},
			},
			want: "Killed of 2024-01-01T09:58:30.123456Z is older than the job's last update (2024-01-01T09:59:00.123Z): it counts as of 2024-01-01T10:00:00.123456Z; " +
				"2024-01-01T09:59:30.123456Z counts as 2024-01-01T10:00:00.123456Z, after what was asked for before it",
			history: []string{"Killed m0 a0 10:00:00 a", "Deleted m0 a0 10:00:00 b", "Deleted m a0 10:00:30 c"}, after: "Deleted",
		},
		"at the last time": {
			status: "Running", updates: []wms.StatusUpdate{{Time: second(-60), Status: "Done", Source: "a"}},
			history: []string{"Done m0 a0 09:59:00 a"}, after: "Done",
		},
		"dated ahead": {
			status: "Matched",
			updates: []wms.StatusUpdate{
				{Time: second(61), Status: "Running", Source: "a"}, {Time: second(60), MinorStatus: "m", Source: "b"}, {Time: now.AddDate(7000, 0, 0), Status: "Done", Source: "c"},
			},
			want: "2024-01-01T10:01:01.123456Z is more than a minute ahead of the server's clock: it counts as 2024-01-01T10:01:00.123456Z; " +
				"9024-01-01T10:00:00.123456Z is more than a minute ahead of the server's clock: it counts as 2024-01-01T10:01:00.123456Z",
			history: []string{"Matched m a0 10:01:00 b", "Running m a0 10:01:00 a", "Done m a0 10:01:00 c"}, after: "Done",
		},
		"all dated ahead": {
			status:  "Matched",
			updates: []wms.StatusUpdate{{Time: second(90), Status: "Done", Source: "b"}, {Time: second(61), Status: "Running", Source: "a"}},
			want: "2024-01-01T10:01:01.123456Z is more than a minute ahead of the server's clock: it counts as 2024-01-01T10:00:00.123456Z; " +
				"2024-01-01T10:01:30.123456Z is more than a minute ahead of the server's clock: it counts as 2024-01-01T10:00:00.123456Z",
			history: []string{"Running m0 a0 10:00:00 a", "Done m0 a0 10:00:00 b"}, after: "Done",
		},
		"long source": {
			status: "Done", updates: []wms.StatusUpdate{{Time: second(0), MinorStatus: "m", Source: long}, {Time: second(1), Status: "Running", Source: long}},
			want:    "Source was cut to 32 characters; a job in Done can't become Running: it stays Done; Source was cut to 28 characters",
			history: []string{"Done m a0 10:00:00 " + long[:64], "Done m a0 10:00:01 " + long[:56] + "(SM)"},
		},
		"long application status": {
			status: "Running", updates: []wms.StatusUpdate{{Time: second(0), ApplicationStatus: application, Source: "a"}, {Time: second(1), ApplicationStatus: "short", Source: "a"}},
			want:    "ApplicationStatus was cut to 255 characters",
			history: []string{"Running m0 " + application[:510] + " 10:00:00 a", "Running m0 short 10:00:01 a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := jobsIn(t, m, test.status)[0]
			if got := setStatus(t, m, id, test.options, test.updates...).Note; got != test.want {
				t.Errorf("the note is\n%s\nwant\n%s", got, test.want)
			}
			details := everything(t, m, id)[0]
			if want := test.after; details.Attributes["Status"] != want && (want != "" || details.Attributes["Status"] != test.status) {
				t.Errorf("the status is %v", details.Attributes["Status"])
			}
			if test.history != nil {
				if diff := cmp.Diff(test.history, records(details)[1:]); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestManyNotes bounds what is told: a request may hold very many updates.
func TestManyNotes(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	updates := make([]wms.StatusUpdate, 20_000)
	for i := range updates {
		updates[i] = wms.StatusUpdate{Time: second(100 + i), MinorStatus: "m", Source: "a"}
	}
	note := setStatus(t, m, jobsIn(t, m, "Running")[0], wms.StatusOptions{}, updates...).Note
	if strings.Count(note, "is more than a minute ahead") != 10 || !strings.HasSuffix(note, "; and more of this kind") {
		t.Errorf("the note of 20,000 updates: %.2000s", note)
	}
}

// TestRefusedStatus wants nothing written of a request that can't be done.
func TestRefusedStatus(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := jobsIn(t, m, "Running", "Running", "Running")
	setAttribute(t, m, ids[1], jobdb.Attributes{"Owner": "Alice"})
	setAttribute(t, m, ids[2], jobdb.Attributes{"VO": "LHCb"})
	before := everything(t, m, ids[:2]...)
	good := wms.StatusUpdate{Time: now, Status: "Killed", Source: "User"}
	with := func(change func(u *wms.StatusUpdate)) wms.StatusUpdate {
		u := good
		change(&u)
		return u
	}
	for column, bad := range map[string]wms.StatusUpdate{
		"Status": with(func(u *wms.StatusUpdate) { u.Status = "running" }),
	} {
		_, err := m.SetStatus(t.Context(), lhcb, map[jobdb.JobID][]wms.StatusUpdate{ids[0]: {good}, ids[1]: {bad}}, wms.StatusOptions{})
		value := (*jobdb.ValueError)(nil)
		if !errors.As(err, &value) || value.Column != column || value.Job != ids[1] {
			t.Errorf("a bad %s: %v", column, err)
		}
	}
	all := map[jobdb.JobID][]wms.StatusUpdate{ids[0]: {good}, ids[1]: {good}, ids[2]: {good}}
	if _, err := m.SetStatus(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice"}, all, wms.StatusOptions{}); !errors.Is(err, wms.ErrNotOwner) {
		t.Errorf("somebody else's job: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, m, ids[:2]...)); diff != "" {
		t.Errorf("something was written: %s", diff)
	}

	report, err := m.SetStatus(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice", Hidden: true}, all, wms.StatusOptions{})
	if err != nil || len(report.Success) != 1 || cmp.Diff(report.Failed, map[jobdb.JobID]string{ids[1]: "Not found", ids[2]: "Not found"}) != "" {
		t.Errorf("with hidden jobs: %v, %v", report, err)
	}
	if diff := cmp.Diff(before[1:], everything(t, m, ids[1])); diff != "" {
		t.Errorf("a hidden job was changed: %s", diff)
	}
	for _, scope := range []wms.Scope{{VO: "lhc"}, {VO: "lhcb ", Owner: "alice"}} {
		report, err := m.SetStatus(t.Context(), scope, all, wms.StatusOptions{})
		if err != nil || len(report.Success) != 0 || len(report.Failed) != 3 {
			t.Errorf("with the scope %+v: %v, %v", scope, report, err)
		}
	}
}
