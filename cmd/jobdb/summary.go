package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jobdb"
	"jobdb/choose"
)

type summaryCommand struct {
	jobArguments
	clientSettings
	chooseFlags
	outputFlags

	By []string `help:"Columns to group by. Default: ${default}." default:"Status" placeholder:"COLUMN"`
}

// Help is printed by jobdb summary --help.
func (*summaryCommand) Help() string {
	return `Prints how many jobs there are in each group.

Examples:

  jobdb summary
  jobdb summary --by Status,Site --owner alice
  jobdb summary --mine --since 2d
  jobdb summary --by Owner 'SubmissionTime>2024-01' --output csv` + chooseHelp + whoHelp
}

// Run prints the number of jobs in each group.
func (c *summaryCommand) Run(ctx context.Context, p *program) error {
	if c.Output == "ids" {
		return usageError{errors.New("--output ids: a summary has no IDs; see jobdb search")}
	}
	if len(c.By) == 0 {
		return usageError{errors.New("--by is empty; write a column, such as Status")}
	}
	for i, name := range c.By {
		known, err := choose.Name(strings.TrimSpace(name))
		if err != nil {
			return usageError{fmt.Errorf("--by: %w", err)}
		}
		c.By[i] = known
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := c.choose(p, c.Jobs, server.user())
	if err != nil {
		return err
	}
	rows, err := server.summary(ctx, c.By, queries(chosen))
	if err != nil {
		return err
	}
	columns := append(slices.Clone(c.By), "count")
	out, err := c.open(p, columns)
	if err != nil {
		return err
	}
	return finish(out, out.rows(rows))
}

// summary counts jobs in groups, with one request for each part, and adds up the counts.
func (c *client) summary(ctx context.Context, by []string, parts [][]jobdb.FilterSpec) ([]row, error) {
	var all []row
	for _, part := range parts {
		a, err := c.search(ctx, "/api/jobs/summary", jobdb.SummaryRequest{Grouping: by, Search: part})
		if err != nil {
			return nil, err
		}
		rows, err := decodeRows(a.body)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	if len(parts) < 2 {
		return all, nil
	}
	return addUp(all)
}

// addUp merges the rows of the same group, and adds up their counts.
func addUp(rows []row) ([]row, error) {
	counts, order := map[string]int64{}, []string{}
	for _, r := range rows {
		values, err := r.values()
		if err != nil {
			return nil, err
		}
		n, err := json.Number(fmt.Sprint(values["count"])).Int64()
		if err != nil {
			return nil, fmt.Errorf("the server's answer can't be read: %w", err)
		}
		delete(values, "count")
		key, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		if _, known := counts[string(key)]; !known {
			order = append(order, string(key))
		}
		counts[string(key)] += n
	}
	sums := make([]row, len(order))
	for i, key := range order {
		sums[i] = row(fmt.Sprintf("%s,\"count\":%d}", key[:len(key)-1], counts[key]))
	}
	return sums, nil
}
