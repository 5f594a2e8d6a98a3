package transfer_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// lenient runs statements as the old servers did, that took any value.
func lenient(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := jobdbtest.Raw(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range append([]string{"SET SESSION sql_mode = 'ANSI_QUOTES', foreign_key_checks = 0"}, statements...) {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
}

// oddRows are what DIRAC's databases of many years have.
var oddRows = []string{
	`INSERT INTO JobJDLs (JobID, JDL, JobRequirements, OriginalJDL) VALUES (5, '[ a = "1" ]', '', 'x'), (6, '', '', ''), (7, '', '', ''), (9, 'being made', '', '')`,
	`INSERT INTO Jobs (JobID, OwnerGroup, Owner, SubmissionTime, StartExecTime, ApplicationStatus, VerifiedFlag, AccountedFlag, Status, RescheduleCounter)
		VALUES (5, 'lhcb_user', 'alice', '2020-01-02 03:04:05', '0000-00-00', NULL, '', '', 'Done', -1),
		(6, 'biomed_user', 'bob', NULL, NULL, 'ok', 'True', 'Failed', 'Running', 0),
		(8, 'lhcb_user', 'carol', NULL, NULL, 'ok', 'True', 'True', 'Failed', 0)`,
	`INSERT INTO JobCommands (JobID, Command, Arguments, ReceptionTime) VALUES
		(5, 'Kill', 'b', '2020-01-02 03:04:05'), (5, 'Kill', 'a', '2020-01-02 03:04:05'), (5, 'Kill', 'c', '2020-01-02 03:04:06')`,
	`INSERT INTO InputData (JobID, LFN) VALUES (5, '/a'), (999, '/orphan')`,
	`INSERT INTO HeartBeatLoggingInfo (JobID, Name, Value, HeartBeatTime) VALUES (5, 'Load', '1', '0000-00-00')`,
	`INSERT INTO AtticJobParameters (JobID, Name, Value, RescheduleCycle) VALUES (5, 'p', 'v', 1)`,
	`ALTER TABLE JobJDLs AUTO_INCREMENT = 1234`,
}

var oddHistory = []string{
	`INSERT INTO LoggingInfo (JobID, Status, StatusTime, StatusTimeOrder) VALUES (5, 'Received', '2020-01-02 03:04:05', 307934245.5)`,
	`INSERT INTO LoggingInfo (JobID, Status, StatusTime, StatusTimeOrder) VALUES (5, 'Done', '0000-00-00', 307934246.25)`,
	`INSERT INTO LoggingInfo (JobID, Status, StatusTime, StatusTimeOrder) VALUES (4, 'Deleted', '2020-01-02 03:04:05', 1)`,
}

var oddRepairs = []transfer.Count{
	{What: `HeartBeatLoggingInfo.HeartBeatTime: zero or unreadable times, now 1970-01-01`, N: 1},
	{What: `InputData: rows without a job, left out`, N: 1},
	{What: `JobCommands.ReceptionTime: several in one tick, now a microsecond apart`, N: 1},
	{What: `JobJDLs: jobs without a row, now with empty texts`, N: 1},
	{What: `Jobs.AccountedFlag: no value of the flag ("" of an ENUM), now "False"`, N: 1},
	{What: `Jobs.ApplicationStatus: NULL or unreadable, now "Unknown"`, N: 1},
	{What: `Jobs.StartExecTime: zero or unreadable times, now NULL`, N: 1},
	{What: `Jobs.VerifiedFlag: no value of the flag ("" of an ENUM), now "False"`, N: 1},
	{What: `LoggingInfo.StatusTime: zero or unreadable times, now that of StatusTimeOrder`, N: 1},
	{What: `LoggingInfo: rows without a job, left out`, N: 1},
}

// TestDIRAC moves what DIRAC 7, 8 and 9 left behind, from each server to each engine.
func TestDIRAC(t *testing.T) {
	groups := map[string]string{"lhcb_user": "lhcb", "biomed_user": "biomed"}
	for name, server := range map[string]oracle.Server{"MariaDB": jobdbtest.MariaDBWith, "MySQL": jobdbtest.MySQLWith} {
		for _, release := range []string{"7.3.36", "8.0.86", "9.1.22"} {
			t.Run(name+"/"+release, func(t *testing.T) {
				from, history := oracle.DIRACApart(t, release, server, "latin1")
				lenient(t, from, oddRows...)
				lenient(t, history, oddHistory...)
				o := transfer.Options{From: from, FromHistory: history}
				repairs := oddRepairs
				switch release {
				case "9.1.22":
					lenient(t, from, `UPDATE Jobs SET VO = SUBSTRING_INDEX(OwnerGroup, '_', 1)`)
				case "7.3.36":
					lenient(t, from, `INSERT INTO JobParameters VALUES (5, 'latin1', x'436166e9'), (5, 'utf', x'436166c3a9')`)
					repairs = slices.Insert(slices.Clone(repairs), 4, transfer.Count{What: `JobParameters.Value: not UTF-8, read as Latin-1`, N: 1})
					fallthrough
				default:
					o.Groups = groups
				}
				jobdbtest.EachEngine(t, func(t *testing.T, to string) {
					o := o
					o.To = to
					report := run(t, o)
					want := slices.Clone(repairs)
					slices.SortFunc(want, func(a, b transfer.Count) int { return strings.Compare(a.What, b.What) })
					if !slices.Equal(report.Repairs, want) {
						t.Errorf("made right: %v\nwant %v", report.Repairs, want)
					}
					if report.NextID != 1234 {
						t.Errorf("the next JobID is %d", report.NextID)
					}
					if found := differences(t, o); len(found) > 0 {
						t.Errorf("differences: %v", found)
					}
					rightCounts(t, to, report)
					lookAtOdd(t, to, release)
				})
			})
		}
	}
}

// TestReleases moves the other releases of DIRAC 9, and LHCb's extension, whose columns stay behind.
func TestReleases(t *testing.T) {
	for name, create := range map[string]func(t *testing.T) string{
		"9.0.28": func(t *testing.T) string { t.Helper(); return oracle.DIRAC(t, "9.0.28", jobdbtest.MariaDBWith) },
		"9.1.21": func(t *testing.T) string { t.Helper(); return oracle.DIRAC(t, "9.1.21", jobdbtest.MySQLWith) },
		"LHCb":   func(t *testing.T) string { t.Helper(); return oracle.LHCb(t, "8.0.86", jobdbtest.MariaDBWith) },
	} {
		t.Run(name, func(t *testing.T) {
			from := create(t)
			lenient(t, from, append(slices.Clone(oddRows), oddHistory...)...)
			o := transfer.Options{From: from, To: jobdbtest.SQLite(t)}
			if name == "LHCb" {
				o.Groups = map[string]string{"lhcb_user": "lhcb", "biomed_user": "biomed"}
			} else {
				lenient(t, from, `UPDATE Jobs SET VO = SUBSTRING_INDEX(OwnerGroup, '_', 1)`)
			}
			report := run(t, o)
			if report.Jobs != 3 || report.NextID != 1234 {
				t.Errorf("%+v", report)
			}
			if found := differences(t, o); len(found) > 0 {
				t.Errorf("differences: %v", found)
			}
			lookAtOdd(t, o.To, name)
			if left := strings.Join(report.Left, "\n"); strings.Contains(left, "Jobs.RunNumber: a column") != (name == "LHCb") {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// lookAtOdd holds rows of the target against what they must be.
func lookAtOdd(t *testing.T, to, release string) {
	t.Helper()
	for _, test := range []struct {
		query string
		want  int64
	}{
		{`SELECT count(*) FROM "Jobs" WHERE "VO" = 'lhcb'`, 2},
		{`SELECT count(*) FROM "Jobs" WHERE "VO" = 'biomed' AND "AccountedFlag" = 'Failed' AND "VerifiedFlag" = 'True'`, 1},
		{`SELECT count(*) FROM "Jobs" WHERE "JobID" = 5 AND "StartExecTime" IS NULL AND "ApplicationStatus" = 'Unknown' AND "RescheduleCounter" = -1`, 1},
		{`SELECT count(*) FROM "JobCommands" WHERE "ReceptionTime" = '2020-01-02 03:04:05.000001' AND "Arguments" = 'b'`, 1},
		{`SELECT count(*) FROM "JobCommands"`, 3},
		{`SELECT count(*) FROM "JobJDLs"`, 5},
		{`SELECT count(*) FROM "LoggingInfo" WHERE "StatusTime" = '2020-01-02 03:04:06.250000' AND "SeqNum" = 2`, 1},
		{`SELECT count(*) FROM "LoggingInfo"`, 2},
		{`SELECT count(*) FROM "JobParameters" WHERE "Value" = 'Café'`, map[string]int64{"7.3.36": 2}[release]},
	} {
		if got := ask(t, to, test.query); got != test.want {
			t.Errorf("%s: %d, want %d", test.query, got, test.want)
		}
	}
}

// TestDiracX moves what DiracX made.
func TestDiracX(t *testing.T) {
	for name, create := range map[string]func(testing.TB) string{
		"SQLite":           oracle.SQLite,
		"MariaDB, utf8mb4": func(tb testing.TB) string { tb.Helper(); return oracle.MariaDB(tb, "utf8mb4") },
		"MySQL, latin1":    func(tb testing.TB) string { tb.Helper(); return oracle.MySQL(tb, "latin1") },
	} {
		t.Run(name, func(t *testing.T) {
			from := create(t)
			execute(t, from,
				`INSERT INTO "JobJDLs" ("JobID", "JDL", "JobRequirements", "OriginalJDL") VALUES (3, 'é', '', '')`,
				`INSERT INTO "Jobs" ("JobID", "JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", "SubmissionTime", "Status", "MinorStatus", "ApplicationStatus",
					"UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag")
					VALUES (3, 'user', 'g', 'ANY', 'n', 'alice', 'lhcb_user', 'lhcb', '2024-02-03 04:05:06', 'Running', '', '', 0, 0, 'True', 'Failed')`,
				`INSERT INTO "LoggingInfo" ("JobID", "SeqNum", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusTimeOrder", "StatusSource")
					VALUES (3, 1, 'Received', '', '', '2024-02-03 04:05:06', 436933506.5, 's')`,
				`INSERT INTO "JobCommands" ("JobID", "Command", "Arguments", "Status", "ReceptionTime") VALUES (3, 'Kill', '', 'Received', '2024-02-03 04:05:06')`,
			)
			jobdbtest.EachEngine(t, func(t *testing.T, to string) {
				o := transfer.Options{From: from, To: to}
				report := run(t, o)
				if report.Jobs != 1 || report.NextID != 4 || len(report.Repairs) > 0 || len(report.Left) > 0 {
					t.Errorf("%+v", report)
				}
				if found := differences(t, o); len(found) != 0 {
					t.Errorf("differences: %v", found)
				}
				const query = `SELECT count(*) FROM "Jobs" WHERE "SubmissionTime" = '2024-02-03 04:05:06.000000' AND "AccountedFlag" = 'Failed' AND "EndExecTime" IS NULL`
				if n := ask(t, to, query); n != 1 {
					t.Errorf("the job's times or flags are others")
				}
			})
		})
	}
}

// TestRefused moves nothing, and says why first.
func TestRefused(t *testing.T) {
	from, history := oracle.DIRACApart(t, "8.0.86", jobdbtest.MariaDBWith, "latin1")
	lenient(t, from, oddRows...)
	to := jobdbtest.SQLite(t)
	for _, test := range []struct {
		o    transfer.Options
		says string
	}{
		{transfer.Options{From: from, FromHistory: history, To: to}, "says that of:\n  - \"biomed_user\" (1 jobs)\n  - \"lhcb_user\" (2 jobs)"},
		{transfer.Options{From: from, To: to, Groups: map[string]string{"x": "y"}}, "LoggingInfo, the history of states, is missing"},
		{transfer.Options{From: from, FromHistory: history, To: to, Groups: map[string]string{"lhcb_user": "lhcb"}}, `"biomed_user" (1 jobs)`},
		{transfer.Options{From: history, To: to}, "the table JobJDLs is missing"},
	} {
		test.o.Batch = 10
		im, err := transfer.Open(t.Context(), test.o)
		if err == nil {
			_, err = im.Run(t.Context())
			_ = im.Close()
		}
		refused := (*transfer.RefusedError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v, want %s", err, test.says)
		}
	}
	if n := ask(t, to, "SELECT count(*) FROM sqlite_master"); n != 0 {
		t.Errorf("%d tables were made in the target", n)
	}
	report := run(t, transfer.Options{From: from, FromHistory: transfer.NoHistory, To: to, Groups: map[string]string{"lhcb_user": "a", "biomed_user": "b"}})
	if report.Jobs != 3 || !slices.Contains(report.Left, "LoggingInfo: left behind, as was asked for") {
		t.Errorf("without history: %+v", report)
	}
}

// TestLooseTypes moves what a SQLite file can hold and no server.
func TestLooseTypes(t *testing.T) {
	from := fill(t, jobdbtest.SQLite(t), 3)
	execute(t, from,
		`DROP TABLE "LoggingInfo"`,
		`CREATE TABLE "LoggingInfo" ("JobID", "SeqNum", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusTimeOrder", "StatusSource")`,
		`INSERT INTO "LoggingInfo" VALUES (1, 1, 'a', '', '', '2024-01-01 00:00:00', 433036800, 's'), (1, 1, 'b', '', '', '2024-01-01T00:00:01+00:00', NULL, 's'),
			(1, 7, 'c', '', '', '2024-01-01', 1e300, 's'), (1, NULL, 'z', NULL, '', 'never', 'x', 's')`,
		`UPDATE "Jobs" SET "JobName" = '`+strings.Repeat("é", 200)+`', "UserPriority" = 'high' WHERE "JobID" = 1`,
		`UPDATE "Jobs" SET "Owner" = 'a' || char(0) || 'b', "LastUpdateTime" = 'yesterday' WHERE "JobID" = 2`,
		`UPDATE "Jobs" SET "Site" = CAST(x'4ce9' AS TEXT) WHERE "JobID" = 3`,
		`UPDATE "HeartBeatLoggingInfo" SET "Value" = 2.5`,
		`UPDATE "InputData" SET "LFN" = '`+strings.Repeat("x", 255)+`' || "LFN" WHERE "JobID" = 1`,
	)
	jobdbtest.EachEngine(t, func(t *testing.T, to string) {
		o := transfer.Options{From: from, To: to}
		report := run(t, o)
		want := []transfer.Count{
			{What: `InputData.LFN: too long, cut`, N: 2},
			{What: `InputData: rows with the key of another one, left out`, N: 1},
			{What: `Jobs.JobName: too long, cut`, N: 1},
			{What: `Jobs.LastUpdateTime: zero or unreadable times, now NULL`, N: 1},
			{What: `Jobs.Owner: U+0000, now U+FFFD`, N: 1},
			{What: `Jobs.Site: not UTF-8, read as Latin-1`, N: 1},
			{What: `Jobs.UserPriority: NULL or unreadable, now 0`, N: 1},
			{What: `LoggingInfo.MinorStatus: NULL or unreadable, now ""`, N: 1},
			{What: `LoggingInfo.SeqNum: NULL or unreadable, now 0`, N: 1},
			{What: `LoggingInfo.SeqNum: numbers given twice, now the next`, N: 1},
			{What: `LoggingInfo.StatusTime: zero or unreadable times, now that of StatusTimeOrder`, N: 1},
			{What: `LoggingInfo.StatusTimeOrder: missing or out of range, now that of StatusTime`, N: 3},
		}
		if !slices.Equal(report.Repairs, want) {
			t.Errorf("made right: %v\nwant %v", report.Repairs, want)
		}
		if found := differences(t, o); len(found) > 0 {
			t.Errorf("differences: %v", found)
		}
		db := jobdbtest.Raw(t, to)
		var name, site, value string
		const query = `SELECT j."JobName", s."Site", h."Value" FROM "Jobs" AS j, "Jobs" AS s, "HeartBeatLoggingInfo" AS h WHERE j."JobID" = 1 AND s."JobID" = 3 AND h."JobID" = 3`
		if err := db.QueryRowContext(t.Context(), query).Scan(&name, &site, &value); err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
		if name != strings.Repeat("é", 128) || site != "Lé" || value != "2.5" {
			t.Errorf("%q, %q, %q", name, site, value)
		}
	})
}
