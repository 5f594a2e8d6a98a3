package jobdb_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"jobdb"
	"jobdb/internal/schema"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// liveDatabases are those that others made, and what we must find out about them.
var liveDatabases = []struct {
	name   string
	url    func(testing.TB) string
	facts  jobdb.SchemaFacts // without collations
	sorted string            // the collation of texts; "" is byte by byte
	limits []string          // words of each limit
}{
	{
		"DiracX SQLite", oracle.SQLite,
		jobdb.SchemaFacts{Kind: jobdb.SchemaDiracX, Cascade: true, History: true, Parameters: true},
		"",
		[]string{"only one reschedule cycle", "given again", "begins with VO", "adds no tables"},
	},
	{
		"DiracX MariaDB utf8mb4", func(tb testing.TB) string { return oracle.MariaDB(tb, "utf8mb4") },
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaDiracX, WholeSeconds: true, Cascade: true, History: true, Parameters: true, ExactCollation: "utf8mb4_nopad_bin",
		},
		"utf8mb4_general_ci",
		[]string{
			"whole seconds", "byte by byte all the same", "JobParameters.Value", "32 bits", "only one reschedule cycle",
			"begins with VO", "adds no tables",
		},
	},
	{
		"DiracX MariaDB latin1", func(tb testing.TB) string { return oracle.MariaDB(tb, "latin1") },
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaDiracX, WholeSeconds: true, Cascade: true, History: true, Parameters: true, ExactCollation: "utf8mb4_nopad_bin",
		},
		"latin1_swedish_ci",
		[]string{
			"whole seconds", "texts in latin1", "by latin1_swedish_ci", "JobJDLs.JDL", "32 bits", "only one reschedule cycle",
			"begins with VO", "adds no tables",
		},
	},
	{
		"DiracX MySQL", func(tb testing.TB) string { return oracle.MySQL(tb, "utf8mb4") },
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaDiracX, WholeSeconds: true, Cascade: true, History: true, Parameters: true, ExactCollation: "utf8mb4_0900_bin",
		},
		"utf8mb4_0900_ai_ci",
		[]string{
			"whole seconds", "byte by byte all the same", "JobParameters.Value", "32 bits", "only one reschedule cycle",
			"begins with VO", "adds no tables",
		},
	},
	{
		"DIRAC 9.0.28 on MariaDB", dirac("9.0.28", jobdbtest.MariaDBWith),
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaLegacy, WholeSeconds: true, History: true, Parameters: true, AtticCycles: true, ExactCollation: "utf8mb4_nopad_bin",
		},
		"utf8mb4_general_ci",
		[]string{"whole seconds", "byte by byte all the same", "64 kB", "32 bits", "leaves rows of it", "begins with VO", "adds no tables"},
	},
	{
		"DIRAC 9.1.21 on MySQL", dirac("9.1.21", jobdbtest.MySQLWith),
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaLegacy, WholeSeconds: true, History: true, Parameters: true, AtticCycles: true, ExactCollation: "utf8mb4_0900_bin",
		},
		"utf8mb4_0900_ai_ci",
		[]string{"whole seconds", "byte by byte all the same", "64 kB", "32 bits", "leaves rows of it", "begins with VO", "adds no tables"},
	},
	{
		"DIRAC 9.1.22 on MariaDB", dirac("9.1.22", jobdbtest.MariaDBWith),
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaLegacy, WholeSeconds: true, History: true, AtticCycles: true, ExactCollation: "utf8mb4_nopad_bin",
		},
		"utf8mb4_general_ci",
		[]string{
			"whole seconds", "byte by byte all the same", "64 kB", "32 bits", "leaves rows of it", "parameters of jobs",
			"begins with VO", "adds no tables",
		},
	},
	{
		"DIRAC 9.1.22 with LHCb's columns on MySQL", func(tb testing.TB) string { return oracle.LHCb(tb, "9.1.22", jobdbtest.MySQLWith) },
		jobdb.SchemaFacts{
			Kind: jobdb.SchemaLegacy, WholeSeconds: true, History: true, AtticCycles: true, ExactCollation: "utf8mb4_0900_bin",
		},
		"utf8mb4_0900_ai_ci",
		[]string{
			"whole seconds", "byte by byte all the same", "64 kB", "32 bits", "leaves rows of it", "parameters of jobs",
			"begins with VO", "adds no tables",
		},
	},
}

