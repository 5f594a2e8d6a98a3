package jobdb

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// SeriesRequest asks for the counts of jobs over time as clients do, not yet checked. Times are those
// of filters, from "2024" to "2024-01-31T10:00:00Z"; a partial one is its beginning.
type SeriesRequest struct {
	Columns []string     `json:"columns"`
	Search  []FilterSpec `json:"search,omitempty"` // eq and in, of the columns that series are noted by
	From    string       `json:"from"`
	To      string       `json:"to"`
	Bucket  int64        `json:"bucket,omitempty"` // seconds; 0: the finest that is kept and fits
	Ended   bool         `json:"ended,omitempty"`
	Top     int          `json:"top,omitempty"`
}

// SeriesQuery is a checked query for the counts of jobs over time. Get one from
// [SeriesRequest.Parse], then set Scope, which must be given.
type SeriesQuery struct {
	Scope    Scope
	By       []Column // whose values make the series: VO, Status and one of MinorStatus, Site, Owner, OwnerGroup and JobType
	Filter   Filter   // of eq and in on these columns
	From, To time.Time
	Bucket   time.Duration // 5 minutes, an hour or a day; 0: the finest that is kept and fits
	Ended    bool          // counts the jobs that ended in each bucket, instead of those that there were
	Top      int           // series, at most [MaxSeries]; 0: 10
}

// SeriesRows are counts of jobs over time, as they were noted. Buckets begin at multiples of their
// length since 1970, in UTC, and the period is made longer at both ends until they are whole.
type SeriesRows struct {
	From, To time.Time
	Bucket   time.Duration
	Columns  []Column // as in the query
	Samples  []int64  // how often each bucket was noted; 0: nobody knows its counts
	Series   []SeriesOf
	Other    []float64 // jobs of each bucket that are in no series
}

// SeriesOf is one series: the jobs with these values of the query's columns.
type SeriesOf struct {
	Values []string  // of [SeriesRows.Columns]
	Counts []float64 // of each bucket: the mean number of jobs, or how many ended
}

// seriesSpan is how long a kind of buckets is, and how long buckets are kept.
type seriesSpan struct{ length, kept time.Duration }

// SeriesInterval is how often counts are noted.
const SeriesInterval = 5 * time.Minute

const day = 24 * time.Hour

// seriesSpans are from the finest to the coarsest.
var seriesSpans = []seriesSpan{{SeriesInterval, 2 * day}, {time.Hour, 60 * day}, {day, 1100 * day}}

// seriesColumns are what the counts are noted by, beside VO and Status. In the table Series the
// Kind of a number of jobs is the column's place here, counted from 1; that of a number of jobs
// that ended is higher by endedKinds. Kind 0 counts how often a bucket was noted.
var seriesColumns = []Column{
	colMinorStatus, colSite, colOwner, colOwnerGroup, colJobType,
}

const endedKinds = 10

// Parse checks a request for series. Every fault is a [QueryError] that names the parameter.
func (r SeriesRequest) Parse(limits Limits) (SeriesQuery, error) {
	q := SeriesQuery{Ended: r.Ended, Top: r.Top}
	for _, name := range r.Columns {
		column, err := ParseColumn(name)
		if err != nil {
			return q, inField("columns", err)
		}
		q.By = append(q.By, column)
	}
	var err error
	if q.Filter, err = ParseFilters(r.Search, limits); err != nil {
		return q, err
	}
	if q.From, err = parseStartOf("from", r.From); err != nil {
		return q, err
	}
	if q.To, err = parseStartOf("to", r.To); err != nil {
		return q, err
	}
	if r.Bucket < 0 || r.Bucket > int64(maxBucket/time.Second) {
		return q, errSeriesBucket
	}
	q.Bucket = time.Duration(r.Bucket) * time.Second
	return q, q.check()
}

var (
	errSeriesBucket  = &QueryError{Field: "bucket", Reason: "300 (5 minutes), 3600 (an hour) or 86400 (a day); without one the finest that is kept and fits"}
	errSeriesColumns = &QueryError{
		Field:  "columns",
		Reason: "series are noted by Status and one of MinorStatus, Site, Owner, OwnerGroup and JobType, in columns and search together",
	}
)

func (q SeriesQuery) check() error {
	if err := q.checkColumns(); err != nil {
		return err
	}
	isSpan := func(s seriesSpan) bool { return s.length == q.Bucket }
	switch {
	case q.Bucket != 0 && !slices.ContainsFunc(seriesSpans, isSpan):
		return errSeriesBucket
	case q.From.Unix() < 0:
		return &QueryError{Field: "from", Reason: "1970 or later"}
	case !q.From.Before(q.To):
		return &QueryError{Field: "to", Reason: "must be later than from"}
	case checkYear(q.To.Add(day)) != nil:
		return &QueryError{Field: "to", Reason: "no later than the year 9999"}
	}
	if n := q.buckets(cmp.Or(q.Bucket, day)); n > MaxBuckets {
		return &QueryError{Field: "bucket", Reason: "the period has " + itoa(n) + " buckets, at most " + itoa(MaxBuckets) + " are given"}
	}
	return checkTop("top", q.Top, MaxSeries)
}

