package transfer_test

import (
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestLarge measures a move from DIRAC 8 on MariaDB to PostgreSQL, five rows of history a job. It
// is for make import-large only. The process that moves jobs is killed as often as
// JOBDB_IMPORT_KILLS says.
func TestLarge(t *testing.T) {
	jobs, _ := strconv.Atoi(os.Getenv("JOBDB_IMPORT_LARGE"))
	if jobs == 0 {
		t.Skip("only when JOBDB_IMPORT_LARGE says how many jobs: make import-large")
	}
	kills, _ := strconv.Atoi(os.Getenv("JOBDB_IMPORT_KILLS"))
	from, history := oracle.DIRACApart(t, "8.0.86", jobdbtest.MariaDBWith, "latin1")
	measure := func(what string, fn func()) {
		t.Helper()
		start := time.Now()
		fn()
		took := time.Since(start)
		t.Logf("%s: %v, %.0f jobs/s", what, took.Round(100*time.Millisecond), float64(jobs)/took.Seconds())
	}
	measure("making the source", func() { fillDIRAC(t, from, history, jobs) })

	m := move{From: from, FromHistory: history, To: jobdbtest.PostgreSQL(t), Groups: map[string]string{}}
	for i := range 5 {
		m.Groups["group"+strconv.Itoa(i)] = "vo" + strconv.Itoa(i%2)
	}
	target, peak := jobdbtest.Raw(t, m.To), 0
	measure("copy", func() {
		for n := range kills {
			peak = max(peak, m.child(t, target, jobs*(n+1)/(kills+1)))
		}
		peak = max(peak, m.child(t, target, 0))
	})
	t.Logf("killed %d times with kill -9; peak memory: %d MB", kills, peak>>10)
	count := m
	count.Count = true
	measure("count", func() { t.Logf("peak memory: %d MB", count.child(t, target, 0)>>10) })
	measure("second run", func() { t.Logf("peak memory: %d MB", m.child(t, target, 0)>>10) })
	measure("verify", func() {
		if found := differences(t, m.options()); len(found) > 0 {
			t.Errorf("differences: %v", found)
		}
	})
	if rows := ask(t, m.To, `SELECT count(*) FROM "LoggingInfo"`); rows != int64(5*jobs) {
		t.Errorf("%d rows of history", rows)
	}
}

// fillDIRAC makes jobs of the numbers from 1.
func fillDIRAC(t *testing.T, from, history string, jobs int) {
	t.Helper()
	series := " FROM seq_1_to_" + strconv.Itoa(jobs)
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
}

// move is what a child is to do.
type move struct {
	From, FromHistory, To string
	Groups                map[string]string
	Count                 bool // count the target's jobs, and no more
}

func (m move) options() transfer.Options {
	return transfer.Options{From: m.From, FromHistory: m.FromHistory, To: m.To, Groups: m.Groups, Batch: 1000}
}

// child moves jobs in a process of its own, and kills it some time after so many jobs are in the
// target; 0 lets it end. It returns the most memory that it took, in kilobytes; the system says no
// less than this process had when it began, so that what takes much is done by children.
func (m move) child(t *testing.T, target *sql.DB, killAt int) int {
	t.Helper()
	asked, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^TestLargeChild$", "-test.timeout=0")
	child.Env = append(os.Environ(), "JOBDB_IMPORT_MOVE="+string(asked))
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for killAt > 0 {
		select {
		case err := <-ended:
			t.Fatalf("the process that moves jobs ended before it was killed: %v", err)
		case <-time.After(100*time.Millisecond + rand.N(time.Second)):
		}
		done := 0 // also where there is no table of ranges yet
		_ = target.QueryRowContext(t.Context(), `SELECT sum("Jobs") FROM "jobdb_import"`).Scan(&done)
		if done >= killAt {
			break
		}
	}
	if killAt > 0 {
		_ = child.Process.Kill()
	}
	if err := <-ended; (err == nil) != (killAt == 0) {
		t.Fatalf("the process that moves jobs, to be killed at %d: %v", killAt, err)
	}
	return int(child.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) //nolint:forcetypeassert // on every Unix
}

// TestLargeChild is the process that TestLarge kills.
func TestLargeChild(t *testing.T) {
	asked := os.Getenv("JOBDB_IMPORT_MOVE")
	if asked == "" {
		t.Skip("only as a child of another test")
	}
	var m move
	if err := json.Unmarshal([]byte(asked), &m); err != nil {
		t.Fatal(err)
	}
	if !m.Count {
		run(t, m.options())
	} else if _, err := jobdbtest.Open(t, m.To, jobdb.Options{FoldInterval: -1}).RebuildCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
}
