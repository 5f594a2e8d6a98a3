package jobdb_test

import (
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// The nodes of a cluster that all take writes give IDs that are several apart.
func TestIDsOfAClusterOfMySQL(t *testing.T) {
	db := openWith(t, jobdbtest.MySQL(t), jobdb.Options{FoldInterval: -1})
	migrate(t, db)
	db.Raw().SetMaxOpenConns(1) // of which this is the session
	raw(t, db, "SET SESSION auto_increment_increment = 7, auto_increment_offset = 3")
	jdls := []string{"[0]", "[1]", "[2]", "[3]", "[4]"}
	ids, err := db.CreateJobs(t.Context(), jdls)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := db.OriginalJDLs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if id%7 != 3 || stored[id] != jdls[i] {
			t.Errorf("job %d of %d has the ID %d and the JDL %q", i, len(ids), id, stored[id])
		}
	}
}
