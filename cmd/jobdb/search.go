package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"jobdb"
)

type searchCommand struct {
	clientSettings
	filterFlags

	Sort    []string `help:"Sort by COLUMN, COLUMN:asc or COLUMN:desc; repeat for several." placeholder:"COLUMN"`
	Columns []string `short:"c" help:"Columns to print, in this order. Default: a few in a table, all in other formats." placeholder:"COLUMN"`
	Page    *int     `help:"Number of the page, from 1; csv: all pages, unless this or --per-page is given." placeholder:"1"`
	PerPage *int     `help:"Jobs on a page, at most 10000." placeholder:"100"`
	All     bool     `help:"Print all pages; --page and --per-page have no effect."`
	Output  string   `short:"o" help:"Format: table, json, csv or ndjson (all pages, one JSON object a line, printed as they arrive)." default:"table" enum:"table,json,csv,ndjson"`
}

// Help is printed by jobdb search --help.
func (*searchCommand) Help() string {
	return `Prints one page of the jobs that match all conditions, and all of them as csv or ndjson.

Examples:

  jobdb search
  jobdb search --status Running --status Waiting --site LCG.CERN.cern --sort SubmissionTime:desc
  jobdb search -w 'SubmissionTime>2024-01' -w JobName~^prod --columns JobID,JobName,Status
  jobdb search --owner alice --output csv >jobs.csv
  jobdb search --output ndjson | jq .Site` + whereHelp + whoHelp
}

var tableColumns = []string{"JobID", "Status", "MinorStatus", "Site", "JobName", "Owner", "SubmissionTime"}

// Run prints the jobs that match.
func (c *searchCommand) Run(ctx context.Context, p *program) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	server, err := c.client(p)
	if err != nil {
		return err
	}
	all := c.All || c.Output == "csv" && c.Page == nil && c.PerPage == nil
	switch {
	case c.Output == "ndjson":
		return server.lines(ctx, request, linesType, p.stdout)
	case c.Output == "csv" && all && c.hasColumnsOnly():
		if err := server.lines(ctx, request, csvType, p.stdout); !errors.Is(err, errNoLines) {
			return err
		}
	}
	out := newOutput(p.stdout, c.Output, request.Parameters, c.Columns)
	if all {
		err = everything(ctx, server, request, out)
	} else {
		err = c.page(ctx, p, server, request, out)
	}
	if err != nil {
		return err
	}
	return out.close()
}

// hasColumnsOnly reports whether no parameters of jobs are printed, which come on pages only.
func (c *searchCommand) hasColumnsOnly() bool {
	return !slices.ContainsFunc(c.Columns, func(name string) bool { _, err := jobdb.ParseColumn(name); return err != nil })
}

func (c *searchCommand) page(ctx context.Context, p *program, server *client, request jobdb.SearchRequest, out output) error {
	page, perPage := 1, 100
	if c.Page != nil {
		page = *c.Page
	}
	if c.PerPage != nil {
		perPage = *c.PerPage
	}
	a, err := server.page(ctx, request, page, perPage)
	if err != nil {
		return err
	}
	sayPart(p, page, a)
	return out.rows(a.body)
}

// everything prints all pages. It follows the server's cursors, so that jobs that come and go
// meanwhile shift nothing; a DiracX server has pages by number only.
func everything(ctx context.Context, server *client, request jobdb.SearchRequest, out output) error {
	next := "page=1"
	for page := 2; ; page++ {
		a, err := server.post(ctx, "/api/jobs/search?per_page=10000&"+next, request)
		if err != nil {
			return err
		}
		if err := out.rows(a.body); err != nil || a.status != http.StatusPartialContent {
			return err
		}
		next = fmt.Sprintf("page=%d", page)
		if cursor := a.header.Get("Jobdb-Next-Cursor"); cursor != "" {
			next = "cursor=" + url.QueryEscape(cursor)
		}
	}
}

func (c *client) page(ctx context.Context, request jobdb.SearchRequest, page, perPage int) (answer, error) {
	return c.post(ctx, fmt.Sprintf("/api/jobs/search?page=%d&per_page=%d", page, perPage), request)
}

// sayPart says so when there are more jobs than were printed.
func sayPart(p *program, page int, a answer) {
	_, total, _ := strings.Cut(a.header.Get("Content-Range"), "/")
	switch a.status {
	case http.StatusRequestedRangeNotSatisfiable:
		p.say("page %d is past the end: %s jobs match", page, printable(total))
	case http.StatusPartialContent:
		p.say("page %d of %s jobs that match; see --page, --per-page and --all", page, printable(total))
	}
}

func (c *searchCommand) request() (jobdb.SearchRequest, error) {
	specs, err := c.specs()
	if err != nil {
		return jobdb.SearchRequest{}, err
	}
	request := jobdb.SearchRequest{Parameters: c.Columns, Search: specs}
	if len(c.Columns) == 0 && c.Output == "table" {
		request.Parameters = tableColumns
	}
	for _, text := range c.Sort {
		key, err := parseSort(text)
		if err != nil {
			return jobdb.SearchRequest{}, err
		}
		request.Sort = append(request.Sort, key)
	}
	return request, nil
}
