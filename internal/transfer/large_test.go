package transfer_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestLarge measures a move from DIRAC 8 on MariaDB to PostgreSQL, five rows of history a job. It
// is for make import-large only.
func TestLarge(t *testing.T) {
	jobs, _ := strconv.Atoi(os.Getenv("JOBDB_IMPORT_LARGE"))
	if jobs == 0 {
		t.Skip("only when JOBDB_IMPORT_LARGE says how many jobs: make import-large")
	}
	from, history := oracle.DIRACApart(t, "8.0.86", jobdbtest.MariaDBWith, "latin1")
	series := " FROM seq_1_to_" + strconv.Itoa(jobs)
	start := time.Now()
	lenient(t, from,
		`INSERT INTO JobJDLs SELECT seq, CONCAT('eJx', REPEAT(SHA2(seq, 512), 5)), '', CONCAT('eJy', REPEAT(SHA2(seq, 512), 3))`+series,
		`INSERT INTO Jobs (JobID, Site, JobName, Owner, OwnerGroup, JobGroup, SubmissionTime, LastUpdateTime, StartExecTime, EndExecTime, Status, MinorStatus, ApplicationStatus)
			SELECT seq, CONCAT('LCG.Site', seq % 120), CONCAT('job', seq), CONCAT('user', seq DIV 1000 % 300), CONCAT('group', seq DIV 1000 % 5), LPAD(seq DIV 1000, 8, '0'),
			'2024-01-01' + INTERVAL seq SECOND, '2024-01-02' + INTERVAL seq SECOND, '2024-01-01 12:00' + INTERVAL seq SECOND, '2024-01-02' + INTERVAL seq SECOND,
			ELT(1 + seq % 7, 'Done', 'Done', 'Done', 'Done', 'Failed', 'Running', 'Waiting'), CONCAT('Minor ', seq % 7), CONCAT('App ', seq % 7)`+series,
	)
	lenient(t, history, `DROP TRIGGER SeqNumGenerator`,
		`INSERT INTO LoggingInfo SELECT j.seq, n.seq, ELT(n.seq, 'Received', 'Checking', 'Waiting', 'Running', 'Done'), CONCAT('Minor ', j.seq % 7), 'Unknown',
			'2024-01-01' + INTERVAL j.seq + 600 * n.seq SECOND, 434044800 + j.seq + 600 * n.seq, 'WorkloadManagement'
			FROM seq_1_to_`+strconv.Itoa(jobs)+` AS j, seq_1_to_5 AS n`)
	t.Logf("the source was made in %v", time.Since(start).Round(time.Second))

	groups := map[string]string{}
	for i := range 5 {
		groups["group"+strconv.Itoa(i)] = "vo" + strconv.Itoa(i%2)
	}
	o := transfer.Options{From: from, FromHistory: history, To: jobdbtest.PostgreSQL(t), Groups: groups, Batch: 1000}
	peak := uint64(0)
	o.Progress = func(transfer.Progress) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.Sys)
	}
	measure := func(what string, fn func()) {
		start := time.Now()
		fn()
		took := time.Since(start)
		t.Logf("%s: %v, %.0f jobs/s", what, took.Round(100*time.Millisecond), float64(jobs)/took.Seconds())
	}
	measure("copy", func() { run(t, o) })
	measure("count", func() {
		if _, err := jobdbtest.Open(t, o.To, jobdb.Options{FoldInterval: -1}).RebuildCounts(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	measure("second run", func() { run(t, o) })
	measure("verify", func() {
		if found := differences(t, o); len(found) > 0 {
			t.Errorf("differences: %v", found)
		}
	})
	t.Logf("memory: %d MB", peak>>20)
}
