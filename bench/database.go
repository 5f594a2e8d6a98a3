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

// database is one database full of jobs, with our library and the bare driver opened on it.
type database struct {
	engine     string
	jobs       int
	jobsOnly   bool // no rows are needed in the tables that belong to jobs
	grid       bool // the jobs are those of newGrid
	processor  bool // questions take the time that processors work for this process
	url        string
	historyURL string        // the URL of the database that has the histories; "": the same
	ids        []jobdb.JobID // of all jobs, ascending
	db         *jobdb.DB
	bare       *bareDB
	// unmeasured does what is not timed. On SQLite each connection has a cache of its own, which
	// must not be warmed for one contender only.
	unmeasured *bareDB
	drop       func() error

	reference *reference // nil: it isn't measured
}

// serverURL is, for each engine that has a server, the environment variable with its URL, for an
// administrator.
var serverURL = map[string]string{
	"mariadb": "JOBDB_TEST_MARIADB", "mysql": "JOBDB_TEST_MYSQL", "postgres": "JOBDB_TEST_POSTGRES",
}

// openDatabase creates and fills a database, or opens one that was kept.
func openDatabase(ctx context.Context, s settings, engine string, jobs int) (*database, error) {
	d := &database{engine: engine, jobs: jobs, jobsOnly: s.growth || s.questions || s.bulk, grid: s.questions, processor: s.processor}
	var err error
	if engine == "sqlite" {
		err = d.createFile(s)
	} else {
		d.url, d.drop, err = createOnServer(ctx, engine, d.name(s), s.keep)
	}
	if err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.drop())
	}
	if err := d.prepare(ctx, s); err != nil {
		return nil, errors.Join(err, d.close(false))
	}
	return d, nil
}

// open opens the database in all ways that are needed.
func (d *database) open(ctx context.Context) (err error) {
	if err := d.openOurs(ctx); err != nil {
		return err
	}
	if d.bare, err = openBare(d.engine, d.url); err != nil {
		return errors.Join(err, d.db.Close())
	}
	if d.unmeasured, err = openBare(d.engine, d.url); err != nil {
		return errors.Join(err, d.db.Close(), d.bare.close())
	}
	return nil
}

func (d *database) openOurs(ctx context.Context) (err error) {
	options := jobdb.Options{HistoryURL: d.historyURL, StatementTimeout: time.Hour, FoldInterval: -1}
	if d.grid {
		options.Limits.QueryTimeout = questionTimeout
		if d.processor {
			options.Limits.QueryTimeout *= 6 // it may wait for one
		}
	}
	d.db, err = jobdb.Open(ctx, d.url, options)
	return err
}

// prepare makes the tables and fills them.
func (d *database) prepare(ctx context.Context, s settings) error {
	if err := d.recordVersion(ctx, s); err != nil {
		return err
	}
	if _, err := d.db.Migrate(ctx); err != nil {
		return err
	}
	if err := d.populate(ctx); err != nil {
		return err
	}
	var err error
	if s.lacks != lacksNothing {
		err = d.dropCountTriggers(ctx)
	}
	if s.lacks == lacksIndexes {
		err = errors.Join(err, d.dropOwnIndexes(ctx))
	}
	return err
}

// dropCountTriggers drops the triggers that count jobs.
func (d *database) dropCountTriggers(ctx context.Context) error {
	table := ""
	if d.engine == "postgres" {
		table = ` ON "Jobs"`
	}
	for _, name := range []string{"CountInserted", "CountUpdated", "CountDeleted"} {
		if err := d.exec(ctx, `DROP TRIGGER IF EXISTS "`+name+`"`+table); err != nil {
			return err
		}
	}
	return nil
}

// dropOwnIndexes drops the indexes of Jobs that DIRAC's schema doesn't have. They begin with VO.
func (d *database) dropOwnIndexes(ctx context.Context) error {
	list, drop := `SELECT name, '' FROM sqlite_master WHERE type = 'index' AND tbl_name = 'Jobs' AND name LIKE 'VO%'`, `DROP INDEX "%s"`
	switch d.engine {
	case "postgres":
		list = `SELECT indexname, '' FROM pg_indexes WHERE tablename = 'Jobs' AND indexname LIKE 'VO%'`
	case "mariadb", "mysql":
		list = `SELECT DISTINCT INDEX_NAME, '' FROM information_schema.STATISTICS
			WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'Jobs' AND INDEX_NAME LIKE 'VO%'`
		drop = `ALTER TABLE "Jobs" DROP INDEX "%s"`
	}
	var drops []string
	err := d.eachPair(ctx, list, func(name, _ string) { drops = append(drops, fmt.Sprintf(drop, name)) })
	if err == nil && len(drops) == 0 {
		err = errors.New("there are no indexes of our own to drop")
	}
	return errors.Join(err, d.execAll(ctx, drops))
}

