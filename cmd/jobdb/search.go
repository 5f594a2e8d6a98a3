package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/choose"
)

type searchCommand struct {
	jobArguments
	clientSettings
	chooseFlags
	outputFlags

	Sort    []string `help:"Sort by COLUMN, COLUMN:asc or COLUMN:desc; repeat for several. Default: JobID:desc, the newest first." placeholder:"COLUMN"`
	Columns []string `short:"c" help:"Columns and parameters of jobs to print, in this order. Default: a few in a table, all in other formats." placeholder:"COLUMN"`
	Limit   *int     `short:"n" help:"Print so many jobs at most. Default: 100 on a terminal, all elsewhere." placeholder:"100"`
	All     bool     `help:"Print all jobs, on a terminal too."`
	Page    *int     `help:"Print this page only, counted from 1." placeholder:"1"`
	PerPage *int     `help:"Jobs on a page, at most 10000." placeholder:"100"`
}

// Help is printed by jobdb search --help.
func (*searchCommand) Help() string {
	return `Prints the jobs for which all conditions hold, the newest first: the first 100 on a terminal, all of them elsewhere.

Examples:

  jobdb search
  jobdb search --mine --since 2d --status Failed
  jobdb search --status Running --status Waiting --site LCG.CERN.cern --sort SubmissionTime
  jobdb search 'SubmissionTime>2024-01' JobName~^prod --columns JobID,JobName,Status
  jobdb search Status=Done -c JobID,Site,'TotalCPUTime(s)' -o csv >cpu.csv
  jobdb search since=tuesday Status=Failed -o ids >ids.txt
  jobdb search --owner alice -o ndjson --jq .Site` + chooseHelp + whoHelp
}

var (
	tableColumns = []string{"JobID", "Status", "MinorStatus", "Site", "JobName", "Owner", "SubmissionTime"}
	wideColumns  = []string{
		"JobID", "Status", "MinorStatus", "ApplicationStatus", "Site", "JobName", "JobGroup", "Owner", "OwnerGroup",
		"SubmissionTime", "StartExecTime", "EndExecTime", "LastUpdateTime", "RescheduleCounter",
	}
)

// shownOnTerminal is how many jobs are printed on a terminal unless more are asked for.
const shownOnTerminal = 100

// Run prints the jobs that match.
func (c *searchCommand) Run(ctx context.Context, p *program) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := c.choose(p, c.Jobs, server.user())
	if err != nil {
		return err
	}
	parts, err := c.parts(chosen, request)
	if err != nil {
		return err
	}
	out, err := c.open(p, request.Parameters)
	if err != nil {
		return err
	}
	note, err := c.print(ctx, p, server, request, parts, out)
	err = finish(out, err)
	if err == nil && note != "" {
		p.say("%s", note)
	}
	return err
}

func (c *searchCommand) request() (jobdb.SearchRequest, error) {
	request := jobdb.SearchRequest{}
	for i, name := range c.Columns {
		known, err := columnToPrint(name)
		if err != nil {
			return request, usageError{fmt.Errorf("--columns: %w", err)}
		}
		c.Columns[i] = known
	}
	switch request.Parameters = c.Columns; {
	case c.Output == "ids":
		request.Parameters = []string{"JobID"}
	case len(c.Columns) > 0:
	case c.Output == "csv", c.Output == "tsv":
		for _, column := range jobdb.Columns() {
			request.Parameters = append(request.Parameters, column.Name())
		}
	case c.Output == "table":
		request.Parameters = tableColumns
	case c.Output == "wide":
		request.Parameters = wideColumns
	}
	for _, text := range c.Sort {
		key, err := parseSort(text)
		if err != nil {
			return request, err
		}
		request.Sort = append(request.Sort, key)
	}
	if c.Sort == nil {
		request.Sort = []jobdb.SortSpec{{Parameter: "JobID", Direction: "desc"}}
	}
	if c.PerPage != nil && *c.PerPage > rowsTogether {
		return request, usageError{fmt.Errorf("--per-page must be at most %d", rowsTogether)}
	}
	for name, n := range map[string]*int{"--limit": c.Limit, "--page": c.Page, "--per-page": c.PerPage} {
		if n != nil && *n < 1 {
			return request, usageError{errors.New(name + " must be at least 1")}
		}
	}
	return request, nil
}

// columnToPrint returns the column that a name in --columns means. Upper and lower case are equal.
func columnToPrint(name string) (string, error) {
	name = strings.TrimSpace(name)
	for _, more := range []string{"LoggingInfo", "Parameters"} { // the history, and all parameters
		if strings.EqualFold(name, more) {
			return more, nil
		}
	}
	return choose.Name(name)
}

// parts returns the searches that find the jobs when they run one after the other, in the order
// that the user asked for.
func (c *searchCommand) parts(chosen choose.Choice, request jobdb.SearchRequest) ([][]jobdb.FilterSpec, error) {
	parts := queries(chosen)
	if len(parts) < 2 {
		return parts, nil
	}
	if request.Sort[0].Parameter != "JobID" || c.Page != nil {
		return nil, usageError{fmt.Errorf("more than %s jobs by their IDs are found in several searches: they can be sorted by JobID only, and have no --page", thousands(idsTogether))}
	}
	if request.Sort[0].Direction == "asc" {
		slices.Reverse(parts)
	}
	return parts, nil
}

// parseSort reads COLUMN, COLUMN:asc or COLUMN:desc.
func parseSort(text string) (jobdb.SortSpec, error) {
	name, direction, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		direction = "asc"
	case direction != "asc" && direction != "desc":
		return jobdb.SortSpec{}, usageError{fmt.Errorf("--sort %s: write COLUMN, COLUMN:asc or COLUMN:desc", text)}
	}
	column, err := choose.Name(strings.TrimSpace(name))
	if err != nil {
		return jobdb.SortSpec{}, usageError{fmt.Errorf("--sort: %w", err)}
	}
	return jobdb.SortSpec{Parameter: column, Direction: direction}, nil
}

