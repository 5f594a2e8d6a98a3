package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"jobdb"
)

type searchCommand struct {
	clientSettings
	filterFlags

	Sort    []string `help:"Sort by COLUMN, COLUMN:asc or COLUMN:desc. May be given more than once." placeholder:"COLUMN"`
	Columns []string `short:"c" help:"Columns, in this order." placeholder:"COLUMN,…"`
	Page    int      `help:"Page, counted from 1." default:"1"`
	PerPage int      `help:"Jobs a page, at most 10000." default:"100"`
	All     bool     `help:"All pages, whatever --page and --per-page say."`
	Output  string   `short:"o" help:"Form: table, json or csv. The last two have all columns unless --columns says which." default:"table" enum:"table,json,csv"`
}

// Help is printed by jobdb search --help.
func (*searchCommand) Help() string {
	return `Examples:

  jobdb search
  jobdb search --status Running --status Waiting --site LCG.CERN.cern --sort SubmissionTime:desc
  jobdb search -w 'SubmissionTime>2024-01' -w JobName~^prod --columns JobID,JobName,Status
  jobdb search --owner alice --all --output csv >jobs.csv` + whereHelp + whoHelp
}

var tableColumns = []string{"JobID", "Status", "MinorStatus", "Site", "JobName", "Owner", "SubmissionTime"}

// Run prints what was found.
func (c *searchCommand) Run(ctx context.Context, p *program) error {
	request, err := c.request()
	if err != nil {
		return err
	}
	server, err := c.client(p)
	if err != nil {
		return err
	}
	if c.All {
		c.Page, c.PerPage = 1, 10_000
	}
	out := newOutput(p.stdout, c.Output, request.Parameters, c.Columns)
	for page := c.Page; ; page++ {
		a, err := server.post(ctx, fmt.Sprintf("/api/jobs/search?page=%d&per_page=%d", page, c.PerPage), request)
		if err != nil {
			return err
		}
		if err := out.rows(a.body); err != nil {
			return err
		}
		if c.All && a.status == http.StatusPartialContent {
			continue
		}
		if !c.All {
			c.sayPart(p, a)
		}
		return out.close()
	}
}

// sayPart tells when there is more than was printed.
func (c *searchCommand) sayPart(p *program, a answer) {
	_, total, _ := strings.Cut(a.header.Get("Content-Range"), "/")
	switch a.status {
	case http.StatusRequestedRangeNotSatisfiable:
		p.say("page %d is past the end: %s jobs match", c.Page, printable(total))
	case http.StatusPartialContent:
		p.say("page %d of %s jobs that match; see --page, --per-page and --all", c.Page, printable(total))
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
