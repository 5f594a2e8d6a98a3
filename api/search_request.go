package api

import (
	"net/url"

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
	uncounted    bool // without the number of jobs that match
}

// readPage reads page or cursor, per_page and uncounted. A request for all rows, with the media
// type lines, may have none of them.
func readPage(in *validation.Reader, query url.Values, lines string) (page pageRequest) {
	if lines != "" {
		refusePages(in, query, lines)
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
	page.uncounted = in.QueryBool(query, "uncounted")
	return page
}

func refusePages(in *validation.Reader, query url.Values, kind string) {
	for _, name := range []string{"page", "per_page", "cursor", "uncounted"} {
		if text, given := validation.QueryValue(query, name); given {
			at := validation.Location{"query", name}
			in.Fault("extra_forbidden", at, "has no meaning with Accept: "+kind+", which gives all rows", text)
		}
	}
}

// readSearch reads the body of a search.
func readSearch(in *validation.Reader, body []byte) (request jobdb.SearchRequest, err error) {
	if len(body) == 0 {
		return request, in.Err()
	}
	value, err := validation.Decode(body)
	if err != nil {
		return request, err
	}
	request = readSearchObject(in, value)
	return request, in.Err()
}

// readSummary reads the body of a summary.
func readSummary(body []byte) (jobdb.SummaryRequest, error) {
	return readRequest(body, readSummaryObject)
}

// readRequest reads a body that must be there.
func readRequest[R any](body []byte, read func(*validation.Reader, any) R) (request R, err error) {
	var in validation.Reader
	value, ok, err := readJSON(&in, body)
	if err != nil {
		return request, err
	}
	if ok {
		request = read(&in, value)
	}
	return request, in.Err()
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
