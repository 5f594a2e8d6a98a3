package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// render prints the results as Markdown: times and ratios for each number of
// jobs, how bulk methods grow, and the reference where it was measured.
func render(out io.Writer, results []result) error {
	for _, n := range jobsOf(results) {
		if _, err := io.WriteString(out, headingOf(n)+methodTables(results, n)); err != nil {
			return err
		}
	}
	return nil
}

// publishMethods publishes the tables of each number of jobs.
func publishMethods(s settings, results []result) (err error) {
	for _, n := range jobsOf(results) {
		err = errors.Join(err, s.publish(fmt.Sprintf("methods-%d", n), headingOf(n), methodTables(results, n)))
	}
	return err
}

func jobsOf(results []result) []int {
	jobs := distinct(results, func(r result) int { return r.Jobs })
	slices.Sort(jobs)
	return jobs
}

func headingOf(jobs int) string {
	return fmt.Sprintf("## With %s jobs in the database\n\n", withCommas(jobs))
}

func methodTables(results []result, jobs int) string {
	var b strings.Builder
	engines := distinct(results, func(r result) string { return r.Engine })
	slices.SortFunc(engines, func(x, y string) int { return cmp.Compare(engineOrder[x], engineOrder[y]) })
	of := slices.DeleteFunc(slices.Clone(results), func(r result) bool { return r.Jobs != jobs })
	writeTimes(&b, engines, of)
	writePerJob(&b, engines, of)
	writeReference(&b, of)
	return b.String()
}

var engineOrder = map[string]int{"sqlite": 1, "mariadb": 2, "mysql": 3, "postgres": 4}

var engineNames = map[string]string{"sqlite": "SQLite", "mariadb": "MariaDB", "mysql": "MySQL", "postgres": "PostgreSQL"}

func distinct[R any, T comparable](results []R, of func(R) T) []T {
	var all []T
	for _, r := range results {
		if !slices.Contains(all, of(r)) {
			all = append(all, of(r))
		}
	}
	return all
}

// rowKey says which row of a table a result belongs to; every engine has columns of its own there.
type rowKey struct {
	method string
	size   int
}

func byRow(results []result) (order []rowKey, found map[key]result) {
	found = make(map[key]result)
	for _, r := range results {
		row := rowKey{r.Method, r.Size}
		if !slices.Contains(order, row) {
			order = append(order, row)
		}
		found[r.key()] = r
	}
	methods := distinct(results, func(r result) string { return r.Method })
	slices.SortStableFunc(order, func(x, y rowKey) int {
		return cmp.Or(cmp.Compare(slices.Index(methods, x.method), slices.Index(methods, y.method)), cmp.Compare(x.size, y.size))
	})
	return order, found
}

func writeTimes(b *strings.Builder, engines []string, results []result) {
	b.WriteString("| method | jobs in a call |")
	for _, engine := range engines {
		fmt.Fprintf(b, " %s, ms | ratio |", engineNames[engine])
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: | ---: |", len(engines)) + "\n")
	order, found := byRow(results)
	for _, row := range order {
		size := ""
		if row.size > 0 {
			size = withCommas(row.size)
		}
		fmt.Fprintf(b, "| %s | %s |", row.method, size)
		for _, engine := range engines {
			r, ok := found[key{engine, results[0].Jobs, row.method, row.size}]
			if !ok {
				b.WriteString(" | |")
				continue
			}
			fmt.Fprintf(b, " %s | %s |", milliseconds(r.Ours), ratioText(r))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// ratioText is the ratio, bold where it is below its floor, with its quartiles where they are
// known.
func ratioText(r result) string {
	text := fmt.Sprintf("%.2f", r.Ratio)
	if r.Ratio < floorOf(r) {
		text = "**" + text + "**"
	}
	if r.RatioHigh > 0 {
		text += fmt.Sprintf(" (%.2f–%.2f)", r.RatioLow, r.RatioHigh)
	}
	return text
}

// perJobBase is the size with whose time for one job that of larger calls is compared. In smaller
// calls the transaction costs more than the rows.
const perJobBase = 100

// writePerJob prints the time for one job in large calls, in relation to that in calls of
// perJobBase.
func writePerJob(b *strings.Builder, engines []string, results []result) {
	order, found := byRow(results)
	sizes := distinct(results, func(r result) int { return r.Size })
	slices.Sort(sizes)
	sizes = slices.DeleteFunc(sizes, func(n int) bool { return n <= perJobBase })
	if len(sizes) == 0 || !slices.ContainsFunc(results, func(r result) bool { return r.Size == perJobBase }) {
		return
	}
	fmt.Fprintf(b, "Time for one job in a large call, in relation to that in a call with %d jobs (1 is linear, less is better):\n\n| method |",
		perJobBase)
	for _, engine := range engines {
		for _, n := range sizes {
			fmt.Fprintf(b, " %s, %s |", engineNames[engine], withCommas(n))
		}
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(engines)*len(sizes)) + "\n")
	for _, row := range order {
		if row.size != perJobBase {
			continue
		}
		fmt.Fprintf(b, "| %s |", row.method)
		for _, engine := range engines {
			small, ok := found[key{engine, results[0].Jobs, row.method, perJobBase}]
			for _, n := range sizes {
				large, both := found[key{engine, results[0].Jobs, row.method, n}]
				if !ok || !both {
					b.WriteString(" |")
					continue
				}
				fmt.Fprintf(b, " %.2f |", float64(large.Ours)/float64(n)/(float64(small.Ours)/perJobBase))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

func writeReference(b *strings.Builder, results []result) {
	var times []float64
	slowest := result{Times: math.Inf(1)}
	for _, r := range results {
		if r.ReferenceFailure == "" && r.Reference == 0 {
			continue
		}
		if b.Len() == 0 || !strings.HasSuffix(b.String(), "|\n") {
			b.WriteString("Beside the reference:\n\n" +
				"| engine | method | jobs in a call | ours, ms | reference, ms | times |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
		}
		fmt.Fprintf(b, "| %s | %s | %s |", engineNames[r.Engine], r.Method, withCommas(max(r.Size, 1)))
		if r.ReferenceFailure != "" {
			b.WriteString(" | it fails | |\n")
			continue
		}
		fmt.Fprintf(b, " %s | %s | %.1f (%.1f–%.1f) |\n",
			milliseconds(r.BesideReference), milliseconds(r.Reference), r.Times, r.TimesLow, r.TimesHigh)
		if times = append(times, r.Times); r.Times < slowest.Times {
			slowest = r
		}
	}
	if len(times) > 0 {
		fmt.Fprintf(b, "\nThe reference takes %.1f times as long in the median, and %.1f times at least: %s, %s of %d.\n\n",
			median(times), slowest.Times, engineNames[slowest.Engine], slowest.Method, max(slowest.Size, 1))
	}
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f", ms)
	case ms >= 1:
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.3f", ms)
}

// withCommas writes 1000000 as 1,000,000.
func withCommas(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
