package jobdb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"jobdb"
)

// A database is opened by its URL. Migrate makes the tables of a new one, and brings those of an
// older jobdb up to date.
func ExampleOpen() {
	ctx := context.Background()
	db, err := jobdb.Open(ctx, "sqlite::memory:", jobdb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	fmt.Println(db.Schema())
	if _, err := db.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Schema())

	// Output:
	// empty
	// jobdb
}

// A program that has a pool already gives it to jobdb. Close leaves it open.
func ExampleOpenDB() {
	ctx := context.Background()
	pool, err := sql.Open("mysql", "user:password@tcp(127.0.0.1:3306)/jobs?parseTime=true&clientFoundRows=true"+
		"&sql_mode=%27ANSI_QUOTES%2CSTRICT_ALL_TABLES%27")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	db, err := jobdb.OpenDB(ctx, pool, jobdb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
}

// A pool of pgx's own is given through pgx's package stdlib.
func ExampleOpenDB_pgx() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://user:password@127.0.0.1:5432/jobs?timezone=UTC")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	db, err := jobdb.OpenDB(ctx, stdlib.OpenDBFromPool(pool), jobdb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
}

// openExample is what [ExampleOpen] does.
func openExample(ctx context.Context) *jobdb.DB {
	db, err := jobdb.Open(ctx, "sqlite::memory:", jobdb.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	return db
}

// submitExample is what [ExampleDB_CreateJobs] does.
func submitExample(ctx context.Context, db *jobdb.DB, owners ...string) []jobdb.JobID {
	var ids []jobdb.JobID
	err := db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) (err error) {
		if ids, err = tx.CreateJobs(ctx, make([]string, len(owners))); err != nil {
			return err
		}
		attributes := map[jobdb.JobID]jobdb.Attributes{}
		for i, id := range ids {
			attributes[id] = jobdb.Attributes{"VO": "lhcb", "Owner": owners[i]}
		}
		return tx.InsertJobAttributes(ctx, attributes)
	})
	if err != nil {
		log.Fatal(err)
	}
	return ids
}

// A job is its JDL and its attributes: both are stored, or nothing is. What is not given has a
// default.
func ExampleDB_CreateJobs() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()

	var ids []jobdb.JobID
	err := db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) (err error) {
		if ids, err = tx.CreateJobs(ctx, []string{`[ Executable = "a.sh" ]`, `[ Executable = "b.sh" ]`}); err != nil {
			return err
		}
		attributes := map[jobdb.JobID]jobdb.Attributes{}
		for _, id := range ids {
			attributes[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "SubmissionTime": time.Now()}
		}
		return tx.InsertJobAttributes(ctx, attributes)
	})
	if err != nil {
		log.Fatal(err)
	}
	jobs, err := db.LockJobs(ctx, ids, "Owner", "Status")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(jobs), jobs[ids[0]])

	// Output:
	// 2 map[Owner:alice Status:Received]
}

// A search is written as clients send it, and checked by Parse. Its scope is set by the program.
func ExampleDB_Search() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	submitExample(ctx, db, "alice", "bob", "carol")

	search, err := jobdb.SearchRequest{
		Parameters: []string{"Owner", "Status"},
		Search:     []jobdb.FilterSpec{{Parameter: "Owner", Operator: "in", Values: []any{"alice", "carol"}}},
		Sort:       []jobdb.SortSpec{{Parameter: "Owner", Direction: "desc"}},
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
	fmt.Println(page.Total, page.Columns)
	for _, row := range page.Rows {
		fmt.Println(row...)
	}

	// Output:
	// 2 [Owner Status]
	// carol Received
	// alice Received
}

// A page tells the cursor of the next one. What is submitted meanwhile neither repeats nor hides a
// job.
func ExampleDB_Search_cursor() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	submitExample(ctx, db, "alice", "bob", "carol")

	search, err := jobdb.SearchRequest{
		Parameters: []string{"Owner"}, Sort: []jobdb.SortSpec{{Parameter: "Owner", Direction: "asc"}},
	}.Parse(db.Limits())
	if err != nil {
		log.Fatal(err)
	}
	search.Scope.VO = "lhcb"
	search.Page, search.PerPage = 1, 2
	for {
		page, err := db.Search(ctx, search)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Rows)
		if page.Next == "" {
			break
		}
		search.Page, search.Cursor = 0, page.Next
	}

	// Output:
	// [[alice] [bob]]
	// [[carol]]
}

