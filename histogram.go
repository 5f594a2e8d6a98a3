package jobdb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"jobdb/internal/tables"
)

// HistogramRequest asks for a histogram as clients do, not yet checked. Times are those of filters,
// from "2024" to "2024-01-31T10:00:00Z"; a partial one is its beginning.
type HistogramRequest struct {
	Search []FilterSpec `json:"search,omitempty"`
	Time   string       `json:"time"`
	From   string       `json:"from"`
	To     string       `json:"to"`
	Bucket int64        `json:"bucket"` // seconds
	By     string       `json:"by,omitempty"`
	Top    int          `json:"top,omitempty"`
}

// Histogram is a checked query for the numbers of jobs over time. Get one from
// [HistogramRequest.Parse], then set Scope, which must be given.
type Histogram struct {
	Scope    Scope
	Filter   Filter
	Time     Column        // SubmissionTime, StartExecTime, EndExecTime or LastUpdateTime
	From, To time.Time     // To isn't part of the period
	Bucket   time.Duration // whole minutes, at most 366 days
	By       Column        // each of its values makes a series; the zero Column: no series
	Top      int           // series, at most [MaxSeries]; 0: 10
}

// HistogramRows are numbers of jobs over time. Buckets begin at multiples of their length since
// 1970, in UTC: days at midnight. The period is made longer at both ends until its buckets are whole.
type HistogramRows struct {
	From, To time.Time // start of the first bucket, end of the last
	Bucket   time.Duration
	Series   []Series // those with most jobs, the largest first, then by the value, byte by byte
	Other    []int64  // jobs of each bucket that are in no series
}

// Series are the jobs with one value of the column by which a histogram is split.
type Series struct {
	Value  any     // int64, string, bool, AccountedFlag or nil
	Counts []int64 // of each bucket
}

const (
	// MaxBuckets is how many buckets a histogram has at most.
	MaxBuckets = 1000
	// MaxSeries is how many series a histogram has at most.
	MaxSeries = 50

	minBucket = time.Minute
	maxBucket = 366 * 24 * time.Hour
)

// histogramTimes are the times of a job's life, which a histogram can be over.
var histogramTimes = []string{"SubmissionTime", "StartExecTime", "EndExecTime", "LastUpdateTime"}

// Parse checks a request for a histogram against the table's columns and the limits. Every fault is
// a [QueryError] that names the parameter.
func (r HistogramRequest) Parse(limits Limits) (Histogram, error) {
	h := Histogram{Top: r.Top}
	var err error
	if h.Time, err = ParseColumn(r.Time); err != nil {
		return h, inField("time", err)
	}
	if r.By != "" {
		if h.By, err = ParseColumn(r.By); err != nil {
			return h, inField("by", err)
		}
		if err = h.By.checkSplit("by"); err != nil {
			return h, err
		}
	}
	if h.From, err = parseStartOf("from", r.From); err != nil {
		return h, err
	}
	if h.To, err = parseStartOf("to", r.To); err != nil {
		return h, err
	}
	if r.Bucket < 0 || r.Bucket > int64(maxBucket/time.Second) {
		return h, errBucket
	}
	h.Bucket = time.Duration(r.Bucket) * time.Second
	if h.Filter, err = ParseFilters(r.Search, limits); err != nil {
		return h, err
	}
	return h, h.check()
}

// parseStartOf reads a time. A partial one such as 2024-01 stands for its beginning.
func parseStartOf(field, text string) (time.Time, error) {
	p, _, err := parsePeriod(text)
	return p.start, inField(field, err)
}

var errBucket = &QueryError{Field: "bucket", Reason: "whole minutes, in seconds, from 60 to 31622400 (366 days)"}

func (h Histogram) check() error {
	switch {
	case !slices.Contains(histogramTimes, h.Time.Name()):
		return &QueryError{Field: "time", Reason: "one of SubmissionTime, StartExecTime, EndExecTime and LastUpdateTime, not " + h.Time.Name()}
	case h.Bucket < minBucket || h.Bucket > maxBucket || h.Bucket%time.Minute != 0:
		return errBucket
	case h.From.Unix() < 0:
		return &QueryError{Field: "from", Reason: "1970 or later"}
	case !h.From.Before(h.To):
		return &QueryError{Field: "to", Reason: "must be later than from"}
	}
	first, end := h.buckets()
	switch {
	case end-first > MaxBuckets:
		return &QueryError{Field: "bucket", Reason: "the period has " + itoa(int(end-first)) + " buckets, at most " + itoa(MaxBuckets) + " are counted; make them longer"}
	case checkYear(h.start(end)) != nil:
		return &QueryError{Field: "to", Reason: "no later than the year 9999"}
	case h.By != (Column{}):
		if err := h.By.checkSplit("by"); err != nil {
			return err
		}
	}
	return checkTop("top", h.Top, MaxSeries)
}

