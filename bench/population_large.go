package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"strings"
	"time"

	"jobdb"
)

// minLarge is the number of jobs from which a SQLite file is filled without its indexes and
// triggers, which are made again afterwards: row by row they would take hours. Such a database has
// jobs and JDLs only.
const minLarge = 2_000_000

// randomRows makes the rows of the jobs that addAllJobs adds, one after another.
func randomRows() func() []any {
	random := rand.New(rand.NewPCG(1, 2))
	columns := jobdb.Columns()
	made := 0
	return func() []any {
		made++
		return jobRow(columns, int64(made), randomJob(random, made-1))
	}
}

// fillFast stores jobs and their JDLs as fast as the engine can: without indexes and triggers of
// Jobs, which are made again afterwards. The JobIDs of the rows begin with 1.
func (d *database) fillFast(ctx context.Context, row func() []any) error {
	start := time.Now()
	restore, err := d.dropIndexes(ctx)
	if err != nil {
		return err
	}
	if d.engine == "sqlite" { // what is left after a crash is filled anew; an index is sorted in memory
		pragmas := []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -1048576"}
		if err := d.execAll(ctx, pragmas); err != nil {
			return err
		}
		restore = append(restore, "PRAGMA cache_size = -32768", "PRAGMA synchronous = FULL")
	}
	const batch = 50_000
	fields := textFields(strings.Split(strings.ReplaceAll(jobColumns, `"`, ""), ", ")...)
	say := paced()
	for first := 0; first < d.jobs; first += batch {
		var jdls, rows [][]any
		for id := first + 1; id <= min(first+batch, d.jobs); id++ {
			jdls, rows = append(jdls, []any{int64(id)}), append(rows, row())
		}
		err := d.unmeasured.write(ctx, func(t *bareTx) error {
			return errors.Join(t.insert(ctx, "JobJDLs", fields[:1], jdls, ""), t.insert(ctx, "Jobs", fields, rows, ""))
		})
		if err != nil {
			return err
		}
		say("%s: %s of %s jobs are filled in", d.engine, withCommas(first+len(rows)), withCommas(d.jobs))
	}
	for _, statement := range restore {
		if err := d.exec(ctx, statement); err != nil {
			return err
		}
		say("%s: after %v: %.60s", d.engine, time.Since(start).Round(time.Second), statement)
	}
	return d.rebuildCounts(ctx, start)
}

func (d *database) rebuildCounts(ctx context.Context, start time.Time) error {
	wrong, err := d.db.RebuildCounts(ctx)
	log.Printf("%s: %s jobs and %s counts after %v", d.engine, withCommas(d.jobs), withCommas(len(wrong)), time.Since(start).Round(time.Second))
	return err
}

// dropIndexes drops the indexes and triggers of Jobs and returns the statements that make them
// again.
func (d *database) dropIndexes(ctx context.Context) (restore []string, err error) {
	switch d.engine {
	case "postgres":
		return d.dropIndexesPostgres(ctx)
	case "mariadb", "mysql":
		return d.dropIndexesMySQL(ctx)
	}
	var drop []string
	err = d.eachPair(ctx, `SELECT type || ' "' || name || '"', sql FROM sqlite_master
		WHERE tbl_name = 'Jobs' AND type IN ('index', 'trigger') AND sql IS NOT NULL`, func(name, text string) {
		restore, drop = append(restore, text), append(drop, "DROP "+name)
	})
	return restore, errors.Join(err, d.execAll(ctx, drop))
}

func (d *database) dropIndexesPostgres(ctx context.Context) (restore []string, err error) {
	drop := []string{`ALTER TABLE "Jobs" DISABLE TRIGGER USER`}
	err = d.eachPair(ctx, `SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
		FROM pg_index WHERE indrelid = '"Jobs"'::regclass AND NOT indisprimary`, func(name, text string) {
		restore, drop = append(restore, text), append(drop, "DROP INDEX "+name)
	})
	return append(restore, `ALTER TABLE "Jobs" ENABLE TRIGGER USER`), errors.Join(err, d.execAll(ctx, drop))
}

// dropIndexesMySQL makes all indexes with one statement, which reads the jobs once.
func (d *database) dropIndexesMySQL(ctx context.Context) (restore []string, err error) {
	var adds, drops, triggers, drop []string
	err = d.eachPair(ctx, `SELECT INDEX_NAME, GROUP_CONCAT('"', COLUMN_NAME, IF(COLLATION = 'D', '" DESC', '"') ORDER BY SEQ_IN_INDEX)
		FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'Jobs' AND INDEX_NAME <> 'PRIMARY'
		GROUP BY INDEX_NAME`, func(name, columns string) {
		adds = append(adds, fmt.Sprintf(`ADD INDEX "%s" (%s)`, name, columns))
		drops = append(drops, fmt.Sprintf(`DROP INDEX "%s"`, name))
	})
	if err != nil {
		return nil, err
	}
	drop = append(drop, `ALTER TABLE "Jobs" `+strings.Join(drops, ", "))
	restore = append(restore, `ALTER TABLE "Jobs" `+strings.Join(adds, ", "))
	err = d.eachPair(ctx, `SELECT TRIGGER_NAME, CONCAT('CREATE TRIGGER "', TRIGGER_NAME, '" ', ACTION_TIMING, ' ', EVENT_MANIPULATION,
		' ON "Jobs" FOR EACH ROW ', ACTION_STATEMENT) FROM information_schema.TRIGGERS
		WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'Jobs'`, func(name, text string) {
		triggers, drop = append(triggers, text), append(drop, fmt.Sprintf(`DROP TRIGGER "%s"`, name))
	})
	return append(restore, triggers...), errors.Join(err, d.execAll(ctx, drop))
}

// eachPair runs a query for rows of two texts.
func (d *database) eachPair(ctx context.Context, query string, each func(string, string)) error {
	_, err := d.unmeasured.query(ctx, nil, query, nil, func(rows *sql.Rows) error {
		var one, two string
		err := rows.Scan(&one, &two)
		each(one, two)
		return err
	})
	return err
}

func (d *database) execAll(ctx context.Context, statements []string) error {
	for _, statement := range statements {
		if err := d.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// jobRow is a row of Jobs, with the defaults of what isn't given.
func jobRow(columns []jobdb.Column, id int64, a jobdb.Attributes) []any {
	row := make([]any, len(columns))
	for i, c := range columns {
		value, given := a[c.Name()]
		switch {
		case c.Name() == "JobID":
			value = id
		case given || c.Kind() == jobdb.KindTime:
		case c.Kind() == jobdb.KindInteger:
			value = 0
		case c.Kind() == jobdb.KindText:
			value = "Unknown"
		default:
			value = "False"
		}
		row[i] = value
	}
	return row
}