func (d *database) close(keep bool) error {
	err := errors.Join(d.db.Close(), d.bare.close(), d.unmeasured.close())
	if keep {
		log.Printf("kept: %s with %d jobs", d.engine, d.jobs)
		return err
	}
	return errors.Join(err, d.drop())
}

// name is that of SQLite's folder, or of the database on the server.
func (d *database) name(s settings) string {
	name := "jobdb_bench_" + strconv.Itoa(d.jobs)
	name += string(s.lacks)
	if s.questions {
		name += "_grid"
	}
	return name
}

func (d *database) createFile(s settings) error {
	folder := filepath.Join(s.folder, d.name(s))
	if !s.keep {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	d.url = "sqlite:" + filepath.Join(folder, "jobs.db")
	d.drop = func() error { return os.RemoveAll(folder) }
	return os.MkdirAll(folder, 0o700)
}

// createOnServer creates a database on a server, or with keep takes one that is there. It returns its
// URL, and what drops it.
func createOnServer(ctx context.Context, engine, name string, keep bool) (address string, drop func() error, err error) {
	variable, known := serverURL[engine]
	if !known {
		return "", nil, errors.New("no such engine; the engines are sqlite, mariadb, mysql and postgres")
	}
	server, err := url.Parse(os.Getenv(variable))
	if err != nil || server.Host == "" {
		return "", nil, errors.New("no server: run this through go run ./jobdbtest/withengines -durable -- …, or set " + variable)
	}
	admin, err := openServer(engine, server)
	if err != nil {
		return "", nil, err
	}
	if !keep {
		if _, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name); err != nil {
			return "", nil, err
		}
	}
	create := "CREATE DATABASE " + name
	if engine != "postgres" {
		create += " CHARACTER SET utf8mb4"
	}
	if _, err := admin.ExecContext(ctx, create); err != nil && (!keep || !strings.Contains(err.Error(), "exists")) {
		return "", nil, fmt.Errorf("create the database: %w", err)
	}
	made := *server
	made.Path = "/" + name
	return made.String(), func() error {
		defer admin.Close()
		_, err := admin.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name)
		return err
	}, nil
}

// evenly returns n jobs at even distances: updates and heartbeats hit jobs of all ages.
func (d *database) evenly(n int) []jobdb.JobID {
	ids := make([]jobdb.JobID, n)
	for i := range ids {
		ids[i] = d.ids[(2*i+1)*len(d.ids)/(2*n)]
	}
	return ids
}

// jobsToWrite returns n jobs; on a large database none of them is among jobsToRead.
func (d *database) jobsToWrite(n int) []jobdb.JobID {
	ids := make([]jobdb.JobID, n)
	for i := range ids {
		ids[i] = d.ids[((2*i+1)*len(d.ids)/(2*n)+1)%len(d.ids)]
	}
	return ids
}

// jobsToRead returns n jobs that have rows in every table.
func (d *database) jobsToRead(n int) []jobdb.JobID { return d.evenly(d.maxBulk())[:n] }

// maxBulk is the most jobs that one call has on this database.
func (d *database) maxBulk() int { return min(5000, max(len(d.ids)/10, min(1000, len(d.ids)))) }

// bulkSizes returns those sizes of bulk calls that fit this database.
func (d *database) bulkSizes(sizes []int) []int {
	var fit []int
	for _, n := range sizes {
		if n <= d.maxBulk() {
			fit = append(fit, n)
		}
	}
	return fit
}

// exec runs a statement that is not measured.
func (d *database) exec(ctx context.Context, text string, args ...any) error {
	_, err := d.unmeasured.writer.ExecContext(ctx, d.unmeasured.text(text), args...)
	if err != nil {
		return fmt.Errorf("%w in %.80s", err, text)
	}
	return nil
}

// deleteRows deletes the rows of jobs from tables; it is not measured.
func (d *database) deleteRows(ctx context.Context, ids []jobdb.JobID, tables ...string) error {
	for _, table := range tables {
		err := d.unmeasured.write(ctx, func(t *bareTx) error {
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
