package wms_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// The queues of four owners in three groups, for the jobs 1 to 7, which become: killed 1, 2 and 5,
// Deleted 6, rescheduled 4, Failed 7. Jobs from 100 on are not in the database of jobs.
const queueRows = `
INSERT INTO "tq_TaskQueues" ("TQId", "Owner", "OwnerGroup", "VO", "CPUTime", "Priority", "Enabled") VALUES
(1, 'alice', 'lhcb_user', 'lhcb', 300, 1, 1), (2, 'alice', 'lhcb_user', 'lhcb', 300, 1, 1), (3, 'bob', 'lhcb_user', 'lhcb', 300, 1, 1),
(4, 'bob', 'lhcb_user', 'lhcb', 300, 1, 2), (5, 'bob', 'lhcb_user', 'lhcb', 300, 1, 1), (6, 'alice', 'lhcb_shared', 'lhcb', 300, 1, 1),
(7, 'carol', 'lhcb_shared', 'lhcb', 300, 1, 1), (8, 'dave', 'lhcb_shared', 'lhcb', 900, 1, 1), (9, 'alice', 'lhcb_user', 'lhcb', 300, 1, 0),
(10, 'alice', 'lhcb_back', 'lhcb', 300, 1, 1), (11, 'alice', 'lhcb_back', 'lhcb', 600, 1, 1), (12, 'erin', 'lhcb_back', 'lhcb', 300, 1, 1),
(13, 'bob', 'lhcb_user', 'lhcb', 300, 1, 1);
INSERT INTO "tq_Jobs" ("TQId", "JobId", "Priority", "RealPriority") VALUES
(1, 1, 1, 1), (2, 2, 1, 4), (2, 3, 1, 2), (3, 100, 1, 5), (4, 101, 1, 3), (5, 102, 1, 0.05), (6, 4, 1, 1), (7, 103, 1, 2), (8, 104, 1, 6),
(9, 5, 1, 1), (10, 6, 1, 1), (11, 105, 1, 0.05), (12, 106, 1, 2), (13, 7, 1, 1);
INSERT INTO "tq_TQToSites" ("TQId", "Value") VALUES (1, 'A'), (2, 'A'), (3, 'A'), (3, 'B');
INSERT INTO "tq_TQToBannedSites" ("TQId", "Value") VALUES (13, 'A'), (4, 'B');
INSERT INTO "tq_TQToTags" ("TQId", "Value") VALUES (5, 'GPU'), (6, 'GPU');
INSERT INTO "tq_TQToPlatforms" ("TQId", "Value") VALUES (3, 'el9'), (4, 'el9'), (13, 'el9'), (6, 'el9')`

var queueGroups = map[string]jobdb.GroupShare{
	"lhcb_shared": {JobShare: 500, JobSharing: true}, "lhcb_back": {AllowBackgroundTQs: true},
}

var (
	left   = []jobdb.JobID{1, 2, 4, 5, 6, 7}
	tables = []string{
		"tq_TaskQueues", "tq_Jobs", "tq_TQToSites", "tq_TQToBannedSites", "tq_TQToTags", "tq_TQToPlatforms", "tq_TQToGridCEs", "tq_TQToJobTypes",
	}
)

// TestTaskQueues holds what is left of task queues against what DiracX's own calls leave.
func TestTaskQueues(t *testing.T) {
	meant, literal := referenceLeaves(t, false), referenceLeaves(t, true)["tq_Jobs"]
	diracxIn := func(tb testing.TB) string { return oracle.MariaDB(tb, "latin1") }
	for name, urls := range map[string][2]func(testing.TB) string{
		"SQLite and SQLite":   {oracle.SQLite, jobdbtest.SQLite},
		"MariaDB, one server": {diracxIn, jobdbtest.MariaDB},
		"MariaDB, ours":       {jobdbtest.MariaDB, jobdbtest.MariaDB},
		"MySQL, one server":   {jobdbtest.MySQL, jobdbtest.MySQL},
		"MariaDB and SQLite":  {diracxIn, jobdbtest.SQLite},
		"SQLite and MariaDB":  {jobdbtest.SQLite, jobdbtest.MariaDB},
		"one SQLite file":     {jobdbtest.SQLite, nil},
		"one MariaDB":         {jobdbtest.MariaDB, nil},
	} {
		t.Run(name, func(t *testing.T) {
			jobs := urls[0](t)
			m := open(t, jobs)
			queues := jobs
			if urls[1] != nil {
				queues = urls[1](t)
			}
			got := leaveQueues(t, m, queues)
			if diff := cmp.Diff(meant, got); diff != "" {
				t.Errorf("- what DiracX's methods leave, in the order that is meant, + ours:\n%s", diff)
			}
			if diff := cmp.Diff(literal, got["tq_Jobs"]); diff != "" {
				t.Errorf("- the jobs that DiracX's own call leaves, + ours:\n%s", diff)
			}
		})
	}
}

