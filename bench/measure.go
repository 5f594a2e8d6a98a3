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

// operation does a piece of work once. It returns a number on which all
// contenders must agree: rows found, written or matched.
type operation func(ctx context.Context) (int64, error)

// comparison is one piece of work that several contenders do.
type comparison struct {
	method string
	size   int                             // jobs in one call; 0 where that means nothing
	before func(ctx context.Context) error // each call, not timed; may be nil
	after  func(ctx context.Context) error // each call, not timed; may be nil
	ours   operation
	bare   operation // the same, written by hand on the bare driver

	reference func() instruction  // the same for the reference, after before; nil where it has no such method
	created   func([]jobdb.JobID) // is told of the jobs that the reference created, before after is called
}

// contender is one way to do the work of a comparison.
type contender struct {
	name          string
	before, after func(ctx context.Context) error // each call, not timed; may be nil
	call          operation
	took          func() time.Duration // by the latest call, on its own clock; nil: it is timed from here
}

func (c comparison) contender(name string, call operation) contender {
	return contender{name: name, before: c.before, after: c.after, call: call}
}

// result is what was measured of one comparison.
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

	// Beside the reference, in turns: medians, and quartiles of how many times as long the
	// reference took.
	Reference                  time.Duration `json:"reference,omitempty"`
	BesideReference            time.Duration `json:"besideReference,omitempty"`
	TimesLow, Times, TimesHigh float64
	ReferenceFailure           string `json:"referenceFailure,omitempty"` // where it can't

	took [2][]time.Duration // by each round: ours, and the bare driver
}

const (
	minRounds   = 6 // benchstat has no confidence interval for fewer samples
	maxRounds   = 400
	callTimeout = time.Minute
)

// measureAll measures all comparisons that the settings ask for. The error tells of those that are
// below their floor, too.
func (d *database) measureAll(ctx context.Context, s settings) ([]result, error) {
	var results []result
	var slow error
	for _, c := range append(d.reads(s.sizes), d.writes(s.sizes)...) {
		if !s.methods.MatchString(c.method) {
			continue
		}
		r, err := d.measure(ctx, s, c)
		switch {
		case errors.Is(err, errFloor):
			slow = errors.Join(slow, err)
		case err != nil:
			return results, fmt.Errorf("%s of %d: %w", c.method, c.size, err)
		}
		log.Printf("%-8s %7d jobs  %-42s %5d  %12v  %.2f", r.Engine, r.Jobs, r.Method, r.Size, r.Ours.Round(time.Microsecond), r.Ratio)
		results = append(results, r)
	}
	return results, slow
}

// measure measures ours beside the bare driver, and beside the reference where that has such a
// method.
func (d *database) measure(ctx context.Context, s settings, c comparison) (result, error) {
	c.before = d.foldFirst(c.before)
	pair := [2]contender{c.contender("ours", c.ours), c.contender("the bare driver", c.bare)}
	measure := func(ctx context.Context, budget time.Duration) (result, error) {
		r, err := alternate(ctx, budget, pair)
		r.Engine, r.Jobs, r.Method, r.Size = d.engine, d.jobs, c.method, c.size
		return r, err
	}
	r, err := measure(ctx, s.budget)
	if err == nil && s.check {
		r, err = checkFloor(ctx, r, s.budget, measure)
	}
	if err != nil {
		return r, err
	}
	err = errors.Join(s.samples.write(r.benchmark("ours"), batches(r.took[0])), s.samples.write(r.benchmark("bare"), batches(r.took[1])))
	if err == nil {
		err = d.measureReference(ctx, s, c, &r)
	}
	return r, err
}

// foldFirst folds the count changes of earlier calls and then calls before: their cost isn't the
// next call's.
func (d *database) foldFirst(before func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if _, err := d.db.FoldCounts(ctx); err != nil || before == nil {
			return err
		}
		return before(ctx)
	}
}

// alternate lets both contenders work in turns until the time is used up; who begins changes with
// every round. The first round only warms up. In the result the first is ours and the second is
// bare.
func alternate(ctx context.Context, budget time.Duration, pair [2]contender) (result, error) {
	var r result
	var ratios []float64
	start := time.Now()
	for round := 0; round <= maxRounds; round++ {
		if round > minRounds && time.Since(start) > budget {
			break
		}
		took, err := alternateOnce(ctx, pair, round%2)
		if err != nil {
			return result{}, err
		}
		if round == 0 {
			continue
		}
		for i := range pair {
			r.took[i] = append(r.took[i], took[i])
		}
		ratios = append(ratios, float64(took[1])/float64(took[0]))
	}
	r.Rounds, r.Ours, r.Bare = len(ratios), median(r.took[0]), median(r.took[1])
	r.RatioLow, r.Ratio, r.RatioHigh = quartiles(ratios)
	return r, nil
}

// alternateOnce lets each contender work once, the one of that number first, and checks that they
// did the same.
func alternateOnce(ctx context.Context, pair [2]contender, first int) (took [2]time.Duration, err error) {
	var returned [2]int64
	for _, i := range [2]int{first, 1 - first} {
		if took[i], returned[i], err = pair[i].run(ctx); err != nil {
			return took, fmt.Errorf("%s: %w", pair[i].name, err)
		}
	}
	if returned[0] != returned[1] {
		return took, fmt.Errorf("%s returns %d, %s %d", pair[0].name, returned[0], pair[1].name, returned[1])
	}
	return took, nil
}

// run makes one call, with a context that can be cancelled, as in a server.
func (c contender) run(ctx context.Context) (took time.Duration, returned int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if c.before != nil {
		if err := c.before(ctx); err != nil {
			return 0, 0, fmt.Errorf("prepare: %w", err)
		}
	}
	start := time.Now()
	returned, err = c.call(ctx)
	took = time.Since(start)
	if c.took != nil {
		took = c.took()
	}
	if err == nil && c.after != nil {
		err = c.after(ctx)
	}
	return took, returned, err
}

func median[T cmp.Ordered](values []T) T {
	_, middle, _ := quartiles(values)
	return middle
}

// quartiles are the values below which a quarter, half and three quarters of all are.
func quartiles[T cmp.Ordered](values []T) (low, middle, high T) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return sorted[n/4], sorted[n/2], sorted[n*3/4]
}
