package transfer_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
)

// TestSecondRun takes what changed, came and went since the first one, in any table, and nothing
// else.
func TestSecondRun(t *testing.T) {
	jobdbtest.EachEngine(t, func(t *testing.T, to string) {
		from := fill(t, jobdbtest.SQLite(t), 20)
		o := transfer.Options{From: from, To: to, Batch: 2}
		first := run(t, o)
		rightCounts(t, to, first)
		for _, change := range []string{
			`UPDATE "JobJDLs" SET "JDL" = 'other' WHERE "JobID" = 1`,
			`UPDATE "Jobs" SET "Status" = 'Done' WHERE "JobID" = 1`, // without a look at LastUpdateTime
			`INSERT INTO "InputData" ("JobID", "LFN") VALUES (4, 'new')`,
			`DELETE FROM "JobParameters" WHERE "JobID" = 4 AND "Name" = 'cpu'`,
			`UPDATE "OptimizerParameters" SET "Value" = '' WHERE "JobID" = 6`,
			`UPDATE "AtticJobParameters" SET "Name" = 'O' WHERE "JobID" = 8 AND "RescheduleCycle" = 1`,
			`DELETE FROM "HeartBeatLoggingInfo" WHERE "JobID" = 10`,
			`UPDATE "JobCommands" SET "Status" = 'Sent', "ExecutionTime" = "ReceptionTime" WHERE "JobID" = 12`,
			`UPDATE "LoggingInfo" SET "StatusTimeOrder" = "StatusTimeOrder" + 0.001 WHERE "JobID" = 14 AND "SeqNum" = 3`,
		} {
			execute(t, from, change)
			if found := differences(t, o); len(found) != 1 {
				t.Errorf("%s: differences %v", change, found)
			}
			if report := run(t, o); report.Jobs != 2 || report.Unchanged != 18 {
				t.Errorf("%s: %d jobs copied", change, report.Jobs)
			}
			if found := differences(t, o); len(found) != 0 {
				t.Errorf("%s: differences left: %v", change, found)
			}
		}
		remove(t, from, 17)
		remove(t, from, 18)
		remove(t, from, 20)
		execute(t, from, `INSERT INTO "JobJDLs" ("JDL") VALUES ('')`)
		execute(t, from, `INSERT INTO "Jobs" ("JobID", "VO") VALUES (21, 'new')`)
		report := run(t, o)
		if report.Jobs != 2 || report.Unchanged != 16 || report.NextID != 22 {
			t.Errorf("jobs that came and went: %+v", report)
		}
		rightCounts(t, to, report)
		if found := differences(t, o); len(found) != 0 {
			t.Errorf("differences left: %v", found)
		}
		if jobs := ask(t, to, `SELECT count(*) FROM "Jobs"`); jobs != 18 {
			t.Errorf("%d jobs in the target", jobs)
		}
	})
}

// TestPlantedDifference finds what was changed in the target, also where numbers of rows are the
// same.
func TestPlantedDifference(t *testing.T) {
	from := fill(t, jobdbtest.SQLite(t), 10)
	jobdbtest.EachEngine(t, func(t *testing.T, to string) {
		o := transfer.Options{From: from, To: to, Batch: 5}
		run(t, o)
		execute(t, to,
			`UPDATE "Jobs" SET "Owner" = 'Alice' WHERE "JobID" = 3`,
			`DELETE FROM "LoggingInfo" WHERE "JobID" = 7 AND "SeqNum" = 1`,
			`INSERT INTO "JobJDLs" ("JobID") VALUES (55)`,
		)
		want := []string{
			"Jobs, JobIDs 1 to 5: other values in the source than in the target, 5 rows in both",
			"LoggingInfo, JobIDs 6 to 10: 10 rows in the source, 9 in the target",
			"JobJDLs, JobIDs 11 to 55: 0 rows in the source, 1 in the target",
		}
		if found := differences(t, o); !slices.Equal(found, want) {
			t.Errorf("found %q\nwant %q", found, want)
		}
	})
}

