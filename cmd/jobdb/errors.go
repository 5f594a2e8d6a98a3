package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jobdb"
	"jobdb/choose"
)

type errorsCommand struct {
	jobArguments
	clientSettings
	chooseFlags
	outputFlags

	Top int `help:"So many of the most frequent errors; 0: all." default:"20"`
}

// Help is printed by jobdb errors --help.
func (*errorsCommand) Help() string {
	return `Prints what went wrong, the most frequent first: Status, MinorStatus and ApplicationStatus with the number of jobs, the sites where
it happened most, and the newest jobs. Without a condition on Status these are jobs that are Failed or Stalled.

Examples:

  jobdb errors --mine --since 2d
  jobdb errors --site LCG.CERN.cern
  jobdb errors Status=Failed,Killed since=today -o csv` + chooseHelp + whoHelp
}

// failure is one kind of error.
type failure struct {
	Status, MinorStatus, ApplicationStatus any
	Jobs                                   int64 `json:"jobs"`
	Sites                                  string
	Examples                               string
	sites                                  map[string]int64
}

const (
	shownSites    = 3
	shownExamples = 3
)

// Run prints the errors.
func (c *errorsCommand) Run(ctx context.Context, p *program) error {
	if c.Output == "ids" || c.Top < 0 {
		return usageError{errors.New("errors have no --output ids, and --top can't be negative; see jobdb search for IDs")}
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := c.choose(p, c.Jobs, server.user())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(chosen.Search, func(f jobdb.FilterSpec) bool { return f.Parameter == "Status" }) {
		chosen.Search = append(chosen.Search, jobdb.FilterSpec{Parameter: "Status", Operator: "in", Values: []any{"Failed", "Stalled"}})
	}
	failures, err := server.failures(ctx, chosen)
	if err != nil {
		return err
	}
	if c.Top > 0 && len(failures) > c.Top {
		p.say("the %d most frequent of %s; --top 0 prints all", c.Top, plural(len(failures), "error"))
		failures = failures[:c.Top]
	}
	rows := make([]row, len(failures))
	for i, f := range failures {
		if f.Examples, err = server.examples(ctx, chosen, f); err != nil {
			return err
		}
		f.Sites = f.topSites()
		if rows[i], err = json.Marshal(f); err != nil {
			return err
		}
	}
	columns := []string{"jobs", "Status", "MinorStatus", "ApplicationStatus", "Sites", "Examples"}
	out, err := c.open(p, columns)
	if err != nil {
		return err
	}
	return finish(out, out.rows(rows))
}

// failures groups the jobs of a choice by their statuses, the largest group first.
func (c *client) failures(ctx context.Context, chosen choose.Choice) ([]*failure, error) {
	counts, err := c.summary(ctx, []string{"Status", "MinorStatus", "ApplicationStatus", "Site"}, queries(chosen))
	if err != nil {
		return nil, err
	}
	known := map[string]*failure{}
	var failures []*failure
	for _, r := range counts {
		var count struct {
			failure
			Site  string
			Count int64 `json:"count"`
		}
		if err := r.decode(&count); err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%q %q %q", count.Status, count.MinorStatus, count.ApplicationStatus)
		f := known[key]
		if f == nil {
			f = &failure{Status: count.Status, MinorStatus: count.MinorStatus, ApplicationStatus: count.ApplicationStatus, sites: map[string]int64{}}
			known[key] = f
			failures = append(failures, f)
		}
		f.Jobs += count.Count
		f.sites[count.Site] += count.Count
	}
	slices.SortStableFunc(failures, func(a, b *failure) int { return cmp.Compare(b.Jobs, a.Jobs) })
	return failures, nil
}

// topSites names the sites with most of the jobs.
func (f *failure) topSites() string {
	sites := make([]string, 0, len(f.sites))
	for site := range f.sites {
		sites = append(sites, site)
	}
	slices.SortFunc(sites, func(a, b string) int { return cmp.Or(cmp.Compare(f.sites[b], f.sites[a]), strings.Compare(a, b)) })
	texts := make([]string, 0, shownSites+1)
	for i, site := range sites {
		if i == shownSites {
			texts = append(texts, fmt.Sprintf("%d more", len(sites)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%s %d", site, f.sites[site]))
	}
	return strings.Join(texts, ", ")
}

// examples returns the newest jobs of a failure.
func (c *client) examples(ctx context.Context, chosen choose.Choice, f *failure) (string, error) {
	parts := queries(chosen)
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Sort: []jobdb.SortSpec{{Parameter: "JobID", Direction: "desc"}}}
	var ids []string
	for _, part := range parts {
		request.Search = part
		for name, value := range map[string]any{"Status": f.Status, "MinorStatus": f.MinorStatus, "ApplicationStatus": f.ApplicationStatus} {
			if value != nil { // NULL: few jobs have that, and DiracX has no filter for it
				request.Search = append(request.Search, jobdb.FilterSpec{Parameter: name, Operator: "eq", Value: value})
			}
		}
		err := c.eachPage(ctx, request, shownExamples-len(ids), func(_ answer, rows []row) error {
			for _, r := range rows {
				id, err := texts(r, request.Parameters)
				if err != nil {
					return err
				}
				ids = append(ids, id...)
			}
			return nil
		})
		if err != nil || len(ids) >= shownExamples {
			return strings.Join(ids, " "), err
		}
	}
	return strings.Join(ids, " "), nil
}
