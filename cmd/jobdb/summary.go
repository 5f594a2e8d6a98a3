package main

import (
	"context"
	"slices"

	"jobdb"
)

type summaryCommand struct {
	clientSettings
	filterFlags

	By     []string `help:"Columns to group by. Default: ${default}." default:"Status" placeholder:"COLUMN"`
	Output string   `short:"o" help:"Format: table, json or csv." default:"table" enum:"table,json,csv"`
}

// Help is printed by jobdb summary --help.
func (*summaryCommand) Help() string {
	return `Prints how many jobs there are in each group.

Examples:

  jobdb summary
  jobdb summary --by Status,Site --owner alice
  jobdb summary --by Owner -w 'SubmissionTime>2024-01' --output csv` + whereHelp + whoHelp
}

// Run prints the number of jobs in each group.
func (c *summaryCommand) Run(ctx context.Context, p *program) error {
	specs, err := c.specs()
	if err != nil {
		return err
	}
	server, err := c.client(p)
	if err != nil {
		return err
	}
	a, err := server.post(ctx, "/api/jobs/summary", jobdb.SummaryRequest{Grouping: c.By, Search: specs})
	if err != nil {
		return err
	}
	columns := append(slices.Clone(c.By), "count")
	out := newOutput(p.stdout, c.Output, columns, columns)
	if err := out.rows(a.body); err != nil {
		return err
	}
	return out.close()
}
