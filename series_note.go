package jobdb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// seriesKey is the key of a row of Series, but for its span and time.
type seriesKey struct {
	kind              int64
	vo, value, status string
}

const (
	// endReports is how long after a job's end its report may come and still be counted.
	endReports = time.Minute
	// maxGap is how far back jobs that ended are counted after a pause in noting.
	maxGap = day
)

var errNoted = errors.New("the counts of this time are noted already")

// NoteSeries notes the counts of jobs as of now, for [DB.Series], once in each [SeriesInterval]: by
// VO, Status and each of MinorStatus, Site, Owner, OwnerGroup and JobType, and by the same how many
// jobs have ended since the last time, by their EndExecTime. noted is false if that has been done
// already, or if the jobs are still being counted. The counts are read from those that triggers
// keep, the ends from an index. Each note adds to the buckets of 5 minutes, an hour and a day,
// which are kept for 2, 60 and 1100 days.
func (db *DB) NoteSeries(ctx context.Context) (noted bool, err error) {
	if !db.HasSeries() {
		return false, errNoSeries
	}
	if !db.counted.Load() {
		return false, nil // the jobs are being counted
	}
	at := db.now().Truncate(SeriesInterval)
	last, err := db.lastNoted(ctx)
	if err != nil || !last.Before(at) && last.Before(at.Add(SeriesInterval)) {
		return false, err
	}
	sums := map[seriesKey]int64{{}: 1}
	vos, err := db.addCounts(ctx, sums)
	if err != nil {
		return false, err
	}
	from := latestOf(last, at.Add(-maxGap))
	if last.IsZero() || last.After(at) {
		from = at.Add(-SeriesInterval)
	}
	for _, vo := range vos {
		if err := db.addEnded(ctx, sums, vo, from.Add(-endReports), at.Add(-endReports)); err != nil {
			return false, err
		}
	}
	err = db.write(ctx, "note counts over time", func(s *session) error { return s.storeSeries(ctx, at, sums) })
	if errors.Is(err, errNoted) {
		return false, nil
	}
	if err == nil && !last.Truncate(time.Hour).Equal(at.Truncate(time.Hour)) {
		err = db.dropOldSeries(ctx, at)
	}
	return err == nil, err
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lastNoted is when counts were noted last; the zero time: never.
func (db *DB) lastNoted(ctx context.Context) (last time.Time, err error) {
	text := `SELECT t."Time" FROM "Series" AS t WHERE t."Span" = ? AND t."Kind" = 0 AND t."VO" = '' ORDER BY t."Time" DESC LIMIT 1`
	err = db.read(ctx, "look for counts over time", func(s *session) error {
		return s.query(ctx, text, []any{int64(SeriesInterval / time.Second)}, scanRows(tables.Series.Pick("Time"), func(row []scanned) error {
			last = row[0].time()
			return nil
		}))
	})
	return last, err
}

// addCounts adds the numbers of jobs, and returns the VOs that have some.
func (db *DB) addCounts(ctx context.Context, sums map[seriesKey]int64) (vos []string, err error) {
	for i, column := range seriesColumns {
		by := []Column{colVO, colStatus, column}
		slices.SortFunc(by, compareColumns)
		err := db.EachSummaryRow(ctx, Summary{Scope: Scope{AllVOs: true}, GroupBy: by}, func(row []any) error {
			key, count := keyOf(by, column, row)
			key.kind = int64(i + 1)
			sums[key] += count
			if i == 0 && !slices.Contains(vos, key.vo) {
				vos = append(vos, key.vo)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return vos, nil
}

// addEnded adds how many jobs of a VO ended in a period. They are read once for all columns.
func (db *DB) addEnded(ctx context.Context, sums map[seriesKey]int64, vo string, from, to time.Time) error {
	by := append(slices.Clone(seriesColumns), colStatus)
	slices.SortFunc(by, compareColumns)
	ended := Filter{op: opAnd, kids: []Filter{{op: opIn, column: colEndExecTime, values: []any{period{from, to}}}}}
	return db.EachSummaryRow(ctx, Summary{Scope: Scope{VO: vo}, GroupBy: by, Filter: ended}, func(row []any) error {
		for i, column := range seriesColumns {
			key, count := keyOf(by, column, row)
			key.kind, key.vo = int64(i+1+endedKinds), vo
			sums[key] += count
		}
		return nil
	})
}

// keyOf is the key of what a row of a summary counts, by one of its columns, and the count.
func keyOf(by []Column, column Column, row []any) (key seriesKey, count int64) {
	text := func(c Column) string {
		if i := slices.Index(by, c); i >= 0 {
			s, _ := row[i].(string)
			return s
		}
		return ""
	}
	count, _ = row[len(row)-1].(int64)
	return seriesKey{vo: text(colVO), value: text(column), status: text(colStatus)}, count
}

// storeSeries adds the sums to the buckets of a time, unless another server did.
func (s *session) storeSeries(ctx context.Context, at time.Time, sums map[seriesKey]int64) error {
	keys := make([]seriesKey, 0, len(sums))
	for key, n := range sums {
		if n != 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareSeriesKeys)
	for _, span := range seriesSpans {
		rows := make([][]any, len(keys))
		for i, k := range keys {
			bucket := at
			if k.kind > endedKinds { // what ended did so before
				bucket = at.Add(-SeriesInterval)
			}
			rows[i] = []any{int64(span.length / time.Second), k.kind, k.vo, bucket.Truncate(span.length), k.value, k.status, sums[k]}
		}
		if span.length == SeriesInterval { // the row of Kind 0 comes first
			err := s.insert(ctx, tables.Series, tables.Series.Columns, rows[:1], "")
			if s.db.classOf(err) == engine.ClassDuplicate {
				return errors.Join(errNoted, err)
			}
			if err != nil {
				return err
			}
			rows = rows[1:]
		}
		if err := s.insert(ctx, tables.Series, tables.Series.Columns, rows, s.db.dialect.UpsertAdding(tables.Series, "Count")); err != nil {
			return err
		}
	}
	return nil
}

func compareSeriesKeys(a, b seriesKey) int {
	return cmp.Or(int(a.kind-b.kind), strings.Compare(a.vo, b.vo), strings.Compare(a.value, b.value), strings.Compare(a.status, b.status))
}

// dropOldSeries deletes buckets that were kept long enough.
func (db *DB) dropOldSeries(ctx context.Context, now time.Time) error {
	for _, span := range seriesSpans {
		if _, err := db.dropSeries(ctx, span, "", now.Add(-span.kept)); err != nil {
			return err
		}
	}
	return nil
}

// DropSeries deletes a VO's counts over time from before a time, and returns how many rows these
// were.
func (db *DB) DropSeries(ctx context.Context, vo string, before time.Time) (rows int64, err error) {
	if !db.schema.Series {
		return 0, nil
	}
	for _, span := range seriesSpans {
		n, err := db.dropSeries(ctx, span, vo, before)
		rows += n
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// dropSeries deletes old buckets of a span, of one VO or, with "", of all, kind by kind.
func (db *DB) dropSeries(ctx context.Context, span seriesSpan, vo string, before time.Time) (rows int64, err error) {
	const text = `DELETE FROM "Series" WHERE "Span" = ? AND "Kind" = ? AND "VO" = ? AND "Time" < ?`
	for kind := range int64(endedKinds + len(seriesColumns) + 1) {
		for at, more := vo, true; more; {
			err := db.write(ctx, "drop counts over time", func(s *session) error {
				n, err := s.exec(ctx, text, int64(span.length/time.Second), kind, at, db.dialect.TimeBound(before))
				rows += n
				return err
			})
			if err != nil {
				return rows, err
			}
			if more = false; vo == "" {
				if at, more, err = db.nextSeriesVO(ctx, span, kind, at); err != nil {
					return rows, err
				}
			}
		}
	}
	return rows, nil
}

// nextSeriesVO is the first VO after another one that has counts noted.
func (db *DB) nextSeriesVO(ctx context.Context, span seriesSpan, kind int64, after string) (vo string, found bool, err error) {
	const text = `SELECT t."VO" FROM "Series" AS t WHERE t."Span" = ? AND t."Kind" = ? AND t."VO" > ? ORDER BY t."VO" LIMIT 1`
	err = db.read(ctx, "look for counts over time", func(s *session) error {
		return s.query(ctx, text, []any{int64(span.length / time.Second), kind, after}, scanRows(tables.Series.Pick("VO"), func(row []scanned) error {
			vo, found = row[0].text(), true
			return nil
		}))
	})
	return vo, found, err
}