func dirac(release string, server oracle.Server) func(testing.TB) string {
	return func(tb testing.TB) string { return oracle.DIRAC(tb, release, server) }
}

// The releases before 9 know no VO.
func TestSchemaOfOldReleases(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"7.3.36 on MariaDB": dirac("7.3.36", jobdbtest.MariaDBWith), "7.3.36 on MySQL": dirac("7.3.36", jobdbtest.MySQLWith),
		"8.0.86 on MariaDB": dirac("8.0.86", jobdbtest.MariaDBWith), "8.0.86 on MySQL": dirac("8.0.86", jobdbtest.MySQLWith),
		"8.0.86 with LHCb's columns on MariaDB": func(tb testing.TB) string { return oracle.LHCb(tb, "8.0.86", jobdbtest.MariaDBWith) },
		"8.0.86 with LHCb's columns on MySQL":   func(tb testing.TB) string { return oracle.LHCb(tb, "8.0.86", jobdbtest.MySQLWith) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t, url(t))
			report := check(t, db)
			if report.Usable() || !matchAll(report.Problems, []string{"no VO (the column Jobs.VO is missing); \"jobdb import\" moves"}) {
				t.Errorf("the report says:\n%s", report)
			}
			if _, err := db.CreateJob(t.Context(), "[]"); !errors.Is(err, jobdb.ErrSchema) {
				t.Errorf("a new job: %v", err)
			}
		})
	}
}

func check(tb testing.TB, db *jobdb.DB) jobdb.SchemaReport {
	tb.Helper()
	report, err := db.CheckSchema(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

func TestSchemaOfLiveDatabases(t *testing.T) {
	t.Parallel()
	for _, live := range liveDatabases {
		t.Run(live.name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t, live.url(t))
			facts := db.SchemaFacts()
			for column, collation := range facts.Collations {
				if collation != live.sorted {
					t.Errorf("%s is sorted by %q", column, collation)
				}
			}
			for _, column := range []string{"Jobs.Owner", "OptimizerParameters.Name", "LoggingInfo.Status"} {
				if facts.Collations[column] != live.sorted {
					t.Errorf("the collation of %s is %q, want %q", column, facts.Collations[column], live.sorted)
				}
			}
			if !slices.ContainsFunc(facts.Indexes, func(i schema.Index) bool { return slices.Equal(i.Columns, []string{"Status", "Site"}) }) {
				t.Errorf("no index (Status, Site) among %v", facts.Indexes)
			}
			facts.Collations, facts.Indexes = nil, nil
			if got, want := toJSON(t, facts), toJSON(t, live.facts); got != want {
				t.Errorf("facts %s, want %s", got, want)
			}
			report := check(t, db)
			if report.Kind != live.facts.Kind || !report.Usable() || !report.Jobs || !report.History {
				t.Errorf("kind %q, usable %v, jobs %v, history %v", report.Kind, report.Usable(), report.Jobs, report.History)
			}
			if !matchAll(report.Limits, live.limits) {
				t.Errorf("limits %q, want one with each of %q", report.Limits, live.limits)
			}
			testAdvice(t, db, report)
		})
	}
}

// testAdvice runs the statements that the report names. The next report has none of them any more.
func testAdvice(t *testing.T, db *jobdb.DB, report jobdb.SchemaReport) {
	t.Helper()
	if !matchAll(report.Indexes, []string{"CREATE INDEX VOStatus ON Jobs (VO, Status, JobID) -- ", "CREATE INDEX VOLastUpdateTime ON Jobs (VO, LastUpdateTime, JobID) -- "}) ||
		!strings.Contains(report.String(), "  - "+report.Indexes[0]+"\n") {
		t.Errorf("indexes: %q in\n%s", report.Indexes, report)
	}
	for _, statement := range report.Indexes {
		raw(t, db, statement)
	}
	if again := check(t, db); len(again.Indexes) > 0 || !again.Usable() {
		t.Errorf("with all indexes: %s", again)
	}
}

