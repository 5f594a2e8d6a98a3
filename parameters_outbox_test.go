package jobdb_test

import (
	"testing"

	"jobdb"
)

// A database from before there was an outbox gets one, and loses nothing.
func TestOutboxOfAnOlderDatabase(t *testing.T) {
	onEmpty(t, func(t *testing.T, url string) {
		if err := openDB(t, url).MigrateTo(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		db := openWith(t, url, jobdb.Options{ParametersOutbox: true})
		raw(t, db, `INSERT INTO "JobJDLs" ("JDL") VALUES ('')`)
		raw(t, db, `INSERT INTO "Jobs" ("JobID", "VO") VALUES (1, 'lhcb')`)
		raw(t, db, `INSERT INTO "JobParameters" ("JobID", "Name", "Value") VALUES (1, 'a', '1')`)
		set := func(name string, waiting int64) {
			t.Helper()
			if err := db.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{1: {name: "1"}}); err != nil {
				t.Fatal(err)
			}
			if waiting == 0 {
				return
			}
			if n, err := db.CountParametersChanges(t.Context()); n != waiting || err != nil {
				t.Errorf("%d changes wait, error %v; want %d", n, err, waiting)
			}
		}
		if set("b", 0); db.HasParametersOutbox() {
			t.Error("there is no outbox yet")
		}
		migrate(t, db)
		set("c", 1)
		all, err := db.JobParameters(t.Context(), []jobdb.JobID{1})
		if len(all[1]) != 3 || err != nil {
			t.Errorf("the parameters %v, error %v", all, err)
		}
	})
}
