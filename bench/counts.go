package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
)

// runCounts measures what writes cost with and without the triggers that count jobs, and publishes
// a table for each number of jobs.
func runCounts(ctx context.Context, s settings) error {
	var tables strings.Builder
	for _, jobs := range s.jobs {
		var results []result
		for _, engine := range s.engines {
			found, err := countsOn(ctx, s, engine, jobs)
			if err != nil {
				return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
			}
			results = append(results, found...)
		}
		tables.WriteString(countsTable(results))
	}
	return s.publish("counts", "", tables.String())
}

// countsOn measures our methods on two databases with the same jobs, in turns: as the schema is,
// and with the triggers dropped.
func countsOn(ctx context.Context, s settings, engine string, jobs int) (results []result, err error) {
	counted, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, counted.close(s.keep)) }()
	s.uncounted = true
	uncounted, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, uncounted.close(s.keep)) }()
	with, without := counted.writes(s.sizes), uncounted.writes(s.sizes)
	for i, c := range with {
		if !s.methods.MatchString(c.method) {
			continue
		}
		r, err := measureCounts(ctx, s, [2]*database{counted, uncounted}, [2]comparison{c, without[i]})
		if err != nil {
			return results, fmt.Errorf("%s of %d: %w", c.method, c.size, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// measureCounts measures one method. In the result ours is with counts, and bare without.
func measureCounts(ctx context.Context, s settings, databases [2]*database, cases [2]comparison) (result, error) {
	names := [2]string{"counted", "uncounted"}
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
	log.Printf("%-8s %7d jobs  %-36s %5d  counted %s ms, uncounted %s ms",
		r.Engine, r.Jobs, r.Method, r.Size, milliseconds(r.Ours), milliseconds(r.Bare))
	for i, name := range names {
		err = errors.Join(err, s.samples.write(r.benchmark(name), batches(r.took[i])))
	}
	return r, err
}

// countsTable tells how many times as long writes take when they are counted.
func countsTable(results []result) string {
	if len(results) == 0 {
		return ""
	}
	var b strings.Builder
	engines := distinct(results, func(r result) string { return r.Engine })
	fmt.Fprintf(&b, "With %s jobs:\n\n| method | jobs in a call |", withCommas(results[0].Jobs))
	for _, engine := range engines {
		fmt.Fprintf(&b, " %s counted, ms | uncounted, ms | times |", engineNames[engine])
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: | ---: | ---: |", len(engines)) + "\n")
	order, found := byRow(results)
	for _, row := range order {
		fmt.Fprintf(&b, "| %s | %s |", row.method, withCommas(row.size))
		for _, engine := range engines {
			r, ok := found[key{engine, results[0].Jobs, row.method, row.size}]
			if !ok {
				b.WriteString(" | | |")
				continue
			}
			fmt.Fprintf(&b, " %s | %s | %.2f (%.2f–%.2f) |", milliseconds(r.Ours), milliseconds(r.Bare), 1/r.Ratio, 1/r.RatioHigh, 1/r.RatioLow)
		}
		b.WriteString("\n")
	}
	return b.String() + "\n"
}
