package jobdb_test

import (
	"context"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// Each Open in memory is a database of its own, whatever happens to its connections.
func TestMemoryIsPrivateAndStays(t *testing.T) {
	ctx := t.Context()
	one := jobdbtest.Open(t, "sqlite::memory:", jobdb.Options{})
	other := jobdbtest.Open(t, "sqlite+aiosqlite:///:memory:", jobdb.Options{})
	if _, err := one.CreateJob(ctx, "[]"); err != nil {
		t.Fatal(err)
	}
	for range 20 { // an end of the context in a transaction costs a connection
		ending, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		for _, err := one.CheckSchema(ending); err == nil && ending.Err() == nil; {
			_, err = one.Search(ending, jobdb.Search{Scope: jobdb.Scope{AllVOs: true}, Page: 1})
		}
		cancel()
	}
	for db, want := range map[*jobdb.DB]int{one: 1, other: 0} {
		jdls, err := db.OriginalJDLs(ctx, []jobdb.JobID{1})
		if err != nil || len(jdls) != want {
			t.Errorf("got %v, %v, want %d", jdls, err, want)
		}
	}
}

// On one connection, what reads a stream may write.
func TestMemoryWritesWhileStreaming(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db := jobdbtest.Open(t, "sqlite::memory:", jobdb.Options{})
	ids, err := db.CreateJobs(ctx, []string{"[]", "[]", "[]"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := db.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb"}}); err != nil {
			t.Fatal(err)
		}
	}
	search := jobdb.Search{Scope: jobdb.Scope{VO: "lhcb"}}
	for row, err := range db.Stream(ctx, search) {
		if err != nil {
			t.Fatal(err)
		}
		id, _ := row[0].(int64)
		if err := db.SetJobParameters(ctx, map[jobdb.JobID]map[string]string{jobdb.JobID(id): {"seen": "yes"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.JobParameters(ctx, ids); err != nil || len(got) != len(ids) {
		t.Errorf("got %v, %v", got, err)
	}
}
