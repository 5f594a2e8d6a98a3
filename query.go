package jobdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"
)

// Limits bounds what makes a query costly. A zero field has its default
// (see [DefaultLimits]).
type Limits struct {
	Filters     int           // filters in one query, groups counted
	Depth       int           // nesting of groups
	Values      int           // values of all filters together
	Pattern     int           // bytes of one like or regex pattern
	RegexValues int           // distinct values that a regex is tried on, where the engine can't do it itself
	PerPage     int           // rows of one page
	SummaryRows int           // rows of one summary
	QueryTime   time.Duration // of one search or summary; negative: none
}

// DefaultLimits are the limits where nothing else is said.
var DefaultLimits = Limits{
	Filters: 100, Depth: 10, Values: 10_000, Pattern: 1000, RegexValues: 10_000,
	PerPage: 10_000, SummaryRows: 100_000, QueryTime: time.Minute,
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
	if l.QueryTime == 0 {
		l.QueryTime = DefaultLimits.QueryTime
	}
	return l
}

// SortSpec is one sort key as clients send it; Direction is asc or desc.
type SortSpec struct {
	Parameter string `json:"parameter"`
	Direction string `json:"direction"`
}

// SearchRequest is a search as clients send it, not yet checked.
type SearchRequest struct {
	Parameters []string     `json:"parameters,omitempty"`
	Search     []FilterSpec `json:"search,omitempty"`
	Sort       []SortSpec   `json:"sort,omitempty"`
	Distinct   bool         `json:"distinct,omitempty"`
}

// SummaryRequest is a summary as clients send it, not yet checked.
type SummaryRequest struct {
	Grouping []string     `json:"grouping"`
	Search   []FilterSpec `json:"search,omitempty"`
}

// ParseSearchJSON reads a [SearchRequest] from JSON. What isn't one is a [QueryError].
func ParseSearchJSON(data []byte) (SearchRequest, error) {
	var request SearchRequest
	return request, decodeQuery(data, &request)
}

// ParseSummaryJSON reads a [SummaryRequest] from JSON. What isn't one is a [QueryError].
func ParseSummaryJSON(data []byte) (SummaryRequest, error) {
	var request SummaryRequest
	return request, decodeQuery(data, &request)
}

func decodeQuery(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return &QueryError{Field: "body", Reason: err.Error()}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return &QueryError{Field: "body", Reason: "there is more after the end of the JSON value"}
	}
	return nil
}

// Search is a checked query for rows of Jobs. Get one from
// [SearchRequest.Parse], then set Scope, Page and PerPage.
type Search struct {
	Scope    Scope
	Columns  []Column // in the table's order; empty: all
	Filter   Filter
	Sort     []Sort
	Distinct bool
	Page     int    // counts from 1; 0: all rows
	PerPage  int    // rows a page; 0: 100
	Cursor   string // instead of Page: the Next of the page before, of a search with the same sort
}

// Summary is a checked query for counts. Get one from
// [SummaryRequest.Parse], then set Scope.
type Summary struct {
	Scope   Scope
	GroupBy []Column // in the table's order; empty: all
	Filter  Filter
}

// Sort is one sort key.
type Sort struct {
	Column     Column
	Descending bool
}

// Parse checks a search against the table's columns and the limits. Every
// fault is a [QueryError] that names the parameter.
func (r SearchRequest) Parse(limits Limits) (Search, error) {
	columns, err := parseColumns("parameters", r.Parameters)
	if err != nil {
		return Search{}, err
	}
	filter, err := ParseFilters(r.Search, limits)
	if err != nil {
		return Search{}, err
	}
	search := Search{Columns: columns, Filter: filter, Distinct: r.Distinct}
	for _, spec := range r.Sort {
		key, err := spec.parse()
		if err != nil {
			return Search{}, err
		}
		if r.Distinct && len(columns) > 0 && !slices.Contains(columns, key.Column) {
			return Search{}, &QueryError{
				Field:  "sort by " + key.Column.Name(),
				Reason: "distinct rows can only be sorted by columns that are selected",
			}
		}
		if !slices.ContainsFunc(search.Sort, func(s Sort) bool { return s.Column == key.Column }) {
			search.Sort = append(search.Sort, key)
		}
	}
	return search, nil
}

func (s SortSpec) parse() (Sort, error) {
	column, err := ParseColumn(s.Parameter)
	if err != nil {
		return Sort{}, err
	}
	switch s.Direction {
	case "asc":
		return Sort{Column: column}, nil
	case "desc":
		return Sort{Column: column, Descending: true}, nil
	}
	return Sort{}, &QueryError{
		Field:  "sort by " + s.Parameter,
		Reason: "the direction is asc or desc, not " + quoteShort(s.Direction),
	}
}

// Parse checks a summary against the table's columns and the limits. Every
// fault is a [QueryError] that names the parameter.
func (r SummaryRequest) Parse(limits Limits) (Summary, error) {
	columns, err := parseColumns("grouping", r.Grouping)
	if err != nil {
		return Summary{}, err
	}
	filter, err := ParseFilters(r.Search, limits)
	return Summary{GroupBy: columns, Filter: filter}, err
}

// parseColumns returns the columns in the table's order, each once.
func parseColumns(field string, names []string) ([]Column, error) {
	var columns []Column
	for _, name := range names {
		column, err := ParseColumn(name)
		if err != nil {
			if q := (*QueryError)(nil); errors.As(err, &q) {
				q.Field = field + ": " + q.Field
			}
			return nil, err
		}
		columns = append(columns, column)
	}
	slices.SortFunc(columns, func(a, b Column) int { return int(a.index) - int(b.index) })
	return slices.Compact(columns), nil
}

// checkPage gives the rows of a page, 0 for all.
func (s Search) checkPage(limits Limits) (perPage int, err error) {
	perPage = s.PerPage
	if perPage == 0 {
		perPage = min(100, limits.PerPage)
	}
	switch {
	case s.Cursor != "" && s.Page != 0:
		return 0, &QueryError{Field: "cursor", Reason: "can't be together with a page"}
	case s.Cursor != "" && s.distinct():
		return 0, &QueryError{Field: "cursor", Reason: "distinct rows have no places; give a page"}
	case s.Page < 0:
		return 0, &QueryError{Field: "page", Reason: "counts from 1, not " + strconv.Itoa(s.Page)}
	case perPage < 0:
		return 0, &QueryError{Field: "per_page", Reason: "at least 1, not " + strconv.Itoa(s.PerPage)}
	case perPage > limits.PerPage:
		return 0, &QueryError{Field: "per_page", Reason: "at most " + strconv.Itoa(limits.PerPage) + ", not " + strconv.Itoa(s.PerPage)}
	case s.Page == 0 && s.Cursor == "":
		return 0, nil
	}
	return perPage, nil
}
