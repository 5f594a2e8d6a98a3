package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
)

// lacking is what a database lacks that keeps its writes company: the end of its name.
type lacking string

const (
	lacksNothing lacking = ""
	lacksCounts  lacking = "_uncounted" // the triggers that count jobs
	lacksIndexes lacking = "_plain"     // those, and the indexes of Jobs that DIRAC's schema doesn't have
)

// runCounts measures what writes cost with and without the triggers that count jobs, and the indexes
// that questions need, and publishes a table for each number of jobs.
func runCounts(ctx context.Context, s settings) error {
	var tables strings.Builder
	for _, jobs := range s.jobs {
		var uncounted, plain []result
		for _, engine := range s.engines {
			for lacks, results := range map[lacking]*[]result{lacksCounts: &uncounted, lacksIndexes: &plain} {
				found, err := countsOn(ctx, s, engine, jobs, lacks)
				if err != nil {
					return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
				}
				*results = append(*results, found...)
			}
		}
		tables.WriteString(countsTable(uncounted, plain))
	}
	return s.publish("counts", "", tables.String())
}

// countsOn measures our methods on two databases with the same jobs, in turns: as the schema is, and
// one that lacks something.
func countsOn(ctx context.Context, s settings, engine string, jobs int, lacks lacking) (results []result, err error) {
	whole, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, whole.close(s.keep)) }()
	s.lacks = lacks
	less, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, less.close(s.keep)) }()
	with, without := whole.writes(s.sizes), less.writes(s.sizes)
	for i, c := range with {
		if !s.methods.MatchString(c.method) {
			continue
		}
		r, err := measureCounts(ctx, s, lacks, [2]*database{whole, less}, [2]comparison{c, without[i]})
		if err != nil {
			return results, fmt.Errorf("%s of %d: %w", c.method, c.size, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// measureCounts measures one method. In the result ours is with everything, and bare without.
func measureCounts(ctx context.Context, s settings, lacks lacking, databases [2]*database, cases [2]comparison) (result, error) {
	names := [2]string{"counted", strings.TrimPrefix(string(lacks), "_")}
	var pair [2]contender
	for i, c := range cases {
		c.before = databases[i].foldFirst(c.before)
		pair[i] = c.contender(names[i], c.ours)
	}
	r, err := alternate(ctx, s.budget, pair)
	r.Engine, r.Jobs, r.Method, r.Size = databases[0].engine, databases[0].jobs, cases[0].method, cases[0].size
	if err != nil {
		return r, err
	}
	log.Printf("%-8s %7d jobs  %-36s %5d  %s ms, %s %s ms",
		r.Engine, r.Jobs, r.Method, r.Size, milliseconds(r.Ours), names[1], milliseconds(r.Bare))
	for i, name := range names {
		err = errors.Join(err, s.samples.write(r.benchmark(name), batches(r.took[i])))
	}
	return r, err
}

// countsTable tells how many times as long writes take with counts, and with counts and indexes.
func countsTable(uncounted, plain []result) string {
	if len(uncounted) == 0 {
		return ""
	}
	var b strings.Builder
	jobs := uncounted[0].Jobs
	engines := distinct(uncounted, func(r result) string { return r.Engine })
	fmt.Fprintf(&b, "With %s jobs:\n\n| method | jobs in a call |", withCommas(jobs))
	for _, engine := range engines {
		fmt.Fprintf(&b, " %s, ms | counts | counts and indexes |", engineNames[engine])
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: | ---: | ---: |", len(engines)) + "\n")
	order, _ := byRow(uncounted)
	for _, row := range order {
		fmt.Fprintf(&b, "| %s | %s |", row.method, withCommas(row.size))
		for _, engine := range engines {
			at := key{engine, jobs, row.method, row.size}
			fmt.Fprintf(&b, " %s | %s | %s |", timeOf(uncounted, at), timesOf(uncounted, at), timesOf(plain, at))
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}

func timeOf(results []result, at key) string {
	_, found := byRow(results)
	if r, ok := found[at]; ok {
		return milliseconds(r.Ours)
	}
	return ""
}

// timesOf is how many times as long ours took, with the quartiles.
func timesOf(results []result, at key) string {
	_, found := byRow(results)
	if r, ok := found[at]; ok {
		return fmt.Sprintf("%.2f (%.2f–%.2f)", 1/r.Ratio, 1/r.RatioHigh, 1/r.RatioLow)
	}
	return ""
}