// leaveQueues kills, deletes and reschedules jobs, and returns what is left of the queues.
func leaveQueues(t *testing.T, m *wms.JobManager, address string) map[string][]string {
	t.Helper()
	fillQueues(t, address)
	openQueues(t, m, address)
	submitIn(t, m, jdlAgain, slices.Repeat([]string{"Waiting"}, 7)...)
	setAttribute(t, m, 7, jobdb.Attributes{"RescheduleCounter": int64(3)})
	to := func(status jobdb.Status) []wms.StatusUpdate {
		return []wms.StatusUpdate{{Time: second(1), Status: status, Source: "test"}}
	}
	updates := map[jobdb.JobID][]wms.StatusUpdate{1: to("Killed"), 2: to("Killed"), 5: to("Killed"), 6: to("Deleted"), 3: to("Matched")}
	report, err := m.SetStatus(t.Context(), lhcb, updates, wms.StatusOptions{Force: true})
	if err != nil || len(report.Success) != 5 {
		t.Fatal(report, err)
	}
	if report := reschedule(t, m, false, 4, 7); len(report.Success) != 1 || len(report.Failed) != 1 {
		t.Fatal(report)
	}
	return queuesIn(t, address)
}

// A change that fails leaves the task queues as they are where one transaction reaches both, and
// where the queue's own fails nothing is changed.
func TestTaskQueuesFail(t *testing.T) {
	kill := map[jobdb.JobID][]wms.StatusUpdate{1: {{Time: second(1), Status: "Killed", Source: "test"}}}
	failure := errors.New("no")
	t.Run("rolled back with the jobs", func(t *testing.T) {
		m := open(t, jobdbtest.MariaDB(t))
		address := jobdbtest.MariaDB(t)
		fillQueues(t, address)
		openQueues(t, m, address)
		before := queuesIn(t, address)
		err := m.DB.Tx(t.Context(), func(ctx context.Context, tx *jobdb.Tx) error {
			share := func(string, string) jobdb.GroupShare { return jobdb.GroupShare{} }
			return errors.Join(m.TaskQueues.RemoveJobs(ctx, tx, left, share), failure)
		})
		if diff := cmp.Diff(before, queuesIn(t, address)); diff != "" || !errors.Is(err, failure) {
			t.Errorf("%v\n%s", err, diff)
		}
	})
	t.Run("without the queues", func(t *testing.T) {
		m := open(t, jobdbtest.SQLite(t))
		address := jobdbtest.SQLite(t)
		fillQueues(t, address)
		queues := openQueues(t, m, address)
		submitIn(t, m, jdlAgain, "Waiting")
		if err := queues.Close(); err != nil {
			t.Fatal(err)
		}
		if report, err := m.SetStatus(t.Context(), lhcb, kill, wms.StatusOptions{}); err == nil {
			t.Error(report)
		}
		if all := everything(t, m, 1)[0]; all.Attributes["Status"] != "Waiting" || len(all.Commands) > 0 {
			t.Error(all.Attributes, all.Commands)
		}
	})
}

func TestOpenTaskQueues(t *testing.T) {
	if _, err := jobdb.OpenTaskQueues(t.Context(), oracle.SQLite(t), jobdb.Options{}); !errors.Is(err, jobdb.ErrSchema) {
		t.Errorf("a database without task queues: %v", err)
	}
	if _, err := jobdb.OpenTaskQueues(t.Context(), "mysql://u:s3cret@127.0.0.1:1/x", jobdb.Options{}); !errors.Is(err, jobdb.ErrUnavailable) ||
		strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a server that isn't there: %v", err)
	}
}

// openQueues gives m the task queues of a database.
func openQueues(t *testing.T, m *wms.JobManager, address string) *jobdb.TaskQueues {
	t.Helper()
	queues, err := jobdb.OpenTaskQueues(t.Context(), address, jobdb.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = queues.Close() })
	if err := queues.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	m.TaskQueues = queues
	m.Rules.Default.Groups = queueGroups
	return queues
}

// fillQueues makes DiracX's tables of task queues, and the queues.
func fillQueues(t *testing.T, address string) {
	t.Helper()
	oracle.TaskQueues(t, address)
	db := jobdbtest.Raw(t, address)
	for statement := range strings.SplitSeq(queueRows, ";") {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v: %s", err, statement)
		}
	}
}

// referenceLeaves is what DiracX leaves of the queues on SQLite.
func referenceLeaves(t *testing.T, literal bool) map[string][]string {
	t.Helper()
	address := "sqlite:" + filepath.Join(t.TempDir(), "queues.db")
	fillQueues(t, address)
	groups := map[string]map[string]any{"lhcb_user": {}}
	for name, share := range queueGroups {
		groups[name] = map[string]any{"JobShare": max(share.JobShare, 0), "AllowBackgroundTQs": share.AllowBackgroundTQs}
		if share.JobShare == 0 {
			delete(groups[name], "JobShare")
		}
		if share.JobSharing {
			groups[name]["Properties"] = []string{"JobSharing"}
		}
	}
	var none any
	oracle.Ask(t, "testdata/task_queues.py", map[string]any{"db": address, "jobs": left, "groups": groups, "literal": literal}, &none)
	return queuesIn(t, address)
}

// queuesIn reads all rows of all tables, priorities to four digits. Drivers write Enabled each in
// their own way; nobody changes it.
func queuesIn(t *testing.T, address string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables {
		rows, err := jobdbtest.Raw(t, address).QueryContext(t.Context(), `SELECT * FROM "`+table+`" ORDER BY 1, 2`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]string, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				if n, err := strconv.ParseFloat(values[i], 64); err == nil && strings.HasSuffix(name, "Priority") {
					values[i] = fmt.Sprintf("%.4g", n)
				}
				if name == "Enabled" {
					values[i] = "any"
				}
				values[i] = name + "=" + values[i]
			}
			all[table] = append(all[table], strings.Join(values, " "))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
