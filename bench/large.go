package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// largeFrom is the number of jobs from which a SQLite file is filled without its indexes and triggers, which are made
// again afterwards: row by row they would take hours. Such a database has jobs and JDLs only.
const largeFrom = 2_000_000

// fillLarge fills a SQLite file as fast as it can.
func (w *world) fillLarge(ctx context.Context) error {
	again, err := w.dropAround(ctx)
	if err != nil {
		return err
	}
	const batch = 200_000
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	filled := newProgress(w.engine+": filling", w.jobs, "jobs")
	for first := 0; first < w.jobs; first += batch {
		err := w.aside.write(ctx, func(t *bareTx) error { return t.insertJobs(ctx, random, first, min(batch, w.jobs-first)) })
		if err != nil {
			return err
		}
		filled.at(min(first+batch, w.jobs))
	}
	for _, statement := range again {
		if err := w.exec(ctx, statement); err != nil {
			return err
		}
		log.Printf("%s: after %v: %.60s", w.engine, time.Since(start).Round(time.Second), statement)
	}
	wrong, err := w.db.RebuildCounts(ctx)
	log.Printf("%s: %d counts made after %v", w.engine, len(wrong), time.Since(start).Round(time.Second))
	return err
}

// dropAround drops the indexes and triggers of Jobs and returns the statements that make them again.
func (w *world) dropAround(ctx context.Context) ([]string, error) {
	var again, drop []string
	_, err := w.aside.query(ctx, nil, `SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'Jobs' AND type IN ('index', 'trigger') AND sql IS NOT NULL`, nil,
		func(rows *sql.Rows) error {
			var kind, name, text string
			err := rows.Scan(&kind, &name, &text)
			again, drop = append(again, text), append(drop, "DROP "+kind+` "`+name+`"`)
			return err
		})
	for _, statement := range drop {
		err = errors.Join(err, w.exec(ctx, statement))
	}
	return again, err
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
		rows[i] = jobRow(columns, id, someJob(random, first+i))
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

// flat measures what must not grow with the jobs: first pages with their totals, pages by cursor, summaries.
func (w *world) measureFlat(ctx context.Context) ([]flatResult, error) {
	var results []flatResult
	add := func(what string, run func() error) error {
		var took []time.Duration
		for range 21 {
			start := time.Now()
			switch err := run(); {
			case errors.Is(err, jobdb.ErrInvalidQuery): // more groups than a summary may have
				log.Printf("%s with %d jobs: %s: %v", w.engine, w.jobs, what, err)
				return nil
			case err != nil:
				return fmt.Errorf("%s: %w", what, err)
			}
			took = append(took, time.Since(start))
		}
		results = append(results, flatResult{w.engine, w.jobs, what, median(took[1:])})
		log.Printf("%s with %d jobs: %-40s %s ms", w.engine, w.jobs, what, milliseconds(results[len(results)-1].took))
		return nil
	}
	columns := []string{"JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus"}
	scope := jobdb.Scope{VO: "lhcb"}
	page := func(filters []jobdb.FilterSpec) func() error {
		return func() error {
			search, err := jobdb.SearchRequest{Search: filters}.Parse(w.db.Limits())
			if err != nil {
				return err
			}
			search.Scope, search.Page, search.PerPage = scope, 1, perPage
			_, err = w.db.Search(ctx, search)
			return err
		}
	}
	if err := add("first page: no filter", page(nil)); err != nil {
		return nil, err
	}
	for i, one := range columns {
		commonest, err := w.commonest(ctx, one)
		if err != nil {
			return nil, err
		}
		if err := add("first page: "+one, page([]jobdb.FilterSpec{equal(one, commonest)})); err != nil {
			return nil, err
		}
		for _, two := range columns[i:7] {
			names := []string{one, two}
			err := add("summary: "+one+" × "+two, func() error {
				summary, err := jobdb.SummaryRequest{Grouping: names}.Parse(w.db.Limits())
				if err != nil {
					return err
				}
				summary.Scope = scope
				_, err = w.db.Summary(ctx, summary)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	for _, walk := range []struct {
		name string
		sort []jobdb.SortSpec
	}{
		{"latest updates", []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}}},
		{"by JobID", []jobdb.SortSpec{byJobID}},
		{"by Status", []jobdb.SortSpec{{Parameter: "Status", Direction: "asc"}}},
	} {
		if err := w.flatCursor(ctx, scope, walk.name, walk.sort, add); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// flatCursor walks to page 10,000 of an ordered search and measures it beside page 1.
func (w *world) flatCursor(ctx context.Context, scope jobdb.Scope, name string, sort []jobdb.SortSpec, add func(string, func() error) error) error {
	search, err := jobdb.SearchRequest{Sort: sort}.Parse(w.db.Limits())
	if err != nil {
		return err
	}
	search.Scope, search.Page, search.PerPage = scope, 1, perPage
	run := func() error { _, err := w.db.Search(ctx, search); return err }
	if err := add(name+": page 1", run); err != nil {
		return err
	}
	number := 1
	for ; number < 10_000; number++ {
		page, err := w.db.Search(ctx, search)
		if err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		search.Page, search.Cursor = 0, page.Next
	}
	return add(fmt.Sprintf("%s: page %d by cursor", name, number), run)
}

// commonest is the value of a column that most of lhcb's jobs have.
func (w *world) commonest(ctx context.Context, name string) (value any, err error) {
	summary, err := jobdb.SummaryRequest{Grouping: []string{name}}.Parse(w.db.Limits())
	if err != nil {
		return nil, err
	}
	summary.Scope.VO = "lhcb"
	rows, err := w.db.Summary(ctx, summary)
	most := int64(-1)
	for _, row := range rows.Rows {
		if n := row[1].(int64); n > most { //nolint:forcetypeassert // a count
			value, most = row[0], n
		}
	}
	return value, err
}

type flatResult struct {
	engine string
	jobs   int
	what   string
	took   time.Duration
}

// runFlat measures on each engine with each number of jobs, and prints a table for each engine.
func runFlat(ctx context.Context, s settings) error {
	var results []flatResult
	for _, jobs := range s.jobs {
		for _, engine := range s.engines {
			w, err := openWorld(ctx, s, engine, jobs)
			if err != nil {
				return err
			}
			found, err := w.measureFlat(ctx)
			results = append(results, found...)
			if err := errors.Join(err, w.close(s.keep)); err != nil {
				return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
			}
		}
	}
	return s.publish("flat", "", flatTables(results))
}

// flatTables are the times for the least and for the most jobs, and how they grew.
func flatTables(results []flatResult) string {
	var b strings.Builder
	sizes := distinct(results, func(r flatResult) int { return r.jobs })
	slices.Sort(sizes)
	for _, engine := range distinct(results, func(r flatResult) string { return r.engine }) {
		fmt.Fprintf(&b, "| %s |", engineNames[engine])
		for _, n := range sizes {
			fmt.Fprintf(&b, " %s jobs, ms |", grouped(n))
		}
		b.WriteString(" times |\n| --- |" + strings.Repeat(" ---: |", len(sizes)+1) + "\n")
		for _, what := range distinct(results, func(r flatResult) string { return r.what }) {
			var took []time.Duration
			fmt.Fprintf(&b, "| %s |", what)
			for _, n := range sizes {
				i := slices.IndexFunc(results, func(r flatResult) bool { return r.engine == engine && r.jobs == n && r.what == what })
				if i < 0 {
					b.WriteString(" |")
					continue
				}
				took = append(took, results[i].took)
				fmt.Fprintf(&b, " %s |", milliseconds(results[i].took))
			}
			if len(took) > 1 {
				fmt.Fprintf(&b, " %.1f", float64(took[len(took)-1])/float64(took[0]))
			}
			b.WriteString(" |\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}
