package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"jobdb"
	"jobdb/api/internal/validation"
)

const (
	defaultPerPage = 100
	maxPerPage     = 10_000
)

// pageRequest says which page is wanted: the one of a number, or the one after a cursor.
type pageRequest struct {
	number, size int
	cursor       string
}

// readPage reads page, or cursor in its place, and per_page. Who gets all rows as lines may send
// none of them.
func readPage(in *validation.Reader, query url.Values, asLines bool) (page pageRequest) {
	if asLines {
		refusePages(in, query)
		return page
	}
	page.cursor, _ = validation.QueryValue(query, "cursor")
	number, given := validation.QueryValue(query, "page")
	switch {
	case page.cursor != "" && given:
		in.Fault("extra_forbidden", validation.Location{"query", "page"}, "can't be together with a cursor", number)
	case page.cursor == "":
		page.number = in.QueryCount(query, "page", 1, validation.MaxCount)
	}
	page.size = in.QueryCount(query, "per_page", defaultPerPage, maxPerPage)
	return page
}

func refusePages(in *validation.Reader, query url.Values) {
	for _, name := range []string{"page", "per_page", "cursor"} {
		if text, given := validation.QueryValue(query, name); given {
			at := validation.Location{"query", name}
			in.Fault("extra_forbidden", at, "has no meaning with Accept: "+linesType+", which gives all rows", text)
		}
	}
}

// readSearch reads the body of a search. Most bodies are read in one pass by encoding/json. The
// others are read value by value as DiracX reads them, which accepts more, or says what is wrong
// and where.
func readSearch(in *validation.Reader, body []byte) (jobdb.SearchRequest, error) {
	if len(body) == 0 {
		return jobdb.SearchRequest{}, in.Err()
	}
	request, err := jobdb.ParseSearchJSON(body)
	if err == nil && in.Faults == nil && isPlain(body, request.Search) {
		return request, nil
	}
	value, err := validation.Decode(body)
	if err != nil {
		return jobdb.SearchRequest{}, err
	}
	request = readSearchObject(in, value)
	return request, in.Err()
}

// readSummary reads the body of a summary, as [readSearch] that of a search.
func readSummary(body []byte) (jobdb.SummaryRequest, error) {
	var in validation.Reader
	if len(body) == 0 {
		in.Fault("missing", validation.Body, "a body is required", nil)
		return jobdb.SummaryRequest{}, in.Err()
	}
	request, err := jobdb.ParseSummaryJSON(body)
	if err == nil && request.Grouping != nil && isPlain(body, request.Search) {
		return request, nil
	}
	value, err := validation.Decode(body)
	if err != nil {
		return jobdb.SummaryRequest{}, err
	}
	request = readSummaryObject(&in, value)
	return request, in.Err()
}

// isPlain reports whether what encoding/json read of a body is what DiracX reads of it. A null
// means nothing to encoding/json, and is a fault in most places.
func isPlain(body []byte, filters []jobdb.FilterSpec) bool {
	return !bytes.Contains(body, []byte("null")) && arePlain(filters)
}

func arePlain(filters []jobdb.FilterSpec) bool {
	return !slices.ContainsFunc(filters, func(f jobdb.FilterSpec) bool { return !isPlainFilter(f) })
}

// isPlainFilter reports whether a filter has only strings and whole numbers, and no list has both.
func isPlainFilter(f jobdb.FilterSpec) bool {
	if f.Value != nil && !isText(f.Value) && !isWhole(f.Value) {
		return false
	}
	allText := !slices.ContainsFunc(f.Values, func(value any) bool { return !isText(value) })
	allWhole := !slices.ContainsFunc(f.Values, func(value any) bool { return !isWhole(value) })
	return (allText || allWhole) && arePlain(f.Or) && arePlain(f.And) && (f.Not == nil || isPlainFilter(*f.Not))
}

func isText(value any) bool {
	_, ok := value.(string)
	return ok
}

func isWhole(value any) bool {
	n, ok := value.(json.Number)
	return ok && !strings.ContainsAny(string(n), ".eE")
}

// findMalformed reads a body, of which an invalid query was made, value by value, and returns the
// faults.
func findMalformed(body []byte, read func(*validation.Reader, any)) error {
	value, err := validation.Decode(body)
	if err != nil { // too deep
		return nil //nolint:nilerr // that the query is invalid says it better
	}
	var in validation.Reader
	read(&in, value)
	return in.Err()
}

func readSearchObject(in *validation.Reader, value any) (request jobdb.SearchRequest) {
	o, ok := in.Object(value, validation.Body)
	if !ok {
		return request
	}
	if parameters, given := o.Get("parameters"); given && parameters != nil {
		request.Parameters = in.Texts(parameters, validation.Body.At("parameters"))
	}
	if filters, given := o.Get("search"); given {
		request.Search = readFilters(in, filters, validation.Body.At("search"))
	}
	if sorts, given := o.Get("sort"); given {
		list, _ := in.List(sorts, validation.Body.At("sort"))
		for i, item := range list {
			request.Sort = append(request.Sort, readSort(in, item, validation.Body.At("sort", i)))
		}
	}
	if distinct, given := o.Get("distinct"); given {
		request.Distinct, _ = in.Bool(distinct, validation.Body.At("distinct"))
	}
	return request
}

func readSummaryObject(in *validation.Reader, value any) (request jobdb.SummaryRequest) {
	o, ok := in.Object(value, validation.Body)
	if !ok {
		return request
	}
	if grouping, ok := in.Required(o, "grouping", validation.Body); ok {
		request.Grouping = in.Texts(grouping, validation.Body.At("grouping"))
	}
	if filters, given := o.Get("search"); given {
		request.Search = readFilters(in, filters, validation.Body.At("search"))
	}
	return request
}

func readSort(in *validation.Reader, value any, at validation.Location) (s jobdb.SortSpec) {
	o, ok := in.Dict(value, at)
	if !ok {
		return s
	}
	if parameter, ok := in.Required(o, "parameter", at); ok {
		s.Parameter, _ = in.Text(parameter, at.At("parameter"))
	}
	if direction, ok := in.Required(o, "direction", at); ok {
		s.Direction = in.OneOf(direction, at.At("direction"), "asc", "desc")
	}
	return s
}
