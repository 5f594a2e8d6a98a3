package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// printPlans prints the engine's plans of searches and summaries. The statements are those of the
// bare driver, which are the same as ours but for the LIMIT of summaries.
func (d *database) printPlans(ctx context.Context, out io.Writer, methods *regexp.Regexp) error {
	show := func(name, text string, args []any) error {
		if !methods.MatchString(name) {
			return nil
		}
		prefix := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "mariadb": "EXPLAIN ", "mysql": "EXPLAIN ", "postgres": "EXPLAIN (ANALYZE, COSTS OFF) "}[d.engine]
		if _, err := fmt.Fprintf(out, "%s, %d jobs, %s\n", d.engine, d.jobs, name); err != nil {
			return err
		}
		rows, err := d.bare.reader.QueryContext(ctx, d.bare.text(prefix+text), args...)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := printRow(out, rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	for _, q := range d.queries() {
		page := append(slices.Clip(q.args), int64(perPage), int64(q.page-1)*perPage)
		if err := show(q.name, q.text(), page); err != nil {
			return err
		}
		if err := show(q.name+" (total)", `SELECT count(*) FROM "Jobs" WHERE `+q.where, q.args); err != nil {
			return err
		}
	}
	for _, q := range summaryQueries {
		list := `"` + strings.Join(q.groups, `", "`) + `"`
		if err := show(q.name, "SELECT "+list+`, count(*) FROM "Jobs" WHERE `+q.where+" GROUP BY "+list+" ORDER BY "+list, q.args); err != nil {
			return err
		}
	}
	return nil
}

func printRow(out io.Writer, rows *sql.Rows) error {
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]sql.NullString, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return err
	}
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = value.String
	}
	_, err = fmt.Fprintf(out, "    %s\n", strings.Join(texts, "  "))
	return err
}
