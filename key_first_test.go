package jobdb_test

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"jobdb"
)

// atVersion4 is a SQLite file as jobdb made it before the keys came first, with what may be in those
// tables: long values, zero times, commands in each state.
func atVersion4(t *testing.T) (url string, ids []jobdb.JobID) {
	t.Helper()
	url = "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	db := openDB(t, url)
	if err := db.MigrateTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO "JobJDLs" ("JobID", "JDL") VALUES (1, '[a]'), (2, '[b]')`,
		`INSERT INTO "Jobs" ("JobID", "VO") VALUES (1, 'lhcb'), (2, 'lhcb')`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
			INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime")
			SELECT 1 + i % 2, 'Name ' || (i % 7), CASE i % 5 WHEN 0 THEN '' ELSE printf('%0*d', 1 + i * 3, i) END,
				strftime('%Y-%m-%d %H:%M:%S', 1700000000 + i, 'unixepoch') || '.000000' FROM n`,
		`INSERT INTO "JobCommands" ("JobID", "Command", "Arguments", "Status", "ReceptionTime", "ExecutionTime") VALUES
			(1, 'Kill', '', 'Received', '2024-01-01 10:00:00.000001', NULL),
			(1, 'Exec', 'a b', 'Sent', '2024-01-01 09:00:00.000000', '2024-01-01 11:00:00.000000'),
			(2, 'Kill', 'ü', 'Received', '2024-01-01 10:00:00.000001', NULL)`,
	} {
		raw(t, db, statement)
	}
	return url, []jobdb.JobID{1, 2}
}

// heartbeatsAndCommands are all that is read of the tables that migration 5 makes anew.
func heartbeatsAndCommands(t *testing.T, url string, ids []jobdb.JobID) [2]any {
	t.Helper()
	db := openDB(t, url)
	heartbeats, err := db.Heartbeats(t.Context(), ids, 5000)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := db.JobCommands(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(heartbeats[1])+len(heartbeats[2]) != 2000 || len(commands[1]) != 2 || len(commands[2]) != 1 {
		t.Fatalf("%d and %d heartbeats, commands %v", len(heartbeats[1]), len(heartbeats[2]), commands)
	}
	return [2]any{heartbeats, commands}
}

// TestKeyFirst migrates a file whose tables had other columns before the ends of their keys.
func TestKeyFirst(t *testing.T) {
	t.Parallel()
	url, ids := atVersion4(t)
	before := heartbeatsAndCommands(t, url, ids)
	db := openDB(t, url)
	migrate(t, db)
	if after := heartbeatsAndCommands(t, url, ids); !reflect.DeepEqual(before, after) {
		t.Error("what is read of heartbeats and commands has changed")
	}
	if report := check(t, db); !report.Usable() || len(report.Problems) > 0 {
		t.Errorf("the report says:\n%s", report)
	}
	rows, err := db.Raw().QueryContext(t.Context(), `SELECT m.name || '.' || c.name, c.cid + 1, c.pk FROM pragma_table_list AS m, pragma_table_info(m.name) AS c WHERE m.wr AND c.pk > 0`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := 0
	for ; rows.Next(); seen++ {
		var column string
		var place, keyPlace int
		if err := rows.Scan(&column, &place, &keyPlace); err != nil || place != keyPlace {
			t.Errorf("%s is the %d. column, and the %d. of its key (%v)", column, place, keyPlace, err)
		}
	}
	if err := rows.Err(); err != nil || seen < 10 {
		t.Errorf("%d columns of keys: %v", seen, err)
	}
	// Jobs still take theirs along.
	if _, err := db.DeleteJobs(t.Context(), ids[:1]); err != nil {
		t.Fatal(err)
	}
	if left, err := db.JobCommands(t.Context(), ids); err != nil || len(left[1]) != 0 || len(left[2]) != 1 {
		t.Errorf("after a job was deleted: %v, %v", left, err)
	}
	if err := db.AddHeartbeatData(t.Context(), map[jobdb.JobID]map[string]string{2: {"LoadAverage": "1"}}); err != nil {
		t.Error(err)
	}
}

// TestIntegrityOfFiles asks the system's own SQLite, such as Debian's, whether a file is whole.
func TestIntegrityOfFiles(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("the sqlite3 command isn't installed")
	}
	url, _ := atVersion4(t)
	db := openDB(t, url)
	migrate(t, db)
	if err := db.AddHeartbeatData(t.Context(), map[jobdb.JobID]map[string]string{2: {"LoadAverage": strings.Repeat("9", 5000), "Vsize": "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := db.SetJobCommands(t.Context(), []jobdb.Command{{JobID: 1, Command: "Kill"}}); err != nil {
		t.Fatal(err)
	}
	if err := db.InsertHistory(t.Context(), []jobdb.HistoryRecord{{JobID: 1, Status: "Running", Time: time.Unix(1700000000, 0)}}); err != nil {
		t.Fatal(err)
	}
	for _, pragma := range []string{"integrity_check", "quick_check", "foreign_key_check"} {
		out, err := exec.Command(shell, "-readonly", strings.TrimPrefix(url, "sqlite:"), "PRAGMA "+pragma).CombinedOutput()
		if said := strings.TrimSpace(string(out)); err != nil || said != "ok" && said != "" {
			t.Errorf("%s: %v\n%.300s", pragma, err, said)
		}
	}
}
