package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/auth"
)

const mostPerPage = 10_000

// search answers with one page of rows: 200 when that is all, 206 when
// it isn't, 416 when the page is past the end.
func (s *service) search(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var in reader
	var which part
	if which.lines = wantsLines(r); which.lines {
		in.onlyPages(r.URL.Query())
	} else {
		which = in.part(r.URL.Query())
	}
	request, err := in.searchRequest(body)
	if err != nil {
		return err
	}
	withHistory := takeHistory(&request)
	stamps, invalid := takeStamps(&request)
	search, err := request.Parse(s.DB.Limits())
	if invalid == nil {
		invalid = err
	}
	scope, err := s.settle(p, in.explain(body, invalid, func(value any) { in.search(value) }), invalid)
	if err != nil {
		return err
	}
	if stamps != nil {
		if search, err = s.ofPilots(r.Context(), request, stamps); err != nil {
			return err
		}
	}
	search.Scope = scope
	if which.lines {
		if withHistory {
			return badRequest(historyParameter + " can't be sent with Accept: " + linesType)
		}
		return s.sendLines(w, r, search)
	}
	search.Page, search.PerPage, search.Cursor = which.page, which.perPage, which.cursor
	found, err := s.DB.Search(r.Context(), search)
	if err != nil {
		return err
	}
	if !withHistory {
		sendRows(w, pageStatus(w, found), found.Columns, false, found.Rows, zulu)
		return nil
	}
	rows, err := s.appendHistory(r.Context(), found)
	if err != nil {
		return err
	}
	writeJSON(w, pageStatus(w, found), rows)
	return nil
}

// part says which of all rows are wanted.
type part struct {
	lines         bool
	page, perPage int
	cursor        string
}

// part reads page and per_page, or cursor in the place of page.
func (r *reader) part(query url.Values) part {
	var p part
	p.cursor, _ = lastOf(query, "cursor")
	page, given := lastOf(query, "page")
	switch {
	case p.cursor != "" && given:
		r.fault("extra_forbidden", place{"query", "page"}, "can't be together with a cursor", page)
	case p.cursor == "":
		p.page = r.queryCount(query, "page", 1)
	}
	p.perPage = r.queryAtMost(query, "per_page", 100, mostPerPage)
	return p
}

// nextCursor is the header with the cursor of the page after this one.
const nextCursor = "Jobdb-Next-Cursor"

// pageStatus says in headers which part of all rows a page is, and how to get the next one.
func pageStatus(w http.ResponseWriter, found jobdb.Page) int {
	rows := int64(len(found.Rows))
	total := strconv.FormatInt(found.Total, 10)
	if found.Total < 0 {
		total = "*"
	}
	if found.Next != "" {
		w.Header().Set(nextCursor, found.Next)
	}
	switch {
	case rows == 0 && found.Total > 0:
		w.Header().Set("Content-Range", "jobs */"+total)
		return http.StatusRequestedRangeNotSatisfiable
	case rows < found.Total, found.Total < 0 && found.Next != "":
		w.Header().Set("Content-Range", fmt.Sprintf("jobs %d-%d/%s", found.Before, found.Before+rows-1, total))
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// searchRequest reads the body of a search. What encoding/json reads at once
// needs no second look; all else is read as the reference reads it, which takes more, or says what is wrong and where.
func (r *reader) searchRequest(body []byte) (jobdb.SearchRequest, error) {
	if len(body) == 0 {
		return jobdb.SearchRequest{}, r.err()
	}
	if request, err := jobdb.ParseSearchJSON(body); err == nil && r.faults == nil && !hasNull(body) && !slices.ContainsFunc(request.Search, isUncommon) {
		return request, nil
	}
	value, err := decode(body)
	if err != nil {
		return jobdb.SearchRequest{}, err
	}
	request := r.search(value)
	return request, r.err()
}

// hasNull reports whether there may be a null, which stands for nothing here and is a fault there.
func hasNull(body []byte) bool { return bytes.Contains(body, []byte("null")) }

// isUncommon reports whether a filter needs the second look: the reference
// doesn't take all that could be compared with a column.
func isUncommon(f jobdb.FilterSpec) bool {
	_, isText := f.Value.(string)
	uncommon := f.Value != nil && !isText && !isWhole(f.Value) || slices.ContainsFunc(f.Or, isUncommon) || slices.ContainsFunc(f.And, isUncommon)
	texts := 0
	for _, value := range f.Values {
		if _, isText := value.(string); isText {
			texts++
		} else if !isWhole(value) {
			uncommon = true
		}
	}
	return uncommon || texts > 0 && texts < len(f.Values) || f.Not != nil && isUncommon(*f.Not)
}

func isWhole(value any) bool {
	n, ok := value.(json.Number)
	return ok && !strings.ContainsAny(string(n), ".eE")
}

// explain says where a query that was found invalid is not even formed as one.
func (r *reader) explain(body []byte, invalid error, read func(any)) error {
	if invalid == nil {
		return nil
	}
	value, err := decode(body)
	if err != nil { // too deep
		return nil //nolint:nilerr // invalid says it better
	}
	read(value)
	return r.err()
}

// settle returns the jobs that a query is about, or what is told of it, in the
// reference's order: that it is ill-formed, that it is forbidden, that it is invalid.
func (s *service) settle(p auth.Principal, illFormed, invalid error) (jobdb.Scope, error) {
	if illFormed != nil {
		return jobdb.Scope{}, illFormed
	}
	scope, err := s.scope(p)
	if err == nil {
		err = invalid
	}
	return scope, err
}

const historyParameter = "LoggingInfo"

// takeHistory reports whether the jobs' histories are wanted, which are not a column.
func takeHistory(request *jobdb.SearchRequest) bool {
	if !slices.Contains(request.Parameters, historyParameter) {
		return false
	}
	request.Parameters = slices.DeleteFunc(slices.Clone(request.Parameters), func(name string) bool { return name == historyParameter })
	if len(request.Parameters) > 0 { // none are all
		request.Parameters = append(request.Parameters, "JobID")
	}
	return true
}

// appendHistory writes rows with the history of each job.
func (s *service) appendHistory(ctx context.Context, found jobdb.Page) ([]byte, error) {
	ids := make([]jobdb.JobID, len(found.Rows))
	for i, row := range found.Rows {
		ids[i] = jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // JobID is the first column, and selected
	}
	b := []byte{'['}
	var histories map[jobdb.JobID][]jobdb.HistoryRecord
	records := 0
	for i, row := range found.Rows {
		if i%historiesAtOnce == 0 {
			var err error
			if histories, err = s.DB.History(ctx, ids[i:min(i+historiesAtOnce, len(ids))]); err != nil {
				return nil, err
			}
		}
		if records += len(histories[ids[i]]); records > mostRecords {
			return nil, badRequest("the histories on this page have more than " + strconv.Itoa(mostRecords) + " records; ask for fewer jobs with per_page")
		}
		if i > 0 {
			b = append(b, ',')
		}
		list := appendRows(nil, found.Columns, false, [][]any{row}, zulu)
		b = append(b, list[1:len(list)-2]...) // without the list around it and the end of the object
		history, err := json.Marshal(historyOf(histories[ids[i]]))
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, `,"`+historyParameter+`":`...), history...), '}')
	}
	return append(b, ']'), nil
}

