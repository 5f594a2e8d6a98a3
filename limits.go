package jobdb

import (
	"cmp"
	"context"
	"errors"
	"time"

	"jobdb/internal/engine"
)

// Limits bounds what makes a query costly. A zero field means that of [DefaultLimits].
type Limits struct {
	Filters      int           // filters in one query, groups included
	Depth        int           // of nested groups
	Values       int           // values of all filters together
	Pattern      int           // bytes of one like or regex pattern
	RegexValues  int           // distinct values to try a regex on; with more, SQLite tries it on each row and others refuse
	PerPage      int           // rows of one page
	SummaryRows  int           // rows of one summary
	QueryTimeout time.Duration // of one search or summary; negative: none
}

// DefaultLimits are the limits of a [DB] that is opened without others.
var DefaultLimits = Limits{
	Filters: 100, Depth: 10, Values: 10_000, Pattern: 1000, RegexValues: 10_000,
	PerPage: 10_000, SummaryRows: 100_000, QueryTimeout: time.Minute,
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Filters:      cmp.Or(l.Filters, DefaultLimits.Filters),
		Depth:        cmp.Or(l.Depth, DefaultLimits.Depth),
		Values:       cmp.Or(l.Values, DefaultLimits.Values),
		Pattern:      cmp.Or(l.Pattern, DefaultLimits.Pattern),
		RegexValues:  cmp.Or(l.RegexValues, DefaultLimits.RegexValues),
		PerPage:      cmp.Or(l.PerPage, DefaultLimits.PerPage),
		SummaryRows:  cmp.Or(l.SummaryRows, DefaultLimits.SummaryRows),
		QueryTimeout: cmp.Or(l.QueryTimeout, DefaultLimits.QueryTimeout),
	}
}

var errQueryTimeout = errors.New("the query's time is up")

// context returns a context that ends when a query has taken too long.
func (l Limits) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.QueryTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, l.QueryTimeout, errQueryTimeout)
}

// begin is context for a query whose time may be limited up to its first row only, because a client
// reads the rows as they come: calling begun lifts the limit.
func (l Limits) begin(ctx context.Context, firstRowOnly bool) (_ context.Context, cancel, begun func()) {
	if !firstRowOnly || l.QueryTimeout <= 0 {
		ctx, cancel := l.context(ctx)
		return ctx, cancel, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(l.QueryTimeout, func() { end(errQueryTimeout) })
	begun = func() { timer.Stop() }
	return ctx, func() { begun(); end(nil) }, begun
}

// afterFirst is each, but calls begun before the first row.
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

// explainTimeout turns the error of a query that took too long into a QueryError that says so; that
// of a query whose caller cancelled it stays.
func (l Limits) explainTimeout(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(cause, engine.ErrLetGo):
		return &UnavailableError{Err: cause}
	case !errors.Is(cause, errQueryTimeout):
		return err
	}
	return &QueryError{Field: "search", Reason: "took longer than " + l.QueryTimeout.String() + "; add filters, or group by fewer columns"}
}
