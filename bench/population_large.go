package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"math/rand/v2"
	"time"

	"jobdb"
)

// minLarge is the number of jobs from which a SQLite file is filled without its indexes and
// triggers, which are made again afterwards: row by row they would take hours. Such a database has
// jobs and JDLs only.
const minLarge = 2_000_000

// fillLarge fills a SQLite file as fast as it can.
func (d *database) fillLarge(ctx context.Context) error {
	recreate, err := d.dropIndexes(ctx)
	if err != nil {
		return err
	}
	const batch = 200_000
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	say := paced()
	for first := 0; first < d.jobs; first += batch {
		err := d.unmeasured.write(ctx, func(t *bareTx) error { return t.insertJobs(ctx, random, first, min(batch, d.jobs-first)) })
		if err != nil {
			return err
		}
		say("%s: %s of %s jobs are filled in", d.engine, withCommas(min(first+batch, d.jobs)), withCommas(d.jobs))
	}
	for _, statement := range recreate {
		if err := d.exec(ctx, statement); err != nil {
			return err
		}
		log.Printf("%s: after %v: %.60s", d.engine, time.Since(start).Round(time.Second), statement)
	}
	wrong, err := d.db.RebuildCounts(ctx)
	log.Printf("%s: %d counts made after %v", d.engine, len(wrong), time.Since(start).Round(time.Second))
	return err
}

// dropIndexes drops the indexes and triggers of Jobs and returns the statements that make them
// again.
func (d *database) dropIndexes(ctx context.Context) ([]string, error) {
	var recreate, drop []string
	_, err := d.unmeasured.query(ctx, nil, `SELECT type, name, sql FROM sqlite_master
		WHERE tbl_name = 'Jobs' AND type IN ('index', 'trigger') AND sql IS NOT NULL`, nil,
		func(rows *sql.Rows) error {
			var kind, name, text string
			err := rows.Scan(&kind, &name, &text)
			recreate, drop = append(recreate, text), append(drop, "DROP "+kind+` "`+name+`"`)
			return err
		})
	for _, statement := range drop {
		err = errors.Join(err, d.exec(ctx, statement))
	}
	return recreate, err
}

func (t *bareTx) insertJobs(ctx context.Context, random *rand.Rand, first, n int) error {
	jdls := make([][]any, n)
	rows := make([][]any, n)
	columns := jobdb.Columns()
	fields := make([]field, len(columns))
	for i, c := range columns {
		fields[i] = field{c.Name(), "", ""}
	}
	for i := range rows {
		id := int64(first + i + 1)
		jdls[i] = []any{id, "", "", ""}
		rows[i] = jobRow(columns, id, randomJob(random, first+i))
	}
	err := t.loop(ctx, `INSERT INTO "JobJDLs" ("JobID", "JDL", "JobRequirements", "OriginalJDL") VALUES (?, ?, ?, ?)`, jdls)
	if err != nil {
		return err
	}
	return t.loop(ctx, insertText("Jobs", fields, 1), rows)
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
