package jobdb

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPlainCopy copies the file alone of a database that is open. Once nobody has written for a
// moment it has all.
func TestPlainCopy(t *testing.T) {
	folder := t.TempDir()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(folder, "jobs.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := db.CreateJob(t.Context(), "[]")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InsertJobAttributes(t.Context(), map[JobID]Attributes{id: {"VO": "lhcb"}}); err != nil {
		t.Fatal(err)
	}
	last := ""
	for deadline := time.After(20 * time.Second); ; {
		text, err := os.ReadFile(filepath.Join(folder, "jobs.db"))
		if err != nil {
			t.Fatal(err)
		}
		if last = jobInCopy(t, text, id); last == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatal("a plain copy doesn't have the job: " + last)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// jobInCopy says why a copy of a file doesn't have a job.
func jobInCopy(t *testing.T, text []byte, id JobID) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), "sqlite:"+path, Options{ReadOnly: true, FoldInterval: -1})
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	if _, err := db.Job(t.Context(), Scope{VO: "lhcb"}, id); err != nil {
		return err.Error()
	}
	return ""
}

// TestBackupRefuses looks at what is refused before anything is written.
func TestBackupRefuses(t *testing.T) {
	folder := t.TempDir()
	to := filepath.Join(folder, "backup.db")
	if err := Backup(t.Context(), "sqlite::memory:", to); !errors.Is(err, ErrNotAFile) {
		t.Errorf("in memory: %v", err)
	}
	if err := Backup(t.Context(), "sqlite:"+filepath.Join(folder, "no", "jobs.db"), to); err == nil {
		t.Error("a file that isn't there was backed up")
	}
	empty := filepath.Join(folder, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), empty, "sqlite:"+filepath.Join(folder, "jobs.db"), to); err == nil {
		t.Error("an empty file was restored")
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("files: %v, %v", entries, err)
	}
}

// TestRestoreBesideLogs restores where a log of SQLite lies that isn't of the file beside it, or that has
// what its file lacks. SQLite would play the first into the restored file, and damage it; the backup
// would lack the second.
func TestRestoreBesideLogs(t *testing.T) {
	folder := t.TempDir()
	path, backup, copied := filepath.Join(folder, "jobs.db"), filepath.Join(folder, "backup.db"), filepath.Join(folder, "copied.db")
	db, err := Open(t.Context(), "sqlite:"+path, Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), "sqlite:"+path, backup); err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreateJob(t.Context(), "[]"); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal") // as a server leaves it that was killed
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err := errors.Join(err, db.Close(), os.WriteFile(copied, file, 0o600), os.WriteFile(copied+"-wal", log, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path+"-wal", log, 0o600)); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error, log string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), log) {
			t.Errorf("%s: %v", what, err)
		}
	}
	aside := path + ".before-restore"
	refused("the log of a database that was moved away", Restore(t.Context(), backup, "sqlite:"+path, aside), path+"-wal")
	refused("a new database beside it", Backup(t.Context(), "sqlite:"+copied, path), path+"-wal")
	_, err = Open(t.Context(), "sqlite:"+path, Options{})
	refused("a server beside it", err, path+"-wal")
	if now, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(now, log) {
		t.Errorf("the log has changed: %v", err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	refused("a copy with a log", Restore(t.Context(), copied, "sqlite:"+path, aside), copied+"-wal")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was restored: %v", err)
	}
	if err := Restore(t.Context(), backup, "sqlite:"+path, aside); err != nil {
		t.Error(err)
	}
	if err := CheckFile(t.Context(), path); err != nil {
		t.Error(err)
	}
}

// atOnce calls fn several times at the same time, and returns the errors of those that failed.
func atOnce(n int, fn func(i int) error) (failed []error) {
	errs := make(chan error, n)
	begin := make(chan struct{})
	for i := range n {
		go func() { <-begin; errs <- fn(i) }()
	}
	close(begin)
	for range n {
		if err := <-errs; err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// TestBackupsAtOnce makes several copies of different databases under one name at the same time: one of
// them is there, whole, and the others are told. So it is with restores.
func TestBackupsAtOnce(t *testing.T) {
	const many = 4
	for round := range 5 {
		folder := t.TempDir()
		databases, copies := make([]string, many), make([]string, many)
		for i := range many {
			databases[i] = filepath.Join(folder, "jobs"+itoa(i)+".db")
			db, err := Open(t.Context(), "sqlite:"+databases[i], Options{FoldInterval: -1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.CreateJobs(t.Context(), slices.Repeat([]string{strings.Repeat("x", 1000)}, 50*(i+1))); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			copies[i] = filepath.Join(folder, "copy"+itoa(i)+".db")
			if err := Backup(t.Context(), "sqlite:"+databases[i], copies[i]); err != nil {
				t.Fatal(err)
			}
		}
		made := func(what, path string, failed []error) {
			t.Helper()
			if len(failed) != many-1 {
				t.Errorf("round %d, %s: of %d at once %d failed: %v", round, what, many, len(failed), failed)
			}
			for _, err := range failed {
				if !strings.Contains(err.Error(), path+" exists already") && !strings.Contains(err.Error(), path+".aside exists already") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := checkBackup(t.Context(), path); err != nil {
				t.Errorf("round %d, %s: %v", round, what, err)
			}
			if left, err := filepath.Glob(path + ".*partial*"); err != nil || len(left) > 0 {
				t.Errorf("%s left %v, %v", what, left, err)
			}
		}
		to := filepath.Join(folder, "to.db")
		made("backup", to, atOnce(many, func(i int) error { return Backup(t.Context(), "sqlite:"+databases[i], to) }))
		restored := filepath.Join(folder, "restored.db")
		restore := func(aside string) func(int) error {
			return func(i int) error { return Restore(t.Context(), copies[i], "sqlite:"+restored, aside) }
		}
		made("restore", restored, atOnce(many, restore("")))
		before, err := os.ReadFile(restored)
		if err != nil {
			t.Fatal(err)
		}
		made("restore over another", restored, atOnce(many, restore(restored+".aside")))
		if aside, err := os.ReadFile(restored + ".aside"); err != nil || len(aside) != len(before) {
			t.Errorf("round %d: of %d bytes that were there %d were put aside, %v", round, len(before), len(aside), err)
		}
	}
}
