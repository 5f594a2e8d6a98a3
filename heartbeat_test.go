package jobdb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
)

// TestLastHeartbeatsOfMany wants the last values of a job that has very many of them to be found
// without reading the others.
func TestLastHeartbeatsOfMany(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		var texts []string
		note := func(_ context.Context, task, text string) func(error) {
			if task == "read heartbeats" {
				texts = append(texts, text)
			}
			return func(error) {}
		}
		db := openWith(t, url, jobdb.Options{Connections: 1, Hooks: jobdb.Hooks{Statement: note}})
		migrate(t, db)
		raw(t, db, `INSERT INTO "JobJDLs" ("JobID", "JDL") VALUES (1, '[a]'), (2, '[b]')`)
		raw(t, db, `INSERT INTO "Jobs" ("JobID", "VO") VALUES (1, 'lhcb'), (2, 'lhcb')`)
		const values, last, names = 6000, 10, 3
		for i := 0; i < values; {
			var rows []string
			for ; len(rows) < 600; i++ {
				at := time.Unix(1_700_000_000+int64(i), 0).UTC().Format("2006-01-02 15:04:05.000000")
				for name := range names {
					rows = append(rows, fmt.Sprintf("(%d, 'Name %d', 'x', '%s')", 1+i%2, name, at))
				}
			}
			raw(t, db, `INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES `+strings.Join(rows, ", "))
		}
		if db.Engine() == "postgres" {
			raw(t, db, "ANALYZE") // which autovacuum does elsewhere
		}
		before := rowsRead(t, db)
		beats, err := db.Heartbeats(t.Context(), []jobdb.JobID{2}, last)
		if err != nil || len(beats[2]) != last*names || beats[2][0].Time.Unix() != 1_700_000_000+values-1 {
			t.Fatalf("%d values, %v", len(beats[2]), err)
		}
		// As many as show that these are many, and those that are shown.
		if read := rowsRead(t, db) - before; db.Engine() != "sqlite" && (read < last*names || read > 1001+4*last*names) {
			t.Errorf("%d rows were read for %d values", read, last*names)
		}
		if db.Engine() == "sqlite" {
			wantByName(t, db, texts[1:])
		}
		wantSameAlone(t, db)
		for i := range 60 { // more than are looked for by name
			at := time.Unix(1_700_000_000+values-int64(i), 0).UTC().Format("2006-01-02 15:04:05.000000")
			raw(t, db, fmt.Sprintf(`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime") VALUES (2, 'Other %d', 'y', '%s')`, i, at))
			if i == 5 {
				wantSameAlone(t, db)
			}
		}
		wantSameAlone(t, db)
	})
}

// wantSameAlone wants of a job alone the same last values as of it among others.
func wantSameAlone(t *testing.T, db *jobdb.DB) {
	t.Helper()
	for _, last := range []int{1, 4, 70} {
		alone, err := db.Heartbeats(t.Context(), []jobdb.JobID{2}, last)
		if err != nil {
			t.Fatal(err)
		}
		among, err := db.Heartbeats(t.Context(), []jobdb.JobID{1, 2}, last)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(among[2], alone[2]); diff != "" || len(alone[2]) < last {
			t.Errorf("the last %d: - among others + alone\n%s", last, diff)
		}
	}
}

// rowsRead is how many rows were read on the one connection or, on PostgreSQL, of the table; 0 on
// SQLite, which doesn't count.
func rowsRead(t *testing.T, db *jobdb.DB) (read int64) {
	t.Helper()
	if db.Engine() == "sqlite" {
		return 0
	}
	query := "SHOW SESSION STATUS LIKE 'Handler_read%'"
	if db.Engine() == "postgres" {
		raw(t, db, "SELECT pg_stat_force_next_flush()")
		query = `SELECT 'x', seq_tup_read + (SELECT SUM(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = t.relname)
			FROM pg_stat_user_tables AS t WHERE relname = 'HeartBeatLoggingInfo'`
	}
	rows, err := db.Raw().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		read += n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return read
}

// wantByName wants of SQLite's plans that values are found by their name, too.
func wantByName(t *testing.T, db *jobdb.DB, texts []string) {
	t.Helper()
	found := 0
	for _, text := range texts {
		rows, err := db.Raw().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			switch {
			case strings.HasPrefix(step, "SEARCH t USING PRIMARY KEY (JobID=? AND Name=?"):
				found++
			case strings.HasPrefix(step, "SCAN"), strings.Contains(step, "TEMP B-TREE"):
				t.Errorf("a step of %s\nis %s", text, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if found != len(texts) || found == 0 {
		t.Errorf("%d of these find values by their name: %q", found, texts)
	}
}
