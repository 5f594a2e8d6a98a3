package jobdb

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
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
