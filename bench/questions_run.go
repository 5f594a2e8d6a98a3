package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// The floor of a question: with the most jobs at most maxTimes its time with the fewest, or less than
// fastEnough; of one that passes over an index, perJobOfPass for each job of the VO.
const (
	maxTimes     = 3.0
	fastEnough   = 100 * time.Millisecond
	perJobOfPass = 150 * time.Nanosecond
)

// questionTimeout is how long a question may take. The floors are far below.
const questionTimeout = 20 * time.Second

// answer is how long a question took on one database.
type answer struct {
	jobs    int // of growthVO
	took    time.Duration
	refused bool // with too many groups, or values to match
	late    bool // after questionTimeout
}

// asked is a question with its answers by the number of jobs in the database.
type asked struct {
	kind questionKind
	question
	answers map[int]answer
}

// runQuestions asks all questions on each engine with each number of jobs, and publishes a table for
// each engine.
func runQuestions(ctx context.Context, s settings) error {
	slices.Sort(s.jobs)
	for _, engine := range s.engines {
		var all []*asked
		for _, jobs := range s.jobs {
			err := questionsOn(ctx, s, engine, jobs, &all, func(d *database) error {
				if jobs != s.jobs[len(s.jobs)-1] {
					return nil
				}
				slow := d.checkQuestions(ctx, s, all)
				err := s.publishIn("questions", questionsTableName(engine, jobs), "", questionsTable(engine, all, s.jobs))
				return errors.Join(slow, err, d.explainShort(ctx, s, os.Stdout, all))
			})
			if err != nil {
				return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
			}
		}
	}
	return nil
}

// questionsTableName is that of an engine's table in the document: there is one for most numbers of jobs,
// and another for very many.
func questionsTableName(engine string, jobs int) string {
	if jobs >= 10_000_000 {
		return "questions-" + engine + "-10000000"
	}
	return "questions-" + engine
}

// questionsOn asks on one database, adds what was found to all, and then calls after.
func questionsOn(ctx context.Context, s settings, engine string, jobs int, all *[]*asked, after func(*database) error) (err error) {
	d, err := openDatabase(ctx, s, engine, jobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close(s.keep)) }()
	m, err := d.newMonitor(ctx, s.draw)
	if err != nil {
		return err
	}
	for _, kind := range questionKinds {
		if err := d.askKind(ctx, s, m, kind, all); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return after(d)
}

