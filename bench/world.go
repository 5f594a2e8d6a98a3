package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// world is one database full of jobs, opened in two ways.
type world struct {
	engine string
	jobs   int
	flat   bool // only what must not grow with the jobs is measured: no rows beside the jobs
	url    string
	ids    []jobdb.JobID // of all jobs, ascending
	db     *jobdb.DB
	bare   *bareDB
	aside  *bareDB // for what is not measured: on SQLite each connection has a cache of its own, which must not be warmed for one side
	drop   func() error

	reference *reference // nil: it isn't measured
}

// serverURL says where an engine's server is, for an administrator.
var serverURL = map[string]string{"mariadb": "JOBDB_TEST_MARIADB", "postgres": "JOBDB_TEST_POSTGRES"}

// openWorld makes a database, or finds one that was kept, and fills it.
func openWorld(ctx context.Context, s settings, engine string, jobs int) (*world, error) {
	w := &world{engine: engine, jobs: jobs, flat: s.flat}
	var err error
	if engine == "sqlite" {
		err = w.makeFile(s)
	} else {
		err = w.makeDatabase(ctx, s, engine)
	}
	if err != nil {
		return nil, err
	}
	if w.db, err = jobdb.Open(ctx, w.url, jobdb.Options{StatementTimeout: time.Hour, FoldInterval: -1}); err != nil {
		return nil, errors.Join(err, w.drop())
	}
	if w.bare, err = openBare(engine, w.url); err != nil {
		return nil, errors.Join(err, w.db.Close(), w.drop())
	}
	if w.aside, err = openBare(engine, w.url); err != nil {
		return nil, errors.Join(err, w.db.Close(), w.bare.close(), w.drop())
	}
	if err = w.noteVersion(ctx, s); err == nil {
		_, err = w.db.Migrate(ctx)
	}
	if err == nil {
		err = w.populate(ctx)
	}
	if err == nil && s.uncounted {
		err = w.dropCounting(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close(false))
	}
	return w, nil
}

// dropCounting drops the triggers that count jobs.
func (w *world) dropCounting(ctx context.Context) error {
	table := ""
	if w.engine == "postgres" {
		table = ` ON "Jobs"`
	}
	for _, name := range []string{"CountInserted", "CountUpdated", "CountDeleted"} {
		if err := w.exec(ctx, `DROP TRIGGER IF EXISTS "`+name+`"`+table); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) close(keep bool) error {
	err := errors.Join(w.db.Close(), w.bare.close(), w.aside.close())
	if keep {
		log.Printf("kept: %s with %d jobs", w.engine, w.jobs)
		return err
	}
	return errors.Join(err, w.drop())
}

// name is that of the folder or database.
func (w *world) name(s settings) string {
	name := "jobdb_bench_" + strconv.Itoa(w.jobs)
	if s.uncounted {
		name += "_uncounted"
	}
	return name
}

func (w *world) makeFile(s settings) error {
	folder := filepath.Join(s.folder, w.name(s))
	if !s.keep {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	w.url = "sqlite:" + filepath.Join(folder, "jobs.db")
	w.drop = func() error { return os.RemoveAll(folder) }
	return os.MkdirAll(folder, 0o700)
}

func (w *world) makeDatabase(ctx context.Context, s settings, engine string) error {
	variable, known := serverURL[engine]
	if !known {
		return errors.New("no such engine; the engines are sqlite, mariadb and postgres")
	}
	server, err := url.Parse(os.Getenv(variable))
	if err != nil || server.Host == "" {
		return errors.New("no server: run this through go run ./jobdbtest/withengines -durable -- …, or set " + variable)
	}
	admin, err := openServer(engine, server)
	if err != nil {
		return err
	}
	name := w.name(s)
	database := *server
	database.Path = "/" + name
	w.url = database.String()
	w.drop = func() error {
		defer admin.Close()
		_, err := admin.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name)
		return err
	}
	if !s.keep {
		if _, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name); err != nil {
			return err
		}
	}
	create := "CREATE DATABASE " + name
	if engine == "mariadb" {
		create += " CHARACTER SET utf8mb4"
	}
	if _, err := admin.ExecContext(ctx, create); err != nil && (!s.keep || !strings.Contains(err.Error(), "exists")) {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// spread gives n jobs from everywhere, as updates and heartbeats hit them.
func (w *world) spread(n int) []jobdb.JobID {
	ids := make([]jobdb.JobID, n)
	for i := range ids {
		ids[i] = w.ids[(2*i+1)*len(w.ids)/(2*n)]
	}
	return ids
}

// changed gives n jobs for writing, on a large database none of those
// that are read.
func (w *world) changed(n int) []jobdb.JobID {
	ids := make([]jobdb.JobID, n)
	for i := range ids {
		ids[i] = w.ids[((2*i+1)*len(w.ids)/(2*n)+1)%len(w.ids)]
	}
	return ids
}

// furnished gives n jobs that have rows in every table, for reading.
func (w *world) furnished(n int) []jobdb.JobID { return w.spread(w.most())[:n] }

// most is the largest size of a bulk call on this database.
func (w *world) most() int { return min(5000, max(len(w.ids)/10, min(1000, len(w.ids)))) }

// bulk gives the sizes of bulk calls on this database.
func (w *world) bulk(sizes []int) []int {
	var fit []int
	for _, n := range sizes {
		if n <= w.most() {
			fit = append(fit, n)
		}
	}
	return fit
}

// exec runs a statement that is not measured.
func (w *world) exec(ctx context.Context, text string, args ...any) error {
	_, err := w.aside.writer.ExecContext(ctx, w.aside.text(text), args...)
	if err != nil {
		return fmt.Errorf("%w in %.80s", err, text)
	}
	return nil
}

// forget deletes rows of the jobs from tables.
func (w *world) forget(ctx context.Context, ids []jobdb.JobID, tables ...string) error {
	for _, table := range tables {
		err := w.aside.write(ctx, func(t *bareTx) error {
			_, err := t.execIDs(ctx, `DELETE FROM "`+table+`" WHERE "JobID"`, ids, "")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func queryInt(ctx context.Context, db *sql.DB, text string) (n int, err error) {
	err = db.QueryRowContext(ctx, text).Scan(&n)
	return n, err
}
