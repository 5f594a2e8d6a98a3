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
// is past the end. A client that accepts lines or CSV gets all rows.
func (s *service) search(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var in validation.Reader
	lines := linesWanted(r)
	page := readPage(&in, r.URL.Query(), lines)
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
	case lines != "" && !adding.none():
		return badRequest("LoggingInfo and parameters of jobs can't be sent with Accept: " + lines)
	case lines != "":
		return s.sendLines(w, r, p, query, request.Parameters, memory)
	}
	query.Page, query.PerPage, query.Cursor, query.Uncounted = page.number, page.size, page.cursor, page.uncounted
	return s.ask(w, r, p, s.ofJobs(query, memory, adding.size(query.PerPage), func(ctx context.Context, b []byte, grow func(int64) error) (int, []byte, error) {
		found, err := s.DB.Search(ctx, query)
		if err != nil {
			return 0, nil, err
		}
		if adding.none() {
			b = appendRows(b, found.Columns, false, found.Rows, zulu)
		} else if b, err = s.addedRows(ctx, b, query.Scope.VO, found, adding, grow); err != nil {
			return 0, nil, err
		}
		return pageStatus(w, found), b, nil
	}))
}

// searchQuery makes a query from a request, for the jobs that the caller may see.
func (s *service) searchQuery(ctx context.Context, p auth.Principal, request jobdb.SearchRequest) (jobdb.Search, error) {
	query, scope, err := queryOf(ctx, s, p, &request.Search, func(limits jobdb.Limits) (jobdb.Search, error) { return request.Parse(limits) })
	query.Scope = scope
	return query, err
}

// queryOf makes a query from a request by parse, and returns which jobs the caller may see. In the
// request's filters it replaces pilot stamps by the jobs that these pilots ran, and parameters
// where the database can't compare them.
func queryOf[Q any](
	ctx context.Context, s *service, p auth.Principal, filters *[]jobdb.FilterSpec, parse func(jobdb.Limits) (Q, error),
) (query Q, scope jobdb.Scope, err error) {
	return queryIn(ctx, s, func(invalid error) (jobdb.Scope, error) { return s.queryScope(p, invalid) }, filters, parse)
}

// queryIn is queryOf for another scope. allowed returns it, or why the query is refused; invalid is
// what is wrong with the query.
func queryIn[Q any](
	ctx context.Context, s *service, allowed func(invalid error) (jobdb.Scope, error), filters *[]jobdb.FilterSpec, parse func(jobdb.Limits) (Q, error),
) (query Q, scope jobdb.Scope, err error) {
	stamps, stampErr := takeStamps(filters)
	byParameters := nameParameters(*filters)
	query, err = parse(s.DB.Limits())
	scope, err = allowed(cmp.Or(stampErr, err))
	if err == nil && byParameters {
		*filters, err = s.Jobs.FindByParameters(ctx, scope.VO, *filters)
	}
	if err == nil && stamps != nil {
		*filters, err = s.addJobsOfPilots(ctx, *filters, stamps)
	}
	if err == nil && (byParameters || stamps != nil) {
		query, err = parse(s.DB.Limits())
	}
	return query, scope, err
}

// queryScope returns which jobs a query may find, or why it is refused. As in DiracX that the
// caller may not search takes precedence over an invalid query.
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
	class, cost := s.pages, costOf(nil)
	if s.DB.CostlySummary(query) {
		class, cost = s.costly, s.costOf(query.Scope, query.Filter)
	}
	counts := summaryRows{service: s, caller: p.Subject}
	defer func() { counts.memory.leave() }()
	if _, err := inTurn(r.Context(), class, p, cost, func(ctx context.Context) (none struct{}, _ error) {
		return none, counts.read(ctx, query)
	}); err != nil {
		return err
	}
	memory.giveBack()
	return s.ask(w, r, p, question{size: counts.size, memory: counts.memory, read: func(_ context.Context, b []byte, _ func(int64) error) (int, []byte, error) {
		return http.StatusOK, appendRows(b, counts.columns, true, counts.rows, zeroOffset), nil
	}})
}

// summaryRows are the rows of a summary, and the memory that they take.
type summaryRows struct {
	service *service
	caller  string
	columns []jobdb.Column
	rows    [][]any
	size    int64
	memory  *permit
}

// read reads the rows, and takes memory as they come: their number isn't known before.
func (c *summaryRows) read(ctx context.Context, query jobdb.Summary) error {
	if c.columns = query.GroupBy; len(c.columns) == 0 {
		c.columns = jobdb.Columns()
	}
	return c.service.DB.EachSummaryRow(ctx, query, func(row []any) (err error) {
		c.rows, c.size = append(c.rows, row), c.size+int64(len(row))*valueSize
		c.memory, err = c.service.growAnswer(c.caller, c.memory, c.size)
		return err
	})
}