// Histories may be long: they are read for some jobs at a time, and one answer holds so many records at most.
const (
	historiesAtOnce = 100
	mostRecords     = 100_000
)

const stampParameter = "PilotStamp"

// takeStamps takes the filters for stamps of pilots out of a search: nil when there are none.
func takeStamps(request *jobdb.SearchRequest) (stamps []string, err error) {
	var others []jobdb.FilterSpec
	for _, f := range request.Search {
		switch {
		case f.Parameter != stampParameter:
			others = append(others, f)
		case f.Operator == "eq":
			stamps = append(stamps, fmt.Sprint(f.Value))
		case f.Operator == "in":
			for _, value := range f.Values {
				stamps = append(stamps, fmt.Sprint(value))
			}
		default:
			err = badRequest(stampParameter + " takes eq and in only, not " + f.Operator)
		}
	}
	if len(others) == len(request.Search) {
		return nil, nil
	}
	if slices.ContainsFunc(others, func(f jobdb.FilterSpec) bool { return f.Parameter == "JobID" }) {
		err = badRequest("filters for " + stampParameter + " and for JobID can't be in one search")
	}
	request.Search = others
	return append([]string{}, stamps...), err
}

// ofPilots is the search among the jobs that pilots ran. No stamp is known
// where the pilots' database isn't.
func (s *service) ofPilots(ctx context.Context, request jobdb.SearchRequest, stamps []string) (jobdb.Search, error) {
	values := []any{}
	if s.Pilots != nil {
		ids, err := s.Pilots.JobsOf(ctx, stamps)
		if err != nil {
			return jobdb.Search{}, err
		}
		if most := s.DB.Limits().Values; len(ids) > most {
			return jobdb.Search{}, badRequest("these pilots ran more jobs than the " + strconv.Itoa(most) + " that can be looked through; ask for fewer pilots")
		}
		for _, id := range ids {
			values = append(values, int64(id))
		}
	}
	request.Search = append(request.Search, jobdb.FilterSpec{Parameter: "JobID", Operator: "in", Values: values})
	return request.Parse(s.DB.Limits())
}

// summary answers with counts.
func (s *service) summary(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var in reader
	request, err := in.summaryRequest(body)
	if err != nil {
		return err
	}
	summary, invalid := request.Parse(s.DB.Limits())
	scope, err := s.settle(p, in.explain(body, invalid, func(value any) { in.summary(value) }), invalid)
	if err != nil {
		return err
	}
	summary.Scope = scope
	counts, err := s.DB.Summary(r.Context(), summary)
	if err != nil {
		return err
	}
	sendRows(w, http.StatusOK, counts.Columns, true, counts.Rows, zeroOffset)
	return nil
}

// summaryRequest is searchRequest for summaries.
func (r *reader) summaryRequest(body []byte) (jobdb.SummaryRequest, error) {
	if len(body) == 0 {
		r.fault("missing", inBody, "a body is required", nil)
		return jobdb.SummaryRequest{}, r.err()
	}
	if request, err := jobdb.ParseSummaryJSON(body); err == nil && request.Grouping != nil && !hasNull(body) && !slices.ContainsFunc(request.Search, isUncommon) {
		return request, nil
	}
	value, err := decode(body)
	if err != nil {
		return jobdb.SummaryRequest{}, err
	}
	request := r.summary(value)
	return request, r.err()
}