// checkColumns refuses columns that the counts aren't noted by, and filters that do more than
// choose values of such columns.
func (q SeriesQuery) checkColumns() error {
	if len(q.By) == 0 {
		return &QueryError{Field: "columns", Reason: "at least one"}
	}
	others := map[Column]bool{}
	add := func(c Column) {
		if c != colVO && c != colStatus {
			others[c] = true
		}
	}
	for i, c := range q.By {
		if slices.Contains(q.By[:i], c) {
			return &QueryError{Field: "columns", Reason: c.Name() + " is there twice"}
		}
		add(c)
	}
	for _, kid := range q.Filter.kids {
		if kid.op != opIn || len(kid.kids) > 0 {
			return &QueryError{Field: "search", Reason: "the counts over time can be searched by eq and in only"}
		}
		add(kid.column)
	}
	for c := range others {
		if len(others) > 1 || !slices.Contains(seriesColumns, c) {
			return errSeriesColumns
		}
	}
	return nil
}

// column returns which of the seriesColumns answers the query. One owner's jobs are noted by Owner
// only.
func (q SeriesQuery) column() (Column, error) {
	column := seriesColumns[0]
	if q.Scope.Owner != "" {
		column = colOwner
	}
	for _, c := range slices.Concat(q.By, q.filtered()) {
		switch {
		case c == colVO || c == colStatus:
		case q.Scope.Owner != "" && c != column:
			return c, &QueryError{Field: "columns", Reason: "of your own jobs alone, series are noted by Status only, not by " + c.Name()}
		default:
			column = c
		}
	}
	return column, nil
}

func (q SeriesQuery) filtered() (columns []Column) {
	for _, kid := range q.Filter.kids {
		columns = append(columns, kid.column)
	}
	return columns
}

// buckets is how many buckets of a length the period has.
func (q SeriesQuery) buckets(length time.Duration) int {
	from, to := q.period(length)
	return int(to.Sub(from) / length)
}

// period is the query's, made longer until buckets of a length are whole.
func (q SeriesQuery) period(length time.Duration) (from, to time.Time) {
	from, to = q.From.Truncate(length), q.To.Truncate(length)
	if to.Before(q.To) {
		to = to.Add(length)
	}
	return from, to
}

// bucket is the query's, or the finest one that is kept for the whole period and fits into
// [MaxBuckets].
func (q SeriesQuery) bucket(now time.Time) time.Duration {
	if q.Bucket != 0 {
		return q.Bucket
	}
	for _, s := range seriesSpans {
		if !q.From.Before(now.Add(-s.kept)) && q.buckets(s.length) <= MaxBuckets {
			return s.length
		}
	}
	return day
}

var errNoSeries = &SchemaError{
	Reason: "no counts of jobs over time are kept in this database: they need counts of jobs, and the newest migrations of jobdb",
}

// HasSeries reports whether counts of jobs over time can be kept: jobdb's own migrations made this
// database, with counts of jobs.
func (db *DB) HasSeries() bool { return db.schema.Series && db.schema.Counts }

// Series returns counts of jobs over time as [DB.NoteSeries] noted them: means over the samples of a
// bucket, or sums of what ended. A database that keeps none is a [SchemaError].
func (a access) Series(ctx context.Context, q SeriesQuery) (SeriesRows, error) {
	if !a.db.HasSeries() {
		return SeriesRows{}, errNoSeries
	}
	column, columnErr := q.column()
	if err := cmp.Or(q.Scope.check(), q.check(), columnErr); err != nil {
		return SeriesRows{}, err
	}
	rows := SeriesRows{Columns: q.By, Bucket: q.bucket(a.db.now())}
	rows.From, rows.To = q.period(rows.Bucket)
	n := q.buckets(rows.Bucket)
	err := a.ask(ctx, "read counts over time", false, func(ctx context.Context, s *session) error {
		rows.Samples, rows.Series, rows.Other = make([]int64, n), nil, make([]float64, n)
		return (&seriesReader{session: s, query: q, column: column, rows: &rows}).read(ctx)
	})
	return rows, err
}

// seriesReader reads what answers one query.
type seriesReader struct {
	*session
	query  SeriesQuery
	column Column // whose values are in Series.Value
	rows   *SeriesRows
}

// read reads which series are the largest, then the counts of all.
func (r *seriesReader) read(ctx context.Context) error {
	if err := r.readSamples(ctx); err != nil {
		return err
	}
	if err := r.readLargest(ctx); err != nil {
		return err
	}
	return r.readCounts(ctx)
}

// where is the condition for rows of a kind, and its arguments.
func (r *seriesReader) where(kind int64) (string, []any) {
	bound := r.db.dialect.TimeBound
	return ` FROM "Series" AS t WHERE t."Span" = ? AND t."Kind" = ? AND t."Time" >= ? AND t."Time" < ?`,
		[]any{int64(r.rows.Bucket / time.Second), kind, bound(r.rows.From), bound(r.rows.To)}
}