// matchAll says whether each line has the words at its place.
func matchAll(lines, words []string) bool {
	return slices.EqualFunc(lines, words, strings.Contains)
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSchemaOfOurs(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		report := check(t, db)
		if report.Kind != jobdb.SchemaEmpty || report.Usable() || len(report.Limits)+len(report.Problems)+len(report.Pending) > 0 {
			t.Errorf("empty: %s", toJSON(t, report))
		}
		migrate(t, db)
		facts := db.SchemaFacts()
		facts.Indexes = nil
		want := jobdb.SchemaFacts{
			Kind: jobdb.SchemaOurs, Cascade: true, History: true, Parameters: true, AtticCycles: true,
			Collations: map[string]string{}, ExactCollation: map[string]string{"MariaDB": "utf8mb4_nopad_bin", "MySQL": "utf8mb4_0900_bin"}[report.Engine],
		}
		if got, want := toJSON(t, facts), toJSON(t, want); got != want {
			t.Errorf("facts %s, want %s", got, want)
		}
		report = check(t, db)
		if !report.Usable() || len(report.Limits)+len(report.Indexes) > 0 || !slices.Equal(report.Applied, db.MigrationNames()) {
			t.Errorf("migrated: %s", toJSON(t, report))
		}
		if text := report.String(); !strings.Contains(text, "Jobdb can work on it.") || !strings.Contains(text, "0001_jobs") {
			t.Errorf("the report says:\n%s", text)
		}
	})
}

func TestSchemaOfBroken(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		migrate(t, db)
		for _, change := range []string{
			`ALTER TABLE "JobCommands" DROP COLUMN "ExecutionTime"`,
			`ALTER TABLE "Jobs" ADD COLUMN "Mood" INTEGER`,
			`DROP TABLE "OptimizerParameters"`,
			`DROP TABLE "InputData"`,
			`CREATE TABLE "InputData" ("JobID" INTEGER NOT NULL, "LFN" INTEGER NOT NULL, "Status" VARCHAR(31) NOT NULL, ` +
				`"Size" INTEGER NOT NULL, PRIMARY KEY ("JobID"))`,
		} {
			raw(t, db, change)
		}
		broken := openDB(t, url)
		if got := broken.Schema(); got != jobdb.SchemaUnknown {
			t.Errorf("the broken database is %q", got)
		}
		report := check(t, broken)
		if report.Usable() || !matchAll(report.Problems, []string{
			"InputData.LFN is of the type int", "InputData.Status holds 31 characters, jobdb needs 32",
			"InputData.Size is not one of jobdb's", "primary key of InputData is (JobID)",
			"OptimizerParameters is missing", "JobCommands.ExecutionTime is missing",
		}) {
			t.Errorf("the report says:\n%s", report)
		}
	})
}

// DiracX has its history in another database than its jobs.
func TestSchemaOfHalves(t *testing.T) {
	t.Parallel()
	for _, live := range liveDatabases {
		t.Run(live.name, func(t *testing.T) {
			t.Parallel()
			jobs := openDB(t, live.url(t))
			raw(t, jobs, `DROP TABLE "LoggingInfo"`)
			report := check(t, jobs)
			if report.Kind != live.facts.Kind || !report.Usable() || !report.Jobs || report.History ||
				!slices.ContainsFunc(report.Limits, func(s string) bool { return strings.Contains(s, "history database") }) {
				t.Errorf("jobs alone: %s", toJSON(t, report))
			}
			history := openDB(t, live.url(t))
			for _, table := range []string{
				"JobCommands", "HeartBeatLoggingInfo", "AtticJobParameters", "OptimizerParameters", "JobParameters", "InputData",
				"Jobs", "JobJDLs",
			} {
				raw(t, history, `DROP TABLE IF EXISTS "`+table+`"`)
			}
			report = check(t, history)
			if report.Kind != live.facts.Kind || !report.Usable() || report.Jobs || !report.History {
				t.Errorf("history alone: %s", toJSON(t, report))
			}
		})
	}
}
