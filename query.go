package jobdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
)

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

// ParseSearchJSON reads a [SearchRequest] from JSON. What isn't one is a [QueryError]. Of a repeated
// key the last value counts; other keys than these, such as "Search", mean nothing.
func ParseSearchJSON(data []byte) (SearchRequest, error) {
	var request SearchRequest
	return request, decodeQuery(data, &request)
}

// ParseSummaryJSON reads a [SummaryRequest] from JSON as [ParseSearchJSON] does.
func ParseSummaryJSON(data []byte) (SummaryRequest, error) {
	var request SummaryRequest
	return request, decodeQuery(data, &request)
}

func decodeQuery(data []byte, into any) error {
	var tree any
	err := decodeJSON(data, &tree)
	if err == nil {
		data, err = json.Marshal(exactKeys(tree))
	}
	if err == nil {
		err = decodeJSON(data, into)
	}
	if err != nil {
		return &QueryError{Field: "body", Reason: err.Error()}
	}
	return nil
}

func decodeJSON(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end of the JSON value")
	}
	return nil
}

// queryKeys are all that a search or a summary may have.
var queryKeys = []string{
	"parameters", "search", "sort", "distinct", "grouping", "parameter", "direction", "operator", "value", "values", "or", "and", "not",
}

// exactKeys removes all other keys. encoding/json ignores case: it would take "Search" for
// "search", too, and merge both.
func exactKeys(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		for key, value := range v {
			if v[key] = exactKeys(value); !slices.Contains(queryKeys, key) {
				delete(v, key)
			}
		}
	case []any:
		for i, value := range v {
			v[i] = exactKeys(value)
		}
	}
	return tree
}

// Search is a checked query for rows of Jobs. Get one from [SearchRequest.Parse], then set Scope,
// which must be given, Page and PerPage.
type Search struct {
	Scope    Scope
	Columns  []Column // in the table's order; empty: all
	Filter   Filter
	Sort     []Sort
	Distinct bool
	Page     int    // counts from 1; 0: all rows
	PerPage  int    // rows a page; 0: 100
	Cursor   string // instead of Page: the Next of the page before, of a search with the same sort

	// Uncounted leaves out counting the jobs of all pages: Total is -1 unless the page has them all, and
	// the page that Next leads to may be empty.
	Uncounted bool
}

// Summary is a checked query for counts. Get one from [SummaryRequest.Parse], then set Scope, which
// must be given.
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

// Parse checks a search against the table's columns and the limits. Every fault is a [QueryError]
// that names the parameter.
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

// Parse checks a summary against the table's columns and the limits. Every fault is a [QueryError]
// that names the parameter.
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
			return nil, inField(field, err)
		}
		columns = append(columns, column)
	}
	slices.SortFunc(columns, compareColumns)
	return slices.Compact(columns), nil
}

// inField adds to an error in which field of a query it is.
func inField(field string, err error) error {
	var query *QueryError
	switch reason := errReason(""); {
	case errors.As(err, &query):
		return &QueryError{Field: field + ": " + query.Field, Reason: query.Reason}
	case errors.As(err, &reason):
		return &QueryError{Field: field, Reason: string(reason)}
	}
	return err
}

// checkPage checks the page, and returns how many rows it has; 0 stands for all.
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

// offset is how many rows come before the page.
func (s Search) offset(perPage int) int64 {
	page := int64(s.Page - 1)
	if perPage > 0 && page > math.MaxInt64/int64(perPage) {
		return math.MaxInt64
	}
	return page * int64(perPage)
}

func (s Search) columns() []Column {
	if len(s.Columns) == 0 {
		return Columns()
	}
	return s.Columns
}

// distinct reports whether equal rows can occur at all.
func (s Search) distinct() bool {
	return s.Distinct && len(s.Columns) > 0 && !slices.Contains(s.Columns, colJobID)
}

func (s Summary) columns() []Column {
	if len(s.GroupBy) == 0 {
		return Columns()
	}
	return s.GroupBy
}

// distinctKeys are the sort keys, and the other columns after them, so that rows that differ never
// tie.
func (s Search) distinctKeys() []Sort {
	keys := slices.Clone(s.Sort)
	last := len(keys) > 0 && keys[len(keys)-1].Descending
	for _, column := range s.Columns {
		if !slices.ContainsFunc(keys, func(k Sort) bool { return k.Column == column }) {
			keys = append(keys, Sort{Column: column, Descending: last})
		}
	}
	return keys
}

// keys are the columns by which rows are sorted, JobID the last of them: it leaves no ties.
func (s Search) keys() []Sort {
	keys := slices.Clone(s.Sort)
	if i := slices.IndexFunc(keys, func(k Sort) bool { return k.Column == colJobID }); i >= 0 {
		return keys[:i+1]
	}
	return append(keys, Sort{Column: colJobID, Descending: len(keys) > 0 && keys[len(keys)-1].Descending})
}

// Scope confines a query to what its caller may see: the jobs of a VO, or with Owner those of one
// owner in it. Both are compared byte by byte. A query whose Scope has no VO fails with
// [ErrNoScope], so that a forgotten Scope shows no jobs at all; set AllVOs to see the jobs of all
// VOs.
type Scope struct {
	VO     string
	Owner  string
	AllVOs bool // allows VO to be empty
}

// ErrNoScope says that a query has a [Scope] without a VO that doesn't say AllVOs either. It is the
// program's fault, never that of what its user asked.
var ErrNoScope = errors.New("the query has no scope: set Scope.VO, or Scope.AllVOs")

func (s Scope) check() error {
	if s.VO == "" && !s.AllVOs {
		return ErrNoScope
	}
	return nil
}

// singleStatement reports whether one statement answers the search, so that it needs no transaction
// around it.
func (s Search) singleStatement() bool {
	if s.Filter.looksUp() {
		return false
	}
	if s.Cursor != "" {
		return s.byKey() && !s.walkable() // more are read in parts
	}
	if s.Page == 0 || s.Uncounted && !s.walkable() {
		return true
	}
	isOneJob := func(f Filter) bool { return f.op == opIn && f.column == colJobID && len(f.values) == 1 }
	return s.Page == 1 && s.PerPage != 1 && s.Filter.op == opAnd && slices.ContainsFunc(s.Filter.kids, isOneJob)
}
