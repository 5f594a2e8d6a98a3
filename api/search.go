package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
)

// search answers with one page of rows: 200 when that is all, 206 when it isn't, 416 when the page
// is past the end. A client that accepts lines gets all rows.
func (s *service) search(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var in validation.Reader
	asLines := wantsLines(r)
	page := readPage(&in, r.URL.Query(), asLines)
	request, err := readSearch(&in, body)
	if err != nil {
		return err
	}
	memory.decoded()
	adding := takeAdditions(&request)
	query, err := s.searchQuery(r.Context(), p, request)
	if err == nil {
		err = adding.check()
	}
	switch {
	case err != nil:
		return err
	case asLines && !adding.none():
		return badRequest("LoggingInfo and parameters of jobs can't be sent with Accept: " + linesType)
	case asLines:
		return s.sendLines(w, r, p, query, memory)
	}
	query.Page, query.PerPage, query.Cursor = page.number, page.size, page.cursor
	return s.ask(w, r, p, s.ofJobs(query, memory, adding.size(query.PerPage), func(ctx context.Context, b []byte, fit func(int64) error) (int, []byte, error) {
		found, err := s.DB.Search(ctx, query)
		if err != nil {
			return 0, nil, err
		}
		if adding.none() {
			b = appendRows(b, found.Columns, false, found.Rows, zulu)
		} else if b, err = s.addedRows(ctx, b, query.Scope.VO, found, adding, fit); err != nil {
			return 0, nil, err
		}
		return pageStatus(w, found), b, nil
	}))
}

// searchQuery makes a query of a request, for the jobs that the caller may see. Pilot stamps become
// the jobs that these pilots ran.
func (s *service) searchQuery(ctx context.Context, p auth.Principal, request jobdb.SearchRequest) (jobdb.Search, error) {
	stamps, stampErr := takeStamps(&request)
	byParameters := nameParameters(request.Search)
	query, err := request.Parse(s.DB.Limits())
	scope, err := s.queryScope(p, cmp.Or(stampErr, err))
	if err == nil && byParameters {
		if request.Search, err = s.Jobs.FindByParameters(ctx, scope.VO, request.Search); err == nil {
			query, err = request.Parse(s.DB.Limits())
		}
	}
	if err == nil && stamps != nil {
		query, err = s.searchOfPilots(ctx, request, stamps)
	}
	query.Scope = scope
	return query, err
}

// queryScope returns which jobs a query may find, or why it is refused: the caller may not search,
// or else the query is invalid. As in DiracX.
func (s *service) queryScope(p auth.Principal, invalid error) (jobdb.Scope, error) {
	scope, err := s.scope(p)
	return scope, cmp.Or(err, invalid)
}

// nextCursor is the header with the cursor of the page after this one.
const nextCursor = "Jobdb-Next-Cursor"

// pageStatus returns the status of a page. It sets headers that say which part of all rows the page
// is, and how to get the next one.
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

// summary answers with the number of jobs in each group.
func (s *service) summary(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	request, err := readSummary(body)
	if err != nil {
		return err
	}
	memory.decoded()
	byParameters := nameParameters(request.Search)
	query, invalid := request.Parse(s.DB.Limits())
	scope, err := s.queryScope(p, invalid)
	if err == nil && byParameters {
		if request.Search, err = s.Jobs.FindByParameters(r.Context(), scope.VO, request.Search); err == nil {
			query, err = request.Parse(s.DB.Limits())
		}
	}
	if err != nil {
		return err
	}
	query.Scope = scope
	class := s.pages
	if s.DB.CostlySummary(query) {
		class = s.costly
	}
	counts, err := inTurn(r.Context(), class, p, func(ctx context.Context) (jobdb.SummaryRows, error) { return s.DB.Summary(ctx, query) })
	if err != nil {
		return err
	}
	memory.giveBack()
	size := int64(len(counts.Rows)) * int64(len(counts.Columns)+1) * valueSize // how many there are is known only now
	return s.ask(w, r, p, question{size: size, read: func(_ context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		return http.StatusOK, appendRows(b, counts.Columns, true, counts.Rows, zeroOffset), nil
	}})
}