// askKind asks the questions of a kind that -method wants.
func (d *database) askKind(ctx context.Context, s settings, m *monitor, kind questionKind, all *[]*asked) error {
	start, n, slowest := time.Now(), 0, time.Duration(0)
	for _, q := range m.drawn(kind) {
		if !s.methods.MatchString(kind.name + ": " + q.name) {
			continue
		}
		a, err := d.best(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		a.jobs = m.jobs["VO"][commonest]
		n, slowest = n+1, max(slowest, a.took)
		at := slices.IndexFunc(*all, func(other *asked) bool { return other.kind.name == kind.name && other.name == q.name })
		if at < 0 {
			at = len(*all)
			*all = append(*all, &asked{kind: kind, answers: map[int]answer{}})
		}
		(*all)[at].question, (*all)[at].answers[d.jobs] = q, a // the values are those of this database
		name := benchmarkName("question "+kind.name+" "+q.name, d.engine, d.jobs, "", 0, "ours")
		if err := s.samples.write(name, []sample{{1, float64(a.took)}}); err != nil {
			return err
		}
	}
	if n > 0 {
		log.Printf("%s with %d jobs: %-60s %4d questions, slowest %s ms, in %v",
			d.engine, d.jobs, kind.name, n, milliseconds(slowest), time.Since(start).Round(time.Millisecond))
	}
	return nil
}

// best is the shortest time of some calls: as many as fit in a short time, but two at least, unless
// they take long.
func (d *database) best(ctx context.Context, q question) (a answer, err error) {
	const (
		calls  = 7
		budget = 60 * time.Millisecond
		long   = 300 * time.Millisecond
	)
	for start, n := time.Now(), 0; n < calls && (n < 2 && a.took < long || time.Since(start) < budget); n++ {
		before, worked := time.Now(), ownProcessorTime()
		_, err := q.ask(ctx, d.db)
		took := time.Since(before)
		if d.processor {
			took = ownProcessorTime() - worked
		}
		switch invalid := (*jobdb.QueryError)(nil); {
		case errors.As(err, &invalid):
			a.refused, a.late = true, time.Since(before) >= questionTimeout
		case err != nil:
			return a, err
		}
		if n == 0 || took < a.took {
			a.took = took
		}
	}
	return a, nil
}

// times is how many times as long the question took with the most jobs as with the fewest.
func (a *asked) times(jobs []int) float64 {
	return float64(a.answers[jobs[len(jobs)-1]].took) / float64(a.answers[jobs[0]].took)
}

// short reports whether the question falls short of its floor.
func (a *asked) short(jobs []int) bool {
	most := a.answers[jobs[len(jobs)-1]]
	switch {
	case most.late:
		return true
	case most.took < fastEnough:
		return false
	case a.kind.onePass:
		return most.took > time.Duration(most.jobs)*perJobOfPass
	}
	return a.times(jobs) > maxTimes
}

// questionsTable has a line for each kind: medians and the worst, and how many fall short.
func questionsTable(engine string, all []*asked, jobs []int) string {
	var b strings.Builder
	few, most := jobs[0], jobs[len(jobs)-1]
	fmt.Fprintf(&b, "| %s | asked | %s jobs, ms: median | worst | %s jobs, ms: median | worst | times: median | worst | fall short | slowest |\n",
		engineNames[engine], withCommas(few), withCommas(most))
	b.WriteString("| --- |" + strings.Repeat(" ---: |", 8) + " --- |\n")
	total, short := 0, 0
	for _, kind := range questionKinds {
		row := kindRow{few: few, most: most}
		for _, a := range all {
			if a.kind.name == kind.name {
				row.add(a, jobs)
			}
		}
		if len(row.after) == 0 {
			continue
		}
		total, short = total+len(row.after), short+row.short
		fmt.Fprintf(&b, "| %s | %s\n", kind.name, row)
	}
	fmt.Fprintf(&b, "\n%d of %d questions fall short.\n\n", short, total)
	return b.String()
}

// kindRow is what a line of the table tells.
type kindRow struct {
	few, most      int
	before, after  []time.Duration
	times          []float64
	short, refused int
	slowest        *asked
}

func (r *kindRow) add(a *asked, jobs []int) {
	r.before, r.after = append(r.before, a.answers[r.few].took), append(r.after, a.answers[r.most].took)
	r.times = append(r.times, a.times(jobs))
	if a.short(jobs) {
		r.short++
	}
	if most := a.answers[r.most]; most.refused && !most.late {
		r.refused++
	}
	if r.slowest == nil || a.answers[r.most].took > r.slowest.answers[r.most].took {
		r.slowest = a
	}
}

func (r kindRow) String() string {
	short := ""
	if r.short > 0 {
		short = fmt.Sprintf("**%d**", r.short)
	}
	refused := ""
	if r.refused > 0 {
		refused = fmt.Sprintf(" (%d refused)", r.refused)
	}
	return fmt.Sprintf("%d%s | %s | %s | %s | %s | %.1f | %.1f | %s | %s |", len(r.after), refused,
		milliseconds(median(r.before)), milliseconds(slices.Max(r.before)), milliseconds(median(r.after)), milliseconds(slices.Max(r.after)),
		median(r.times), slices.Max(r.times), short, r.slowest.name)
}

// shortOf are the questions that fall short, the slowest first.
func shortOf(all []*asked, jobs []int) []*asked {
	short := slices.DeleteFunc(slices.Clone(all), func(a *asked) bool { return !a.short(jobs) })
	most := jobs[len(jobs)-1]
	slices.SortStableFunc(short, func(a, b *asked) int { return cmp.Compare(b.answers[most].took, a.answers[most].took) })
	return short
}
