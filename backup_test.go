package jobdb

import (
	"errors"
	"os"
	"path/filepath"
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