// print prints what was asked for: a page, the first jobs, or all. note is a message on what was
// left out.
func (c *searchCommand) print(
	ctx context.Context, p *program, server *client, request jobdb.SearchRequest, parts [][]jobdb.FilterSpec, out output,
) (note string, err error) {
	if c.Page != nil || c.PerPage != nil && !c.All && c.Limit == nil {
		return c.printPage(ctx, server, request, parts, out)
	}
	limit := 0 // none
	switch {
	case c.Limit != nil:
		limit = *c.Limit
	case !c.All && isTerminal(p.stdout):
		limit = shownOnTerminal
	}
	if limit == 0 && len(parts) == 1 && c.streams() && !c.watched && !isTerminal(p.stdout) {
		request.Search = parts[0]
		kind := map[string]string{"csv": csvType, "ndjson": linesType}[c.Output]
		if err := server.lines(ctx, request, kind, p.stdout); !errors.Is(err, errNoLines) {
			out.printed()
			return "", err
		}
	}
	return c.printFirst(ctx, p, server, request, parts, limit, out)
}

// streams reports whether the server can send all rows in the very format of the output.
func (c *searchCommand) streams() bool {
	isParameter := func(name string) bool { _, err := jobdb.ParseColumn(name); return err != nil }
	return c.JQ == "" && (c.Output == "csv" || c.Output == "ndjson") && !slices.ContainsFunc(c.Columns, isParameter)
}

func (c *searchCommand) printPage(
	ctx context.Context, server *client, request jobdb.SearchRequest, parts [][]jobdb.FilterSpec, out output,
) (note string, err error) {
	page, perPage := 1, 100
	if c.Page != nil {
		page = *c.Page
	}
	if c.PerPage != nil {
		perPage = *c.PerPage
	}
	if len(parts) == 0 {
		return "", nil
	}
	request.Search = parts[0]
	a, err := server.search(ctx, fmt.Sprintf("/api/jobs/search?page=%d&per_page=%d", page, perPage), request)
	if err != nil {
		return "", err
	}
	switch total := matchCount(a); a.status {
	case http.StatusRequestedRangeNotSatisfiable:
		note = fmt.Sprintf("page %d is past the end: %s match", page, plural(total, "job"))
	case http.StatusPartialContent:
		note = fmt.Sprintf("page %d of %s that match; see --page, --per-page and --all", page, plural(total, "job"))
	}
	rows, err := decodeRows(a.body)
	if err != nil {
		return "", err
	}
	return note, out.rows(rows)
}

// printFirst prints the first jobs, or all where the limit is 0, as their pages come.
func (c *searchCommand) printFirst(
	ctx context.Context, p *program, server *client, request jobdb.SearchRequest, parts [][]jobdb.FilterSpec, limit int, out output,
) (note string, err error) {
	printed, matching := 0, 0
	bar := p.progress("%d of %d jobs", 0)
	defer bar.end()
	for _, part := range parts {
		request.Search = part
		first := true
		err := server.eachPage(ctx, request, limit-printed, func(a answer, rows []row) error {
			if first {
				first, matching = false, matching+max(matchCount(a), len(rows))
				bar.total = matching
			}
			printed += len(rows)
			if !isTerminal(p.stdout) {
				bar.at(printed)
			}
			return out.rows(rows)
		})
		if err != nil {
			return "", err
		}
		if limit > 0 && printed >= limit {
			break
		}
	}
	if printed < matching && limit > 0 {
		note = fmt.Sprintf("the first %s of %s; --all prints all, --limit as many as you want", thousands(printed), plural(matching, "job"))
	}
	return note, nil
}

// matchCount returns how many jobs match, from the header Content-Range; 0 without it.
func matchCount(a answer) int {
	_, text, _ := strings.Cut(a.header.Get("Content-Range"), "/")
	n, _ := strconv.Atoi(text)
	return n
}

// How many jobs one request asks for: the server's maximum, and fewer with histories or parameters.
const (
	rowsTogether     = 10_000
	longRowsTogether = 500
)

// eachPage calls a function with the rows of a search, page by page: limit rows at most, or all if
// it isn't positive. It follows the server's cursors, so that jobs that come and go meanwhile don't
// shift the pages. DiracX has pages by number only.
func (c *client) eachPage(ctx context.Context, request jobdb.SearchRequest, limit int, each func(answer, []row) error) error {
	perPage := rowsTogether
	if slices.Contains(request.Parameters, "LoggingInfo") || slices.Contains(request.Parameters, "Parameters") {
		perPage = longRowsTogether
	}
	if limit > 0 {
		perPage = min(limit, perPage)
	}
	next := "page=1"
	for page, seen := 2, 0; ; page++ {
		a, err := c.search(ctx, fmt.Sprintf("/api/jobs/search?per_page=%d&%s", perPage, next), request)
		if err != nil {
			return err
		}
		rows, err := decodeRows(a.body)
		if err != nil {
			return err
		}
		if limit > 0 {
			rows = rows[:min(len(rows), limit-seen)]
		}
		seen += len(rows)
		if err := each(a, rows); err != nil || a.status != http.StatusPartialContent || limit > 0 && seen >= limit {
			return err
		}
		next = fmt.Sprintf("page=%d", page)
		if cursor := a.header.Get("Jobdb-Next-Cursor"); cursor != "" {
			next = "cursor=" + url.QueryEscape(cursor)
		}
	}
}