// Of many jobs the rows come one by one, and none is kept in memory. A loop that ends early ends
// the search.
func ExampleDB_Stream() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	submitExample(ctx, db, "alice", "bob", "carol")

	search, err := jobdb.SearchRequest{
		Parameters: []string{"Owner"}, Sort: []jobdb.SortSpec{{Parameter: "Owner", Direction: "asc"}},
	}.Parse(db.Limits())
	if err != nil {
		log.Fatal(err)
	}
	search.Scope.VO = "lhcb"
	for row, err := range db.Stream(ctx, search) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row...)
	}

	// Output:
	// alice
	// bob
	// carol
}

// Tx runs its function again when it lost against another transaction, so what the function does
// must start afresh. Jobs that it locked nobody else changes until it ends.
func ExampleDB_Tx() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	id := submitExample(ctx, db, "alice")[0]

	var priority int64
	raise := func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := tx.LockJobs(ctx, []jobdb.JobID{id}, "UserPriority")
		if err != nil {
			return err
		}
		before, _ := jobs[id]["UserPriority"].(int64)
		priority = before + 1 // not priority++: this may be the second try
		_, err = tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"UserPriority": priority}}, false)
		return err
	}
	for range 3 {
		if err := db.Tx(ctx, raise); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(priority)

	// The database itself isn't used in its transaction, which would wait for itself.
	err := db.Tx(ctx, func(ctx context.Context, _ *jobdb.Tx) error {
		_, err := db.JobJDLs(ctx, []jobdb.JobID{id})
		return err
	})
	fmt.Println(errors.Is(err, jobdb.ErrInTx))

	// Output:
	// 3
	// true
}

// A heartbeat tells how a job fares, and fetches what the job is to be told: once.
func ExampleDB_AddHeartbeatData() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	id := submitExample(ctx, db, "alice")[0]

	if err := db.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: jobdb.KillCommand}}); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		var commands []jobdb.Command
		err := db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) (err error) {
			if err := tx.AddHeartbeatData(ctx, map[jobdb.JobID]map[string]string{id: {"LoadAverage": "0.7"}}); err != nil {
				return err
			}
			commands, err = tx.TakeJobCommands(ctx, []jobdb.JobID{id})
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(commands))
	}
	beats, err := db.Heartbeats(ctx, []jobdb.JobID{id}, 1) // the last
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(beats[id][0].Name, beats[id][0].Value)

	// Output:
	// 1
	// 0
	// LoadAverage 0.7
}

// Errors are told apart by their class; their types say more.
func Example_errors() {
	ctx := context.Background()
	db := openExample(ctx)
	defer db.Close()
	id := submitExample(ctx, db, "alice")[0]

	_, err := jobdb.SearchRequest{Parameters: []string{"Colour"}}.Parse(db.Limits())
	if problem := (*jobdb.QueryError)(nil); errors.As(err, &problem) {
		fmt.Println(errors.Is(err, jobdb.ErrInvalidQuery), problem.Field)
	}
	_, err = db.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Status": 7}}, jobdb.SetOptions{})
	if problem := (*jobdb.ValueError)(nil); errors.As(err, &problem) {
		fmt.Println(errors.Is(err, jobdb.ErrInvalidValue), problem.Column)
	}
	err = db.SetJobParameters(ctx, map[jobdb.JobID]map[string]string{id: {"CPU": "x86"}, 404: {"CPU": "arm"}})
	if missing := (*jobdb.NotFoundError)(nil); errors.As(err, &missing) {
		fmt.Println(errors.Is(err, jobdb.ErrNotFound), missing.Jobs)
	}
	err = db.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb"}})
	fmt.Println(errors.Is(err, jobdb.ErrConflict))
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	fmt.Println(errors.Is(db.Ping(ctx), context.Canceled))

	// Output:
	// true parameters: "Colour"
	// true Status
	// true [404]
	// true
	// true
}
