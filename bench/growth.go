package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// growthVO is the VO that has most jobs, to which these searches and summaries are confined.
const growthVO = "lhcb"

// growthColumns are filtered for and, but for the last, summarized by.
var growthColumns = []string{"JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus"}

// growthResult is how long a search or a summary takes with that many jobs in the database.
type growthResult struct {
	engine string
	jobs   int
	what   string
	took   time.Duration // median
}

// runGrowth measures on each engine with each number of jobs, and publishes a table for each
// engine.
func runGrowth(ctx context.Context, s settings) error {
	var results []growthResult
	for _, jobs := range s.jobs {
		for _, engine := range s.engines {
			d, err := openDatabase(ctx, s, engine, jobs)
			if err != nil {
				return err
			}
			found, err := d.measureGrowth(ctx, s)
			results = append(results, found...)
			if err := errors.Join(err, d.close(s.keep)); err != nil {
				return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
			}
		}
	}
	return s.publish("growth", "", growthTables(results))
}

// growthRun collects what is measured on one database.
type growthRun struct {
	*database
	samples *sampleWriter
	results []growthResult
}

// measureGrowth measures what must not grow with the jobs: first pages with their totals, summaries
// by one and two columns, pages by cursor.
func (d *database) measureGrowth(ctx context.Context, s settings) ([]growthResult, error) {
	g := growthRun{database: d, samples: s.samples}
	if err := g.firstPage(ctx, "no filter", nil); err != nil {
		return nil, err
	}
	for i, one := range growthColumns {
		commonest, err := g.commonest(ctx, one)
		if err != nil {
			return nil, err
		}
		if err := g.firstPage(ctx, one, []jobdb.FilterSpec{equal(one, commonest)}); err != nil {
			return nil, err
		}
		for _, two := range growthColumns[i : len(growthColumns)-1] {
			if err := g.summary(ctx, one, two); err != nil {
				return nil, err
			}
		}
	}
	if err := g.cursor(ctx, "latest updates", jobdb.SortSpec{Parameter: "LastUpdateTime", Direction: "desc"}); err != nil {
		return nil, err
	}
	if err := g.cursor(ctx, "by JobID", byJobID); err != nil {
		return nil, err
	}
	if err := g.cursor(ctx, "by Status", jobdb.SortSpec{Parameter: "Status", Direction: "asc"}); err != nil {
		return nil, err
	}
	return g.results, nil
}

// measure times 20 calls after one that warms up. A summary with more groups than one may have is
// left out.
func (g *growthRun) measure(what string, call func() error) error {
	var took []time.Duration
	for range 21 {
		start := time.Now()
		switch err := call(); {
		case errors.Is(err, jobdb.ErrInvalidQuery):
			log.Printf("%s with %d jobs: %s: %v", g.engine, g.jobs, what, err)
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		}
		took = append(took, time.Since(start))
	}
	took = took[1:]
	g.results = append(g.results, growthResult{g.engine, g.jobs, what, median(took)})
	log.Printf("%s with %d jobs: %-40s %s ms", g.engine, g.jobs, what, milliseconds(median(took)))
	return g.samples.write(benchmarkName(what, g.engine, g.jobs, "", 0, "ours"), batches(took))
}

func (g *growthRun) firstPage(ctx context.Context, of string, filters []jobdb.FilterSpec) error {
	return g.measure("first page: "+of, func() error {
		search, err := jobdb.SearchRequest{Search: filters}.Parse(g.db.Limits())
		if err != nil {
			return err
		}
		search.Scope.VO, search.Page, search.PerPage = growthVO, 1, perPage
		_, err = g.db.Search(ctx, search)
		return err
	})
}

func (g *growthRun) summary(ctx context.Context, one, two string) error {
	return g.measure("summary: "+one+" × "+two, func() error {
		_, err := g.summarize(ctx, one, two)
		return err
	})
}

func (d *database) summarize(ctx context.Context, columns ...string) (jobdb.SummaryRows, error) {
	summary, err := jobdb.SummaryRequest{Grouping: columns}.Parse(d.db.Limits())
	if err != nil {
		return jobdb.SummaryRows{}, err
	}
	summary.Scope.VO = growthVO
	return d.db.Summary(ctx, summary)
}

// cursor measures page 1 of an ordered search, walks to page 10,000 or the last, and measures that.
func (g *growthRun) cursor(ctx context.Context, name string, sort jobdb.SortSpec) error {
	search, err := jobdb.SearchRequest{Sort: []jobdb.SortSpec{sort}}.Parse(g.db.Limits())
	if err != nil {
		return err
	}
	search.Scope.VO, search.Page, search.PerPage = growthVO, 1, perPage
	page := func() error { _, err := g.db.Search(ctx, search); return err }
	if err := g.measure(name+": page 1", page); err != nil {
		return err
	}
	number := 1
	for ; number < 10_000; number++ {
		found, err := g.db.Search(ctx, search)
		if err != nil {
			return err
		}
		if found.Next == "" {
			break
		}
		search.Page, search.Cursor = 0, found.Next
	}
	return g.measure(fmt.Sprintf("%s: page %d by cursor", name, number), page)
}

// commonest is the value of a column that most of the VO's jobs have.
func (d *database) commonest(ctx context.Context, column string) (value any, err error) {
	summary, err := d.summarize(ctx, column)
	highest := int64(-1)
	for _, row := range summary.Rows {
		if n := row[1].(int64); n > highest { //nolint:forcetypeassert // a count
			value, highest = row[0], n
		}
	}
	return value, err
}

// growthTables are the times for each number of jobs, and the last in relation to the first.
func growthTables(results []growthResult) string {
	var b strings.Builder
	sizes := distinct(results, func(r growthResult) int { return r.jobs })
	slices.Sort(sizes)
	for _, engine := range distinct(results, func(r growthResult) string { return r.engine }) {
		fmt.Fprintf(&b, "| %s |", engineNames[engine])
		for _, n := range sizes {
			fmt.Fprintf(&b, " %s jobs, ms |", withCommas(n))
		}
		b.WriteString(" times |\n| --- |" + strings.Repeat(" ---: |", len(sizes)+1) + "\n")
		for _, what := range distinct(results, func(r growthResult) string { return r.what }) {
			var took []time.Duration
			fmt.Fprintf(&b, "| %s |", what)
			for _, n := range sizes {
				i := slices.IndexFunc(results, func(r growthResult) bool { return r.engine == engine && r.jobs == n && r.what == what })
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
