package main

import (
	"testing"
	"time"
)

// Whatever the contender, every transaction that is counted was stored.
func TestWriters(t *testing.T) {
	contenders, err := openWriters(t.Context(), smallRun(t), t.TempDir(), 300)
	for _, w := range contenders {
		defer w.close() //nolint:errcheck // only read from now on
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range contenders {
		db := w.database.bare
		if db == nil {
			if db, err = openBare("sqlite", "sqlite:"+w.path); err != nil {
				t.Fatal(err)
			}
			defer db.close() //nolint:errcheck // only read
		}
		before, err := queryInt(t.Context(), db.reader, `SELECT count(*) FROM "JobCommands"`)
		if err != nil {
			t.Fatal(err)
		}
		done, _, err := w.load(t.Context(), smallWrites[2], 20*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		after, err := queryInt(t.Context(), db.reader, `SELECT count(*) FROM "JobCommands"`)
		if err != nil || done == 0 || int64(after-before) != done {
			t.Errorf("contender %d: %d transactions stored %d commands: %v", i, done, after-before, err)
		}
		for _, write := range smallWrites[:2] {
			if done, _, err := w.load(t.Context(), write, 5*time.Millisecond); err != nil || done == 0 {
				t.Errorf("contender %d: %d transactions: %v", i, done, err)
			}
		}
	}
}
