package conformance_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestHistoryElsewhere keeps LoggingInfo in a database of its own, as DiracX
// does: a second file, a second database on one server, another engine.
func TestHistoryElsewhere(t *testing.T) {
	for name, urls := range map[string][2]func(testing.TB) string{
		"SQLite and SQLite":           {jobdbtest.SQLite, jobdbtest.SQLite},
		"MariaDB, one server":         {jobdbtest.MariaDB, jobdbtest.MariaDB},
		"MariaDB and SQLite":          {jobdbtest.MariaDB, jobdbtest.SQLite},
		"MySQL, one server":           {jobdbtest.MySQL, jobdbtest.MySQL},
		"MySQL and MariaDB":           {jobdbtest.MySQL, jobdbtest.MariaDB},
		"PostgreSQL, two of one":      {jobdbtest.PostgreSQL, jobdbtest.PostgreSQL},
		"DIRAC on MariaDB, two users": {dirac(jobdbtest.MariaDBWith), ofUser(dirac(jobdbtest.MariaDBWith))},
		"DIRAC on MySQL, two users":   {dirac(jobdbtest.MySQLWith), ofUser(dirac(jobdbtest.MySQLWith))},
		"DIRAC on MySQL and MariaDB":  {dirac(jobdbtest.MySQLWith), dirac(jobdbtest.MariaDBWith)},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "SQLite and SQLite" {
				t.Skip("servers are left out by -short")
			}
			testHistoryElsewhere(t, urls[0](t), urls[1](t))
		})
	}
}

func dirac(server oracle.Server) func(testing.TB) string {
	return func(tb testing.TB) string { return oracle.DIRAC(tb, "9.1.22", server) }
}

func ofUser(newDatabase func(testing.TB) string) func(testing.TB) string {
	return func(tb testing.TB) string { return oracle.OfUser(tb, newDatabase(tb)) }
}

func testHistoryElsewhere(t *testing.T, url, historyURL string) {
	ctx := context.Background()
	db := jobdbtest.Open(t, url, jobdb.Options{HistoryURL: historyURL})
	elsewhere := jobdbtest.Open(t, historyURL, jobdb.Options{})
	id, err := db.CreateJob(ctx, "[]")
	if err != nil {
		t.Fatal(err)
	}
	record := jobdb.HistoryRecord{JobID: id, Status: "Received", Time: time.Now(), Source: "test"}
	submit := func(fail error) error {
		return db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			attributes := map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb"}}
			return errors.Join(tx.InsertJobAttributes(ctx, attributes), tx.InsertHistory(ctx, []jobdb.HistoryRecord{record, record}), fail)
		})
	}
	records := func(db *jobdb.DB) int {
		history, err := db.History(ctx, []jobdb.JobID{id})
		if err != nil {
			t.Fatal(err)
		}
		return len(history[id])
	}
	failure := errors.New("no")
	if err := submit(failure); !errors.Is(err, failure) || records(db) != 0 {
		t.Errorf("after a rollback: %v, %d records", err, records(db))
	}
	if err := submit(nil); err != nil || records(db) != 2 || records(elsewhere) != 2 {
		t.Errorf("after a commit: %v, %d records, %d elsewhere", err, records(db), records(elsewhere))
	}
	if times, err := db.StatusTimes(ctx, []jobdb.JobID{id}); err != nil || len(times[id]) != 1 {
		t.Errorf("status times: %v, %v", times, err)
	}
	impossible := record
	impossible.JobID = -1
	err = db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		return tx.InsertHistory(ctx, []jobdb.HistoryRecord{impossible})
	})
	if _, unknown := errors.AsType[*jobdb.NotFoundError](err); unknown {
		t.Errorf("a record of a job that can't exist: %v, as if a history needed its job", err)
	}
	if n, err := db.DeleteJobs(ctx, []jobdb.JobID{id}); err != nil || n != 1 || records(elsewhere) != 0 {
		t.Errorf("after deleting: %v, %d jobs, %d records elsewhere", err, n, records(elsewhere))
	}
}
