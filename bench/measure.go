package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"jobdb"
)

// side is one way to do the work. It returns a number on which both ways
// must agree: rows found, written or matched.
type side func(ctx context.Context) (int64, error)

// comparison is one piece of work done in two ways.
type comparison struct {
	method string
	size   int                             // jobs in one call; 0 where that means nothing
	before func(ctx context.Context) error // each run, not timed
	after  func(ctx context.Context) error // each run, not timed
	ours   side
	bare   side

	reference func() order        // the same for the reference, after before; nil where it has no such method
	made      func([]jobdb.JobID) // is told of jobs that the reference made, before after runs
}

// result is what was measured.
type result struct {
	Engine    string        `json:"engine"`
	Jobs      int           `json:"jobs"`
	Method    string        `json:"method"`
	Size      int           `json:"size"`
	Rounds    int           `json:"rounds"`
	Ours      time.Duration `json:"ours"` // medians
	Bare      time.Duration `json:"bare"`
	Ratio     float64       `json:"ratio"`               // median of bare/ours of each round: less than 1 where ours takes longer
	RatioLow  float64       `json:"ratioLow,omitempty"`  // lower quartile of the rounds' ratios
	RatioHigh float64       `json:"ratioHigh,omitempty"` // upper quartile

	// Beside the reference, in turns: medians, and quartiles of how many times as long the reference took.
	Reference                  time.Duration `json:"reference,omitempty"`
	BesideReference            time.Duration `json:"besideReference,omitempty"`
	TimesLow, Times, TimesHigh float64
	ReferenceFailure           string `json:"referenceFailure,omitempty"` // where it can't
}

const (
	fewestRounds = 5
	mostRounds   = 400
	longestRun   = time.Minute
)

func (w *world) measureAll(ctx context.Context, s settings) ([]result, error) {
	var results []result
	var slow error
	cases := slices.DeleteFunc(append(w.reads(s.sizes), w.writes(s.sizes)...), func(c comparison) bool { return !s.methods.MatchString(c.method) })
	measured := newProgress(w.engine+": measured", len(cases), "comparisons")
	for i, c := range cases {
		c.before = w.folded(c.before)
		measure := func(ctx context.Context, budget time.Duration) (result, error) {
			r, err := c.measure(ctx, budget)
			r.Engine, r.Jobs = w.engine, w.jobs
			return r, err
		}
		r, err := measure(ctx, s.budget)
		if err == nil && s.check {
			r, err = hold(ctx, r, s.budget, measure)
		}
		if err == nil {
			err = w.measureReference(ctx, c, s.budget, &r)
		}
		switch {
		case errors.Is(err, errFloor):
			slow = errors.Join(slow, err)
		case err != nil:
			return results, fmt.Errorf("%s of %d: %w", c.method, c.size, err)
		}
		log.Printf("%-8s %7d jobs  %-42s %5d  %12v  %.2f", r.Engine, r.Jobs, r.Method, r.Size, r.Ours.Round(time.Microsecond), r.Ratio)
		results = append(results, r)
		measured.at(i + 1)
	}
	return results, slow
}

// folded is what runs before each side: what changes of jobs left to be done isn't the next method's cost.
func (w *world) folded(before func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if _, err := w.db.FoldCounts(ctx); err != nil || before == nil {
			return err
		}
		return before(ctx)
	}
}

func (c comparison) measure(ctx context.Context, budget time.Duration) (result, error) {
	r, err := inTurns(ctx, budget, [2]timed{{"ours", c, c.ours, nil}, {"the bare driver", c, c.bare, nil}})
	r.Method, r.Size = c.method, c.size
	return r, err
}

// timed is one side of a comparison, with what runs around it.
type timed struct {
	name   string
	around comparison
	side   side
	took   func() time.Duration // by its own clock; nil: it is timed from here
}

// inTurns runs both sides in turns until the time is used up; who begins
// changes with every round. The first round only warms up.
func inTurns(ctx context.Context, budget time.Duration, sides [2]timed) (result, error) {
	var ours, bare []time.Duration
	var ratios []float64
	start := time.Now()
	for round := 0; round <= mostRounds; round++ {
		if round > fewestRounds && time.Since(start) > budget {
			break
		}
		order := []int{0, 1}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		var took [2]time.Duration
		var gave [2]int64
		for _, i := range order {
			var err error
			if took[i], gave[i], err = sides[i].around.once(ctx, sides[i].side); err != nil {
				return result{}, fmt.Errorf("%s: %w", sides[i].name, err)
			}
			if sides[i].took != nil {
				took[i] = sides[i].took()
			}
		}
		if gave[0] != gave[1] {
			return result{}, fmt.Errorf("%s gives %d, %s %d", sides[0].name, gave[0], sides[1].name, gave[1])
		}
		if round > 0 {
			ours, bare = append(ours, took[0]), append(bare, took[1])
			ratios = append(ratios, float64(took[1])/float64(took[0]))
		}
	}
	r := result{Rounds: len(ours), Ours: median(ours), Bare: median(bare)}
	r.RatioLow, r.Ratio, r.RatioHigh = quartiles(ratios)
	return r, nil
}

// once runs one side with a context as a server has it, which can be cancelled.
func (c comparison) once(ctx context.Context, run side) (took time.Duration, gave int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return 0, 0, fmt.Errorf("prepare: %w", err)
		}
	}
	start := time.Now()
	gave, err = run(ctx)
	took = time.Since(start)
	if err == nil && c.after != nil {
		err = c.after(ctx)
	}
	return took, gave, err
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// quartiles are the values below which a quarter, half and three quarters of all are.
func quartiles[T cmp.Ordered](values []T) (low, middle, high T) {
	middle = median(values)
	return values[len(values)/4], middle, values[len(values)*3/4]
}
