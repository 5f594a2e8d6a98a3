package main

import (
	"testing"
	"time"
)

// Every transaction that is counted has been stored, in each way.
func TestWriters(t *testing.T) {
	ways, err := openWays(t.Context(), small(t), t.TempDir(), 300)
	for _, way := range ways {
		defer way.close() //nolint:errcheck // only read from now on
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, way := range ways {
		db := way.world.bare
		if db == nil {
			if db, err = openBare("sqlite", "sqlite:"+way.path); err != nil {
				t.Fatal(err)
			}
			defer db.close() //nolint:errcheck // only read
		}
		before, err := queryInt(t.Context(), db.reader, `SELECT count(*) FROM "JobCommands"`)
		if err != nil {
			t.Fatal(err)
		}
		done, _, err := way.load(t.Context(), smallWrites[2], 20*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		after, err := queryInt(t.Context(), db.reader, `SELECT count(*) FROM "JobCommands"`)
		if err != nil || done == 0 || int64(after-before) != done {
			t.Errorf("way %d: %d transactions stored %d commands: %v", i, done, after-before, err)
		}
		for _, write := range smallWrites[:2] {
			if done, _, err := way.load(t.Context(), write, 5*time.Millisecond); err != nil || done == 0 {
				t.Errorf("way %d: %d transactions: %v", i, done, err)
			}
		}
	}
}