// buckets are the numbers of the first bucket and of the one after the last, counted from 1970.
func (h Histogram) buckets() (first, end int64) {
	length := int64(h.Bucket / time.Second)
	to := h.To.Unix()
	if h.To.Nanosecond() > 0 {
		to++
	}
	return h.From.Unix() / length, (to + length - 1) / length
}

// start is when a bucket begins.
func (h Histogram) start(bucket int64) time.Time {
	return time.Unix(bucket*int64(h.Bucket/time.Second), 0).UTC()
}

// period is from the first bucket to the end of the last.
func (h Histogram) period() period {
	first, end := h.buckets()
	return period{h.start(first), h.start(end)}
}

// top is how many series are wanted.
func (h Histogram) top() int {
	if h.By == (Column{}) {
		return 0
	}
	return cmp.Or(h.Top, defaultTop)
}

// columns are those of a group: its bucket, its value if jobs are split by one, its number of jobs.
func (h Histogram) columns() []tables.Column {
	columns := []tables.Column{{Name: "bucket", Kind: tables.KindInteger}}
	if h.By != (Column{}) {
		columns = append(columns, h.By.def())
	}
	return append(columns, countColumn)
}

// Histogram counts the jobs that match by a time of theirs. It looks at all jobs of the period, in
// an index by the time if there is one, within [Limits.QueryTimeout]. It takes memory for the series
// that it gives, however many values there are.
func (a access) Histogram(ctx context.Context, h Histogram) (HistogramRows, error) {
	if err := a.checkQuestion(h.Scope, h.Filter, h.check()); err != nil {
		return HistogramRows{}, err
	}
	var rows HistogramRows
	err := a.ask(ctx, "count jobs over time", !h.Filter.looksUp(), func(ctx context.Context, s *session) error {
		var err error
		if h.Filter, err = s.resolvePatterns(ctx, h.Scope, h.Filter); err == nil {
			rows, err = s.histogram(ctx, h)
		}
		return err
	})
	return rows, err
}

// within is the filter, narrowed to jobs in the histogram's period.
func (h Histogram) within() Filter {
	return Filter{op: opAnd, kids: append(slices.Clip(h.Filter.kids), Filter{op: opIn, column: h.Time, values: []any{h.period()}})}
}

// histogram reads the groups in the order of their values.
func (s *session) histogram(ctx context.Context, h Histogram) (HistogramRows, error) {
	first, end := h.buckets()
	rows := HistogramRows{From: h.start(first), To: h.start(end), Bucket: h.Bucket, Other: make([]int64, end-first)}
	largest := largestSeries{rows: &rows, top: h.top()}
	c, err := s.planned(ctx, h.Scope, h.within(), false)
	if err != nil {
		return HistogramRows{}, err
	}
	st := c.histogram(h)
	err = s.query(ctx, st.text, st.args, scanRows(h.columns(), func(cells []scanned) error {
		number, count := cells[0].integer(), cells[len(cells)-1].integer()
		if number < first || number >= end {
			return errors.New("the column " + h.Time.Name() + " holds what is no time")
		}
		var value any
		if len(cells) == 3 {
			value = cells[1].value
		}
		largest.add(value, bucketCount{number - first, count})
		return nil
	}))
	largest.endValue()
	return rows, err
}

// largestSeries makes series of groups that come in the order of their values.
type largestSeries struct {
	rows   *HistogramRows
	top    int
	totals []int64       // of the series so far
	value  any           // of the groups that come now
	groups []bucketCount // of that value so far
}

type bucketCount struct{ bucket, count int64 }

func (l *largestSeries) add(value any, group bucketCount) {
	if value != l.value {
		l.endValue()
	}
	l.value, l.groups = value, append(l.groups, group)
}

// endValue adds a value whose groups are complete to the largest series, or to the others.
func (l *largestSeries) endValue() {
	total := int64(0)
	for _, group := range l.groups {
		total += group.count
	}
	place := len(l.totals)
	for place > 0 && l.totals[place-1] < total {
		place--
	}
	counts := l.rows.Other
	if place < l.top && total > 0 {
		if len(l.totals) == l.top {
			l.removeLast()
		}
		counts = make([]int64, len(counts))
		l.totals = slices.Insert(l.totals, place, total)
		l.rows.Series = slices.Insert(l.rows.Series, place, Series{Value: l.value, Counts: counts})
	}
	for _, group := range l.groups {
		counts[group.bucket] += group.count
	}
	l.groups = l.groups[:0]
}

func (l *largestSeries) removeLast() {
	last := len(l.totals) - 1
	for i, count := range l.rows.Series[last].Counts {
		l.rows.Other[i] += count
	}
	l.totals, l.rows.Series = l.totals[:last], l.rows.Series[:last]
}
