package api

import (
	"context"
	"net/http"
	"strconv"

	"jobdb"
	"jobdb/auth"
)

// facets answers with the most frequent values of some columns.
func (s *service) facets(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readRequest(body, readFacetsObject)
	if err != nil {
		return err
	}
	memory.decoded()
	parse := func(limits jobdb.Limits) (jobdb.Facets, error) { return request.Parse(limits) }
	query, scope, err := queryOf(r.Context(), s, p, &request.Search, parse)
	if err != nil {
		return err
	}
	query.Scope = scope
	q := question{class: s.pages, size: memory.left + int64(len(query.Columns))*int64(query.Top)*2*valueSize, body: memory}
	if s.DB.CostlyFacets(query) {
		q.class = s.costly
	}
	q.read = func(ctx context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		facets, err := s.DB.Facets(ctx, query)
		return http.StatusOK, appendFacets(b, facets), err
	}
	return s.ask(w, r, p, q)
}

// histogram answers with the numbers of jobs over time. It is always costly, because it reads all
// jobs of its period.
func (s *service) histogram(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readRequest(body, readHistogramObject)
	if err != nil {
		return err
	}
	memory.decoded()
	parse := func(limits jobdb.Limits) (jobdb.Histogram, error) { return request.Parse(limits) }
	query, scope, err := queryOf(r.Context(), s, p, &request.Search, parse)
	if err != nil {
		return err
	}
	query.Scope = scope
	size := memory.left + int64(query.Top+1)*jobdb.MaxBuckets*countSize
	return s.ask(w, r, p, question{class: s.costly, cost: s.costOf(query.Scope, query.Filter), size: size, body: memory, read: func(ctx context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		rows, err := s.DB.Histogram(ctx, query)
		return http.StatusOK, appendHistogram(b, rows), err
	}})
}

// countSize is about how many bytes a number of a histogram takes, with its text.
const countSize = 16

// values answers with the first values of a column that begin with a text.
func (s *service) values(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readRequest(body, readValuesObject)
	if err != nil {
		return err
	}
	memory.decoded()
	query, err := request.Parse(s.DB.Limits())
	if query.Scope, err = s.queryScope(p, err); err != nil {
		return err
	}
	q := question{class: s.pages, size: memory.left + int64(query.Limit)*valueSize, body: memory}
	if s.DB.CostlyValues(query) {
		q.class = s.costly
	}
	q.read = func(ctx context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		list, err := s.DB.Values(ctx, query)
		return http.StatusOK, appendValues(b, list), err
	}
	return s.ask(w, r, p, q)
}

func appendFacets(b []byte, facets []jobdb.Facet) []byte {
	b = append(b, '{')
	for i, facet := range facets {
		b = append(appendComma(b, i), columnKeys[facet.Column.Name()]...)
		b = append(b, `{"values":[`...)
		for j, value := range facet.Values {
			b = append(appendComma(b, j), `{"value":`...)
			b = append(appendValue(b, value.Value, zulu), `,"count":`...)
			b = append(strconv.AppendInt(b, value.Count, 10), '}')
		}
		b = append(strconv.AppendBool(append(b, `],"more":`...), facet.More), '}')
	}
	return append(b, '}')
}

func appendHistogram(b []byte, rows jobdb.HistogramRows) []byte {
	b = appendTime(append(b, `{"from":`...), rows.From, zulu)
	b = appendTime(append(b, `,"to":`...), rows.To, zulu)
	b = strconv.AppendInt(append(b, `,"bucket":`...), int64(rows.Bucket.Seconds()), 10)
	b = append(b, `,"series":[`...)
	for i, series := range rows.Series {
		b = append(appendComma(b, i), `{"value":`...)
		b = append(appendValue(b, series.Value, zulu), `,"counts":`...)
		b = append(appendCounts(b, series.Counts), '}')
	}
	return append(appendCounts(append(b, `],"other":`...), rows.Other), '}')
}

func appendCounts(b []byte, counts []int64) []byte {
	b = append(b, '[')
	for i, count := range counts {
		b = strconv.AppendInt(appendComma(b, i), count, 10)
	}
	return append(b, ']')
}

func appendValues(b []byte, list jobdb.ValueList) []byte {
	b = append(b, `{"values":[`...)
	for i, value := range list.Values {
		b = appendText(appendComma(b, i), value)
	}
	return append(strconv.AppendBool(append(b, `],"more":`...), list.More), '}')
}

// appendComma appends a comma before all members but the first, whose place is 0.
func appendComma(b []byte, place int) []byte {
	if place == 0 {
		return b
	}
	return append(b, ',')
}
