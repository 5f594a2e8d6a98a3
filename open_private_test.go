package jobdb_test

import (
	"os"
	"path/filepath"
	"testing"

	"jobdb"
)

// Nobody but its owner reads a SQLite file that jobdb makes, nor the files beside it; the rights of
// one that is there are left alone.
func TestFilesArePrivate(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "jobs.db")
	db, err := jobdb.Open(t.Context(), "sqlite:"+path, jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file.Name(), info.Mode(), err)
		}
	}
	if len(files) < 3 {
		t.Errorf("%d files; want the database, its log and the log's index", len(files))
	}
	shared := filepath.Join(folder, "shared.db")
	if err := os.WriteFile(shared, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	other, err := jobdb.Open(t.Context(), "sqlite:"+shared, jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if info, err := os.Stat(shared); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
