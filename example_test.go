package jobdb_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"jobdb"
)

// A job is created, found, told to end, and tells that it heard.
func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "jobdb")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := jobdb.Open(ctx, "sqlite:"+filepath.Join(folder, "jobs.db"), jobdb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	// All of a new job is stored, or nothing.
	var id jobdb.JobID
	err = db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if id, err = tx.CreateJob(ctx, `[ Executable = "/bin/true" ]`); err != nil {
			return err
		}
		return tx.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{
			id: {"VO": "lhcb", "Owner": "alice", "SubmissionTime": time.Now()},
		})
	})
	if err != nil {
		log.Fatal(err)
	}

	search, err := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Status", "Owner"},
		Search:     []jobdb.FilterSpec{{Parameter: "Owner", Operator: "in", Values: []any{"alice", "bob"}}},
		Sort:       []jobdb.SortSpec{{Parameter: "SubmissionTime", Direction: "desc"}},
	}.Parse(db.Limits())
	if err != nil {
		log.Fatal(err)
	}
	search.Scope.VO = "lhcb"
	search.Page, search.PerPage = 1, 10
	page, err := db.Search(ctx, search)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Total, page.Columns, page.Rows)

	if err := db.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: jobdb.KillCommand}}); err != nil {
		log.Fatal(err)
	}
	commands, err := db.TakeJobCommands(ctx, []jobdb.JobID{id})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(commands)

	_, err = jobdb.SearchRequest{Parameters: []string{"Colour"}}.Parse(db.Limits())
	fmt.Println(errors.Is(err, jobdb.ErrInvalidQuery))

	// Output:
	// 1 [JobID Owner Status] [[1 alice Received]]
	// [{1 Kill }]
	// true
}
