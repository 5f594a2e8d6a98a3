package engine

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestPutAside leaves the file in its place as well, until another one takes that: who starts a server
// when a restore was killed finds a database, and makes no empty one.
func TestPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	aside := path + ".before"
	if err := withFile(path, false, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), "CREATE TABLE x (y)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := putAside(t.Context(), path, aside); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, aside} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := putAside(t.Context(), path, aside); errors.Is(err, os.ErrNotExist) || err == nil {
		t.Errorf("again: %v", err)
	}
}
