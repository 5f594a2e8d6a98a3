package transfer

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

func itoa(n int) string { return strconv.Itoa(n) }

// openTarget opens the target and refuses what is not jobdb's own or empty. It writes nothing.
func (im *Import) openTarget(ctx context.Context) error {
	var err error
	if im.target, err = openEngine(ctx, "the target", im.options.To, false); err != nil {
		return err
	}
	facts, err := schema.Probe(ctx, im.target.Reader, &im.target.Dialect)
	if err != nil {
		return fmt.Errorf("the target: read the schema: %w", err)
	}
	switch {
	case facts.Refusal != "":
		return &RefusedError{"the target: " + facts.Refusal}
	case facts.Kind == schema.KindEmpty:
		im.empty = true
	case facts.Kind != schema.KindOurs:
		return &RefusedError{"the target has tables that jobdb's migrations did not make (" + string(facts.Kind) + "); name an empty database"}
	}
	return nil
}

// prepareTarget makes the tables where there are none. Before it writes anything it refuses a target
// with jobs that no import brought: it may be the source, or in use.
func (im *Import) prepareTarget(ctx context.Context) ([]record, error) {
	if err := im.check(ctx); err != nil {
		return nil, err
	}
	if err := im.migrate(ctx); err != nil {
		return nil, err
	}
	records, err := im.records(ctx)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		err = im.startCounts(ctx)
	}
	return records, err
}

// check refuses what can't be moved, or not there. It writes nothing.
func (im *Import) check(ctx context.Context) error {
	if err := im.source.checkGroups(ctx); err != nil || im.empty {
		return err
	}
	catalog, err := schema.ReadCatalog(ctx, im.target.Reader, &im.target.Dialect)
	if err != nil {
		return fmt.Errorf("the target: read the schema: %w", err)
	}
	for _, t := range tables.Tables {
		if catalog[t.Name] == nil {
			return nil // whoever made the first tables was killed, and no job came
		}
	}
	var records []record
	if catalog[recordsName] != nil {
		if records, err = readRecords(ctx, im.target.Reader); err != nil {
			return fmt.Errorf("the target: read what was brought: %w", err)
		}
	}
	return im.checkTarget(ctx, records)
}

// records makes their table where it isn't there yet.
func (im *Import) records(ctx context.Context) ([]record, error) {
	if _, err := im.target.Writer.ExecContext(ctx, createRecords); err != nil {
		return nil, fmt.Errorf("the target: make the table of ranges: %w", err)
	}
	records, err := readRecords(ctx, im.target.Writer)
	if err != nil {
		return nil, fmt.Errorf("the target: read what was brought: %w", err)
	}
	return records, nil
}

func (im *Import) checkTarget(ctx context.Context, records []record) error {
	target := databaseOf(im.target)
	all, none, err := target.bounds(ctx)
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	brought, last := int64(0), int64(0)
	for _, r := range records {
		brought += r.jobs
		last = r.last
	}
	if !none && (len(records) == 0 || all.last > last || all.first < records[0].first) {
		return &RefusedError{"the target has jobs that this command did not bring; name an empty database"}
	}
	jobs, err := target.count(ctx)
	if err != nil {
		return fmt.Errorf("the target: count jobs: %w", err)
	}
	if jobs != brought {
		return &RefusedError{"the target has been used since: it has " + strconv.FormatInt(jobs, 10) + " jobs, and " +
			strconv.FormatInt(brought, 10) + " were brought"}
	}
	return nil
}

// databaseOf reads a database of jobdb's own.
func databaseOf(e *engine.Engine) *source {
	s := &source{jobs: e, history: e}
	for _, t := range tables.Tables {
		s.tables = append(s.tables, sourceTable{Table: t, engine: e, lacks: make([]bool, len(t.Columns))})
	}
	return s
}

// startCounts says that jobs aren't counted, which a server that opens the target meanwhile
// respects. Counting all once is faster than folding what triggers said of each job.
func (im *Import) startCounts(ctx context.Context) error {
	_, err := im.target.Writer.ExecContext(ctx, `UPDATE "JobSums" SET "Count" = 0 WHERE "Kind" = 0`)
	if err != nil {
		return fmt.Errorf("the target: set the counts of jobs aside: %w", err)
	}
	return nil
}

// finishCounts reports whether jobs are to be counted, and makes room for it.
func (im *Import) finishCounts(ctx context.Context) (bool, error) {
	uncounted := false
	err := engine.EachRow(ctx, im.target.Writer, `SELECT "Count" FROM "JobSums" WHERE "Kind" = 0`, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		uncounted = n == 0
		return err
	})
	if err != nil || !uncounted {
		return false, err
	}
	for _, statement := range []string{`DELETE FROM "JobDifferences"`, `DELETE FROM "JobSums" WHERE "Kind" > 0`} {
		if _, err := im.target.Writer.ExecContext(ctx, statement); err != nil {
			return true, fmt.Errorf("the target: clear the counts of jobs: %w", err)
		}
	}
	return true, nil
}