// wanted is the condition for the rows that the query counts, and its arguments.
func (r *seriesReader) wanted() (string, []any) {
	kind := int64(slices.Index(seriesColumns, r.column) + 1)
	if r.query.Ended {
		kind += endedKinds
	}
	text, args := r.where(kind)
	if !r.query.Scope.AllVOs || r.query.Scope.VO != "" {
		text, args = text+` AND t."VO" = ?`, append(args, r.query.Scope.VO)
	}
	if r.query.Scope.Owner != "" {
		text, args = text+` AND t."Value" = ?`, append(args, r.query.Scope.Owner)
	}
	for _, kid := range r.query.Filter.kids {
		if len(kid.values) == 0 { // in a list of none
			text += " AND 1 = 0"
			continue
		}
		text += " AND t." + seriesColumn(kid.column) + " IN (?" + strings.Repeat(", ?", len(kid.values)-1) + ")"
		args = append(args, kid.values...)
	}
	return text, args
}

// seriesColumn is the column of the table Series that holds one of Jobs.
func seriesColumn(c Column) string {
	if c == colVO || c == colStatus {
		return tables.Quote(c.Name())
	}
	return `"Value"`
}

func (r *seriesReader) readSamples(ctx context.Context) error {
	where, args := r.where(0)
	columns := []tables.Column{{Kind: tables.KindTime}, countColumn}
	return r.rowsOf(ctx, `SELECT t."Time", t."Count"`+where+` AND t."VO" = ''`, args, columns, func(row []scanned) {
		if i, ok := r.bucketOf(row[0].time()); ok {
			r.rows.Samples[i] = row[1].integer()
		}
	})
}

// readLargest finds out which series there are to give.
func (r *seriesReader) readLargest(ctx context.Context) error {
	where, args := r.wanted()
	columns, names := r.by()
	text := "SELECT " + names + where + " GROUP BY " + names + ` ORDER BY sum(t."Count") DESC, ` + names + " LIMIT ?"
	top := int64(cmp.Or(r.query.Top, defaultTop))
	return r.rowsOf(ctx, text, append(args, top), columns, func(row []scanned) {
		values := make([]string, len(row))
		for i := range row {
			values[i] = row[i].text()
		}
		r.rows.Series = append(r.rows.Series, SeriesOf{Values: values, Counts: make([]float64, len(r.rows.Other))})
	})
}

// rowsOf calls each for the rows of a query.
func (r *seriesReader) rowsOf(ctx context.Context, text string, args []any, columns []tables.Column, each func([]scanned)) error {
	return r.session.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
		each(row)
		return nil
	}))
}

// readCounts adds each row to its series, or to the others.
func (r *seriesReader) readCounts(ctx context.Context) error {
	ofValues := map[string][]float64{}
	for _, series := range r.rows.Series {
		ofValues[strings.Join(series.Values, "\x00")] = series.Counts
	}
	where, args := r.wanted()
	columns, list := r.by()
	columns = append(columns, tables.Column{Kind: tables.KindTime}, countColumn)
	var buffer []byte
	return r.rowsOf(ctx, "SELECT "+list+`, t."Time", t."Count"`+where, args, columns, func(row []scanned) {
		key, last := buffer[:0], len(r.query.By)
		for i := range last {
			if i > 0 {
				key = append(key, 0)
			}
			key = append(key, row[i].text()...)
		}
		buffer = key
		counts, among := ofValues[string(key)]
		if !among {
			counts = r.rows.Other
		}
		if i, ok := r.bucketOf(row[last].time()); ok {
			r.noteEnd(i)
			counts[i] += r.perSample(i, row[last+1].integer())
		}
	})
}

// noteEnd marks the bucket of jobs that ended as noted, even if its jobs were not counted.
func (r *seriesReader) noteEnd(bucket int) {
	if r.query.Ended {
		r.rows.Samples[bucket] = max(1, r.rows.Samples[bucket])
	}
}

// by are the columns that make the series, and their list for a SELECT.
func (r *seriesReader) by() (columns []tables.Column, list string) {
	names := make([]string, len(r.query.By))
	for i, c := range r.query.By {
		columns, names[i] = append(columns, tables.Column{Kind: tables.KindText}), "t."+seriesColumn(c)
	}
	return columns, strings.Join(names, ", ")
}

// perSample is the mean number of jobs in a bucket. What ended is a sum.
func (r *seriesReader) perSample(bucket int, sum int64) float64 {
	if r.query.Ended {
		return float64(sum)
	}
	return float64(sum) / float64(max(1, r.rows.Samples[bucket]))
}

// bucketOf is the place of the bucket that begins at a time.
func (r *seriesReader) bucketOf(at time.Time) (i int, ok bool) {
	i = int(at.Sub(r.rows.From) / r.rows.Bucket)
	return i, i >= 0 && i < len(r.rows.Samples)
}
