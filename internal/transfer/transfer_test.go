package transfer_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/tables"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
)

// fill makes a database of jobdb's own with jobs of every kind of row, and returns its URL.
func fill(t *testing.T, url string, jobs int) string {
	t.Helper()
	jobdbtest.Open(t, url, jobdb.Options{FoldInterval: -1})
	db := jobdbtest.Raw(t, url)
	for i := 1; i <= jobs; i++ {
		n := strconv.Itoa(i)
		for _, statement := range []string{
			`INSERT INTO "JobJDLs" ("JobID", "JDL", "JobRequirements", "OriginalJDL") VALUES (` + n + `, '[ Name = "é" ]', '', 'original')`,
			`INSERT INTO "Jobs" ("JobID", "VO", "Owner", "OwnerGroup", "SubmissionTime", "Status") VALUES (` + n + `, 'lhcb', 'alice', 'lhcb_user', '2024-02-03 04:05:06.123456', 'Running')`,
			`INSERT INTO "InputData" ("JobID", "LFN") VALUES (` + n + `, '/lhcb/a'), (` + n + `, '/lhcb/B')`,
			`INSERT INTO "JobParameters" ("JobID", "Name", "Value") VALUES (` + n + `, 'cpu', '1'), (` + n + `, 'CPU', '2')`,
			`INSERT INTO "OptimizerParameters" ("JobID", "Name", "Value") VALUES (` + n + `, 'o', 'p')`,
			`INSERT INTO "AtticJobParameters" ("JobID", "Name", "Value", "RescheduleCycle") VALUES (` + n + `, 'o', 'p', 0), (` + n + `, 'o', 'q', 1)`,
			`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES (` + n + `, 'Load', '0.5', '2024-02-03 04:05:06')`,
			`INSERT INTO "JobCommands" ("JobID", "Command", "Arguments", "ReceptionTime") VALUES (` + n + `, 'Kill', '', '2024-02-03 04:05:06')`,
			`INSERT INTO "LoggingInfo" ("JobID", "SeqNum", "Status", "StatusTime", "StatusTimeOrder") VALUES (` + n + `, 1, 'Received', '2024-02-03 04:05:06', 436933506.5), (` + n + `, 3, 'Running', '2024-02-03 04:05:07', 436933507.123)`,
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%v\n%s", err, statement)
			}
		}
	}
	if strings.HasPrefix(url, "postgres:") { // where it doesn't see numbers that were given
		execute(t, url, `SELECT setval(pg_get_serial_sequence('"JobJDLs"', 'JobID'), `+strconv.Itoa(jobs)+`)`)
	}
	return url
}

func open(t *testing.T, o transfer.Options) *transfer.Import {
	t.Helper()
	if o.Batch == 0 {
		o.Batch = 3
	}
	o.Now = time.Now
	im, err := transfer.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	})
	return im
}

func run(t *testing.T, o transfer.Options) transfer.Report {
	t.Helper()
	report, err := open(t, o).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// differences are what Verify finds.
func differences(t *testing.T, o transfer.Options) (found []string) {
	t.Helper()
	err := open(t, o).Verify(t.Context(), func(d transfer.Difference) error {
		found = append(found, d.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	db := jobdbtest.Raw(t, url)
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
}

func ask(t *testing.T, url, query string) int64 {
	t.Helper()
	var n int64
	if err := jobdbtest.Raw(t, url).QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return n
}

// remove deletes a job; its history stays.
func remove(t *testing.T, url string, id int) {
	t.Helper()
	for _, table := range slices.Backward(tables.Tables[:len(tables.Tables)-1]) {
		execute(t, url, "DELETE FROM "+table.Quoted()+` WHERE "JobID" = `+strconv.Itoa(id))
	}
}

// rightCounts counts all jobs and finds no count of them wrong.
func rightCounts(t *testing.T, url string, report transfer.Report) {
	t.Helper()
	db := jobdbtest.Open(t, url, jobdb.Options{FoldInterval: -1})
	if report.Recount {
		if _, err := db.RebuildCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
	} else if _, err := db.FoldCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrong, err := db.VerifyCounts(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("wrong counts %v, %v", wrong, err)
	}
}

// tableRows are the numbers of rows of all tables.
func tableRows(jobs int64) []transfer.Count {
	return []transfer.Count{
		{"JobJDLs", jobs},
		{"Jobs", jobs},
		{"InputData", 2 * jobs},
		{"JobParameters", 2 * jobs},
		{"OptimizerParameters", jobs},
		{"AtticJobParameters", 2 * jobs},
		{"HeartBeatLoggingInfo", jobs},
		{"JobCommands", jobs},
		{"LoggingInfo", 2 * jobs},
	}
}

// TestBetweenEngines moves all kinds of rows from each engine to each, twice.
func TestBetweenEngines(t *testing.T) {
	jobdbtest.EachEngine(t, func(t *testing.T, from string) {
		fill(t, from, 10)
		remove(t, from, 10) // whose number is never given again
		jobdbtest.EachEngine(t, func(t *testing.T, to string) {
			o := transfer.Options{From: from, To: to}
			report := run(t, o)
			want := tableRows(9)
			if !slices.Equal(report.Rows, want) || report.Jobs != 9 || report.NextID != 11 || !report.Recount {
				t.Errorf("first run: %+v", report)
			}
			rightCounts(t, to, report)
			if found := differences(t, o); len(found) > 0 {
				t.Errorf("differences: %v", found)
			}
			report = run(t, o)
			if report.Jobs != 0 || report.Unchanged != 9 || report.Recount {
				t.Errorf("second run: %+v", report)
			}
			execute(t, to, `INSERT INTO "JobJDLs" ("JDL") VALUES ('')`)
			if next := ask(t, to, `SELECT max("JobID") FROM "JobJDLs"`); next != 11 {
				t.Errorf("the next job is %d, want 11", next)
			}
			_, err := open(t, o).Run(t.Context())
			if refused := (*transfer.RefusedError)(nil); !errors.As(err, &refused) {
				t.Errorf("a target that is in use: %v", err)
			}
		})
	})
}
