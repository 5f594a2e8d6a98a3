package jobdb

import (
	"context"
	"errors"
	"time"
)

// Limits bounds what makes a query costly. A zero field has its default
// (see [DefaultLimits]).
type Limits struct {
	Filters      int           // filters in one query, groups counted
	Depth        int           // nesting of groups
	Values       int           // values of all filters together
	Pattern      int           // bytes of one like or regex pattern
	RegexValues  int           // distinct values that a regex is tried on, where the engine can't do it itself
	PerPage      int           // rows of one page
	SummaryRows  int           // rows of one summary
	QueryTimeout time.Duration // of one search or summary; negative: none
}

// DefaultLimits are the limits where nothing else is said.
var DefaultLimits = Limits{
	Filters: 100, Depth: 10, Values: 10_000, Pattern: 1000, RegexValues: 10_000,
	PerPage: 10_000, SummaryRows: 100_000, QueryTimeout: time.Minute,
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct{ field, standard *int }{
		{&l.Filters, &DefaultLimits.Filters},
		{&l.Depth, &DefaultLimits.Depth},
		{&l.Values, &DefaultLimits.Values},
		{&l.Pattern, &DefaultLimits.Pattern},
		{&l.RegexValues, &DefaultLimits.RegexValues},
		{&l.PerPage, &DefaultLimits.PerPage},
		{&l.SummaryRows, &DefaultLimits.SummaryRows},
	} {
		if *f.field == 0 {
			*f.field = *f.standard
		}
	}
	if l.QueryTimeout == 0 {
		l.QueryTimeout = DefaultLimits.QueryTimeout
	}
	return l
}

var errQueryTimeout = errors.New("the query's time is up")

// context is one that ends when a query has taken too long.
func (l Limits) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.QueryTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, l.QueryTimeout, errQueryTimeout)
}

// begin is context; a patient one ends no more once the query has begun to give rows.
func (l Limits) begin(ctx context.Context, patient bool) (_ context.Context, cancel, begun func()) {
	if !patient || l.QueryTimeout <= 0 {
		ctx, cancel := l.context(ctx)
		return ctx, cancel, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(l.QueryTimeout, func() { end(errQueryTimeout) })
	begun = func() { timer.Stop() }
	return ctx, func() { begun(); end(nil) }, begun
}

// afterFirst calls begun before the first row.
func afterFirst(begun func(), each func([]any) error) func([]any) error {
	first := true
	return func(row []any) error {
		if first {
			first = false
			begun()
		}
		return each(row)
	}
}

// explainTimeout tells a query that took too long from one whose caller went away.
func (l Limits) explainTimeout(ctx context.Context, err error) error {
	if err == nil || !errors.Is(context.Cause(ctx), errQueryTimeout) {
		return err
	}
	return &QueryError{Field: "search", Reason: "took longer than " + l.QueryTimeout.String() + "; add filters, or group by fewer columns"}
}
