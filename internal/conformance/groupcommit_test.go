package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// On SQLite, transactions share commits. That must not be seen: each is kept or lost by itself.

var errOnPurpose = errors.New("on purpose")

// outcomes are ways for a transaction to end; each writes first.
var outcomes = map[string]func(ctx context.Context, cancel func(), write func(ctx context.Context) error) error{
	"kept": func(ctx context.Context, _ func(), write func(context.Context) error) error { return write(ctx) },
	"fails": func(ctx context.Context, _ func(), write func(context.Context) error) error {
		return errors.Join(write(ctx), errOnPurpose)
	},
	"panics": func(ctx context.Context, _ func(), write func(context.Context) error) error {
		if err := write(ctx); err != nil {
			return err
		}
		panic(errOnPurpose)
	},
	"cancelled": func(ctx context.Context, cancel func(), write func(context.Context) error) error {
		time.AfterFunc(time.Duration(rand.IntN(300))*time.Microsecond, cancel)
		return errors.Join(write(ctx), write(ctx))
	},
}

func TestGroupCommit(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	address := jobdbtest.SQLite(t)
	db := jobdbtest.Open(t, address, jobdb.Options{})
	ids := make([]jobdb.JobID, 32) // each has fewer parameters than it may have
	for g := range ids {
		ids[g] = newJob(t, db)
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		want = map[string]string{}
	)
	for g, id := range ids {
		wg.Go(func() {
			for round := range rounds {
				for kind := range maps.Keys(outcomes) { // in random order
					name := fmt.Sprint(kind, " ", g, " ", round)
					err := end(t.Context(), db, kind, func(ctx context.Context, tx *jobdb.Tx) error {
						return tx.SetJobParameters(ctx, named{id: {name: kind}})
					})
					if kind == "kept" && err != nil || (kind == "fails" || kind == "panics") && !errors.Is(err, errOnPurpose) ||
						kind == "cancelled" && err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("%s: got the error %v", name, err)
					}
					if err == nil {
						mu.Lock()
						want[name] = kind
						mu.Unlock()
					}
				}
			}
		})
	}
	wg.Wait()
	for what, reader := range map[string]*jobdb.DB{"this one": db, "another one": jobdbtest.Open(t, address, jobdb.Options{})} {
		stored, err := reader.JobParameters(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, parameters := range stored {
			maps.Copy(got, parameters)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s sees %d rows, %d transactions had no error", what, len(got), len(want))
		}
	}
}

// end runs a transaction that ends in one of the outcomes and returns the error or what it panicked
// with.
func end(ctx context.Context, db *jobdb.DB, kind string, write func(context.Context, *jobdb.Tx) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = p.(error) //nolint:forcetypeassert // there is one panic
		}
	}()
	return db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		return outcomes[kind](ctx, cancel, func(ctx context.Context) error { return write(ctx, tx) })
	})
}

func newJob(t *testing.T, db *jobdb.DB) jobdb.JobID {
	t.Helper()
	id, err := db.CreateJob(t.Context(), "[x]")
	if err == nil {
		err = db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"VO": "x"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const writerEnv = "JOBDB_TEST_WRITER"

// What a process was told to be written is there after it was killed.
func TestKilledWriter(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		address := jobdbtest.SQLite(t)
		jobdbtest.Open(t, address, jobdb.Options{})
		cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestWriterChild$")
		cmd.Env = append(os.Environ(), writerEnv+"="+address)
		output, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		acknowledged := map[jobdb.JobID]string{}
		for lines := bufio.NewScanner(output); lines.Scan(); {
			number, text, found := strings.Cut(lines.Text(), " ")
			id, err := strconv.ParseInt(number, 10, 64)
			if !found || err != nil {
				t.Fatalf("the writer said %q", lines.Text())
			}
			acknowledged[jobdb.JobID(id)] = text
			if len(acknowledged) == 200+100*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || len(acknowledged) < 200 {
			t.Fatalf("the writer ended by itself after %d jobs: %v", len(acknowledged), err)
		}
		checkAcknowledged(t, address, acknowledged)
	}
}

// checkAcknowledged wants all the jobs that were acknowledged, in a sound file that can be written
// on.
func checkAcknowledged(t *testing.T, address string, acknowledged map[jobdb.JobID]string) {
	t.Helper()
	db := jobdbtest.Open(t, address, jobdb.Options{})
	ids := make([]jobdb.JobID, 0, len(acknowledged))
	for id := range acknowledged {
		ids = append(ids, id)
	}
	got, err := db.OriginalJDLs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, acknowledged) {
		t.Errorf("%d of %d acknowledged jobs are there", len(got), len(acknowledged))
	}
	var sound string
	if err := jobdbtest.Raw(t, address).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("the file is damaged: %s %v", sound, err)
	}
	if _, err := db.CreateJob(t.Context(), "[next]"); err != nil {
		t.Errorf("nothing can be written any more: %v", err)
	}
}

// TestWriterChild writes until it is killed, and says what was acknowledged.
func TestWriterChild(t *testing.T) {
	address := os.Getenv(writerEnv)
	if address == "" {
		t.Skip("only as a child of another test")
	}
	db := jobdbtest.Open(t, address, jobdb.Options{})
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := 0; n < 100_000 && t.Context().Err() == nil; n++ {
				text := fmt.Sprintf("[%d %d]", w, n)
				id, err := db.CreateJob(t.Context(), text)
				if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				_, _ = fmt.Fprintf(os.Stdout, "%d %s\n", id, text)
			}
		})
	}
	wg.Wait()
}
