package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// openLogged opens a file whose log is small from a megabyte on.
func openLogged(t *testing.T) *Engine {
	t.Helper()
	target, err := ParseURL("sqlite:" + filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), target, Settings{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	e.log.limit = 1 << 20
	for _, statement := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF", "CREATE TABLE texts (text TEXT)"} {
		if _, err := e.Writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// writeTexts writes so many texts of 100 kB, and returns the most that the log had, in bytes.
func writeTexts(t *testing.T, e *Engine, n int) (most int64) {
	t.Helper()
	for range n {
		err := e.Groups.Run(t.Context(), func(q Querier) error {
			_, err := q.ExecContext(t.Context(), "INSERT INTO texts VALUES (?)", strings.Repeat("x", 100_000))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(e.log.path)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, info.Size())
		time.Sleep(5 * time.Millisecond) // a disk isn't faster
	}
	return most
}

// readFor has a snapshot for some time, or until its context ends.
func readFor(ctx context.Context, e *Engine, d time.Duration) error {
	done, err := e.Reading(ctx)
	if err != nil {
		return err
	}
	defer done()
	tx, err := e.Reader.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM texts").Scan(&n); err != nil {
		return err
	}
	return Sleep(ctx, d)
}

// Readers that overlap, so that somebody always reads, don't keep the log from beginning anew.
func TestLogBesideReaders(t *testing.T) {
	e := openLogged(t)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			for err := Sleep(ctx, time.Duration(n)*30*time.Millisecond); err == nil && ctx.Err() == nil; {
				if err = readFor(ctx, e, 100*time.Millisecond); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	most := writeTexts(t, e, 300)
	stop()
	all.Wait()
	if t.Logf("30 MB were written: the log had up to %d kB", most>>10); most > 8<<20 {
		t.Error("the log grew without end")
	}
}

// The log is copied into the file beside writers: they never wait for that while they leave it time.
func TestLogIsCopiedBesideWriters(t *testing.T) {
	e := openLogged(t)
	e.log.limit = logLimit
	write := func(bytes int) {
		err := e.Groups.Run(t.Context(), func(q Querier) error {
			_, err := q.ExecContext(t.Context(), "INSERT INTO texts VALUES (?)", strings.Repeat("x", bytes))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(copyPages * 4500)
	for end := time.Now().Add(busyTime * 2 / 3); e.log.uncopied(t.Context()) >= copyPages; write(1) { // so that it is never idle
		if time.Now().After(end) {
			t.Fatalf("%d pages wait to be copied", e.log.uncopied(t.Context()))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A question that doesn't end is ended when the log is several times too large.
func TestQuestionIsLetGo(t *testing.T) {
	e := openLogged(t)
	ctx, end := e.Question(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- readFor(ctx, e, time.Hour) }()
	time.Sleep(50 * time.Millisecond)
	most := writeTexts(t, e, 120)
	select {
	case err := <-ended:
		if !errors.Is(context.Cause(ctx), ErrLetGo) {
			t.Errorf("the question ended with %v, caused by %v", err, context.Cause(ctx))
		}
	case <-time.After(time.Minute):
		t.Errorf("the question goes on, at a log of %d kB", most>>10)
	}
	for tries := 0; ; tries++ {
		writeTexts(t, e, 1)
		if info, err := os.Stat(e.log.path); err == nil && info.Size() < 1<<20 {
			break
		}
		if tries > 500 {
			t.Fatal("the log doesn't begin anew")
		}
	}
	again, end := e.Question(t.Context())
	defer end()
	if err := readFor(again, e, 0); err != nil {
		t.Errorf("the next question: %v", err)
	}
}
