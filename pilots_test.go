package jobdb_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
)

// The tables as DiracX makes them, but for columns that don't matter here.
const pilotTables = `
CREATE TABLE "PilotAgents" ("PilotID" INTEGER NOT NULL PRIMARY KEY, "PilotStamp" VARCHAR(32) NOT NULL DEFAULT '', "Status" VARCHAR(32) NOT NULL DEFAULT 'Unknown');
CREATE TABLE "JobToPilotMapping" ("PilotID" INTEGER NOT NULL, "JobID" INTEGER NOT NULL, PRIMARY KEY ("PilotID", "JobID"));
INSERT INTO "PilotAgents" VALUES (1, 'abc', 'Done'), (2, 'ABC', 'Running'), (3, 'def', 'Aborted'), (4, '', 'Waiting'), (5, '', 'Failed'), (6, '', 'Deleted'), (7, '', 'Unknown'), (8, '', 'Running');
INSERT INTO "JobToPilotMapping" VALUES (1, 10), (1, 7), (2, 8), (3, 7), (3, 9), (4, 11), (5, 11), (5, 12), (6, 12), (8, 12), (5, 13), (6, 14), (7, 15), (99, 16);
`

// openPilots opens pilots' tables that it makes, with the rows above.
func openPilots(t *testing.T, url string) *jobdb.Pilots {
	t.Helper()
	db := openDB(t, url)
	for statement := range strings.SplitSeq(strings.TrimSpace(pilotTables), "\n") {
		raw(t, db, statement)
	}
	pilots, err := jobdb.OpenPilots(t.Context(), url, jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pilots.Close(); err != nil {
			t.Error(err)
		}
	})
	return pilots
}

// TestPilotsEnded wants the jobs all of whose pilots have ended: not those one of whose goes on, or
// may, and none that no pilot was given, or one that isn't known any more.
func TestPilotsEnded(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		pilots := openPilots(t, url)
		many := []jobdb.JobID{14, 7, 10, 10}
		for id := jobdb.JobID(8); id < 2000; id++ {
			many = append(many, id)
		}
		for _, test := range []struct{ ids, want []jobdb.JobID }{
			{many, []jobdb.JobID{7, 9, 10, 13, 14}},
			{[]jobdb.JobID{8, 7}, []jobdb.JobID{7}},
			{nil, nil},
		} {
			got, err := pilots.Ended(t.Context(), test.ids)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("of %d jobs, -want +got:\n%s", len(test.ids), diff)
			}
		}
	})
}

// A pilot is found by its stamp to the letter; what no database could hold is no stamp.
func TestPilots(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		pilots := openPilots(t, url)
		many := []string{"def"}
		for range 2000 {
			many = append(many, "nobody")
		}
		for _, test := range []struct {
			stamps []string
			want   []jobdb.JobID
		}{
			{[]string{"abc"}, []jobdb.JobID{7, 10}},
			{[]string{"ABC"}, []jobdb.JobID{8}},
			{[]string{"def", "abc", "def"}, []jobdb.JobID{7, 9, 10}},
			{[]string{"abc "}, []jobdb.JobID{}},
			{[]string{"nobody", "ab\u00e7", "\U0001f600", "a\x00c", "a'c"}, []jobdb.JobID{}},
			{[]string{}, []jobdb.JobID{}},
			{many, []jobdb.JobID{7, 9}},
		} {
			got, err := pilots.JobsOf(t.Context(), test.stamps)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, append([]jobdb.JobID{}, got...)); diff != "" {
				t.Errorf("%.60q: %s", test.stamps, diff)
			}
		}
	})
}

// A database without pilots is refused when it is opened.
func TestPilotsElsewhere(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		raw(t, openDB(t, url), "CREATE TABLE other (x INTEGER)")
		if _, err := jobdb.OpenPilots(t.Context(), url, jobdb.Options{}); !errors.Is(err, jobdb.ErrSchema) {
			t.Errorf("%v", err)
		}
	})
	if _, err := jobdb.OpenPilots(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "no", "folder.db"), jobdb.Options{}); err == nil {
		t.Error("opened what isn't there")
	}
	if _, err := jobdb.OpenPilots(t.Context(), "mysql://u:secret@127.0.0.1:1/x", jobdb.Options{}); !errors.Is(err, jobdb.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