// TestCancelled ends a run after each range, and the next ones go on.
func TestCancelled(t *testing.T) {
	from := fill(t, jobdbtest.SQLite(t), 10)
	jobdbtest.EachEngine(t, func(t *testing.T, to string) {
		o := transfer.Options{From: from, To: to, Batch: 3}
		for ended := 0; ; ended++ {
			ctx, cancel := context.WithCancel(t.Context())
			o := o
			ranges := 0
			o.Progress = func(transfer.Progress) {
				if ranges++; ranges > ended {
					cancel()
				}
			}
			report, err := open(t, o).Run(ctx)
			cancel()
			if err == nil {
				rightCounts(t, to, report)
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if ended > 10 {
				t.Fatal("it never ends")
			}
		}
		if found := differences(t, o); len(found) != 0 {
			t.Errorf("differences: %v", found)
		}
	})
}

// TestKilled kills a process that moves jobs at any moment, again and again, with kill -9.
func TestKilled(t *testing.T) {
	const jobs = 200
	from := fill(t, jobdbtest.SQLite(t), jobs)
	jobdbtest.EachEngine(t, func(t *testing.T, to string) {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		killed, between := 0, 0 // all, and those after the first range
		for wait := 20 * time.Millisecond; ; wait += wait / 8 {
			child := exec.CommandContext(t.Context(), program, "-test.run=^TestKilledChild$")
			child.Env = append(os.Environ(), "JOBDB_IMPORT_CHILD="+from+" "+to)
			output := &strings.Builder{}
			child.Stdout = output
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(wait/2+rand.N(wait), func() { _ = child.Process.Kill() })
			err := child.Wait()
			if timer.Stop() && err != nil {
				t.Fatalf("the child failed by itself: %v\n%s", err, output)
			}
			if err == nil {
				break
			}
			if killed++; rangesDone(t, to) > 0 {
				between++
			}
		}
		t.Logf("killed %d times, of these %d after a range was done", killed, between)
		if between == 0 {
			t.Error("it was never killed between its first and its last range")
		}
		o := transfer.Options{From: from, To: to}
		if found := differences(t, o); len(found) != 0 {
			t.Errorf("differences: %v", found)
		}
		rightCounts(t, to, transfer.Report{Recount: true})
		if rows := ask(t, to, `SELECT count(*) FROM "LoggingInfo"`); rows != 2*jobs {
			t.Errorf("%d rows of history", rows)
		}
	})
}

// TestSourceInUse moves jobs while others make, change and delete them, and a last time when they
// have stopped.
func TestSourceInUse(t *testing.T) {
	jobdbtest.EachEngine(t, func(t *testing.T, from string) {
		fill(t, from, 30)
		db := jobdbtest.Open(t, from, jobdb.Options{})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		changed := make(chan error, 1)
		go func() { changed <- useSource(ctx, db) }()
		o := transfer.Options{From: from, To: jobdbtest.SQLite(t), Batch: 3}
		for range 3 {
			run(t, o)
		}
		stop()
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
		report := run(t, o)
		rightCounts(t, o.To, report)
		if found := differences(t, o); len(found) != 0 {
			t.Errorf("differences: %v", found)
		}
	})
}

// useSource makes, changes and deletes jobs until ctx ends.
func useSource(ctx context.Context, db *jobdb.DB) error {
	for n := jobdb.JobID(1); ctx.Err() == nil; n++ {
		id, err := db.CreateJob(ctx, "[]")
		if err == nil {
			err = db.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb"}})
		}
		if err == nil {
			_, err = db.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Status": "Done"}, n%30 + 1: {"Site": "LCG.CERN.ch"}}, jobdb.SetOptions{})
		}
		if err == nil && n%4 == 0 {
			_, err = db.DeleteJobs(ctx, []jobdb.JobID{id - 2})
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, jobdb.ErrNotFound) {
			return err
		}
	}
	return nil
}

// rangesDone is 0 also where there is no table of them yet.
func rangesDone(t *testing.T, url string) (n int64) {
	t.Helper()
	_ = jobdbtest.Raw(t, url).QueryRowContext(t.Context(), `SELECT count(*) FROM "jobdb_import"`).Scan(&n)
	return n
}

// TestKilledChild is the process that TestKilled kills.
func TestKilledChild(t *testing.T) {
	from, to, ok := strings.Cut(os.Getenv("JOBDB_IMPORT_CHILD"), " ")
	if !ok {
		t.Skip("only as a child of another test")
	}
	run(t, transfer.Options{From: from, To: to, Batch: 1})
}
