package conformance

import (
	"path/filepath"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// What can't be opened, and what is empty, is of one class on every engine.

func TestOpenUnreachable(t *testing.T) {
	f := &fixture{t: t}
	for engine, address := range map[string]string{
		"SQLite":     "sqlite:" + filepath.Join(t.TempDir(), "no folder", "jobs.db"),
		"a folder":   "sqlite:" + t.TempDir(),
		"MariaDB":    "mysql://u@127.0.0.1:1/n",
		"PostgreSQL": "postgres://u@127.0.0.1:1/n",
	} {
		f.only(engine, result(jobdb.Open(t.Context(), address, jobdb.Options{})), jobdb.ErrUnavailable)
		f.only("pilots on "+engine, result(jobdb.OpenPilots(t.Context(), address, jobdb.Options{})), jobdb.ErrUnavailable)
	}
}

func TestEmptyDatabase(t *testing.T) {
	jobdbtest.EachEngine(t, func(t *testing.T, address string) {
		f := &fixture{t: t}
		db, err := jobdb.Open(t.Context(), address, jobdb.Options{})
		f.ok(err)
		defer db.Close()
		for _, method := range everyMethod {
			ids := []jobdb.JobID{1, 2, 3}
			f.only(method.name, method.call(t.Context(), db, ids), jobdb.ErrSchema)
		}
	})
}
