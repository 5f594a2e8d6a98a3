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
	RegexValues  int           // distinct values that may match a regex; with more, SQLite tries it on each row and others refuse
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

// answerTime is how long the database may take to answer a ping after a query that took too long.
const answerTime = 2 * time.Second

// explainTimeout turns the error of a query whose time was up into a QueryError that says so. Where
// the database is busy or gives no answer it is an UnavailableError: another query wouldn't have
// ended either. waits are the waits for a connection before the query began. The error of a query
// whose caller cancelled it stays.
func (db *DB) explainTimeout(ctx context.Context, err error, waits int64) error {
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(cause, engine.ErrLetGo):
		return &UnavailableError{Err: cause}
	case !errors.Is(cause, errQueryTimeout):
		return err
	}
	limit := db.options.Limits.QueryTimeout.String()
	if db.waits() > waits {
		return &UnavailableError{Err: errors.New("the time of the query, " + limit + ", was up while all connections were in use")}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if silent := db.Ping(ctx); silent != nil {
		// Not wrapped: the time that it speaks of is ours, not the caller's.
		return &UnavailableError{Err: errors.New("the time of the query, " + limit + ", was up, and the database gives no answer: " + silent.Error())}
	}
	return &QueryError{Field: "search", Reason: "took longer than " + limit + "; add filters, or group by fewer columns"}
}

// waits is how often somebody had to wait for a connection so far.
func (db *DB) waits() int64 { return db.engine.Reader.Stats().WaitCount }
