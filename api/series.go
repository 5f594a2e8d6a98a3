package api

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
)

// series answers with the counts of jobs over time, as they were noted.
func (s *service) series(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readRequest(body, readSeriesObject)
	if err != nil {
		return err
	}
	memory.decoded()
	query, err := request.Parse(s.DB.Limits())
	if query.Scope, err = s.queryScope(p, err); err != nil {
		return err
	}
	if !s.DB.HasSeries() {
		return &httpError{status: http.StatusBadRequest, detail: "no counts over time are noted in this database; /api/jobdb/histogram counts the jobs that there are"}
	}
	size := memory.left + int64(query.Top+2)*jobdb.MaxBuckets*countSize
	return s.ask(w, r, p, question{class: s.costly, size: size, body: memory, read: func(ctx context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		rows, err := s.DB.Series(ctx, query)
		return http.StatusOK, appendSeries(b, rows), err
	}})
}

func readSeriesObject(in *validation.Reader, value any) (request jobdb.SeriesRequest) {
	o, ok := readKnown(in, value, "columns", "from", "to", "bucket", "ended", "top", "search")
	if !ok {
		return request
	}
	if columns, ok := in.Required(o, "columns", validation.Body); ok {
		request.Columns = in.Texts(columns, validation.Body.At("columns"))
	}
	for _, field := range []struct {
		key  string
		text *string
	}{{"from", &request.From}, {"to", &request.To}} {
		if value, ok := in.Required(o, field.key, validation.Body); ok {
			*field.text, _ = in.Text(value, validation.Body.At(field.key))
		}
	}
	if bucket, given := o.Get("bucket"); given && bucket != nil {
		request.Bucket, _ = in.Integer(bucket, validation.Body.At("bucket"))
	}
	if ended, given := o.Get("ended"); given {
		request.Ended, _ = in.Bool(ended, validation.Body.At("ended"))
	}
	if filters, given := o.Get("search"); given {
		request.Search = readFilters(in, filters, validation.Body.At("search"))
	}
	request.Top = readCount(in, o, "top", defaultTop, jobdb.MaxSeries)
	return request
}

func appendSeries(b []byte, rows jobdb.SeriesRows) []byte {
	b = append(b, `{"columns":[`...)
	for i, c := range rows.Columns {
		b = appendText(appendComma(b, i), c.Name())
	}
	b = appendTime(append(b, `],"from":`...), rows.From, zulu)
	b = appendTime(append(b, `,"to":`...), rows.To, zulu)
	b = strconv.AppendInt(append(b, `,"bucket":`...), int64(rows.Bucket.Seconds()), 10)
	b = append(b, `,"series":[`...)
	for i, series := range rows.Series {
		b = append(appendComma(b, i), `{"values":[`...)
		for j, value := range series.Values {
			b = appendText(appendComma(b, j), value)
		}
		b = append(appendNoted(append(b, `],"counts":`...), series.Counts, rows.Samples), '}')
	}
	return append(appendNoted(append(b, `],"other":`...), rows.Other, rows.Samples), '}')
}

// appendNoted appends the counts of buckets to two decimals, and null for those that weren't noted.
func appendNoted(b []byte, counts []float64, samples []int64) []byte {
	b = append(b, '[')
	for i, count := range counts {
		if b = appendComma(b, i); samples[i] == 0 {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, math.Round(count*100)/100, 'f', -1, 64)
		}
	}
	return append(b, ']')
}
