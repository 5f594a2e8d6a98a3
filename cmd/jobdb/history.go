package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"jobdb"
	"jobdb/choose"
)

type historyCommand struct {
	clientSettings
	chooseFlags
	outputFlags

	Jobs []string `arg:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Failed)."`
}

// Help is printed by jobdb history --help.
func (*historyCommand) Help() string {
	return `Prints each change of the status of jobs: when, to what, and who said so.

Examples:

  jobdb history 12
  jobdb history --mine Status=Failed since=1d -o csv >changes.csv` + chooseHelp + whoHelp
}

// Run prints the histories.
func (c *historyCommand) Run(ctx context.Context, p *program) error {
	columns := []string{"JobID", "StatusTime", "Status", "MinorStatus", "ApplicationStatus", "Source"}
	return printParts(ctx, p, c.clientSettings, c.chooseFlags, c.outputFlags, c.Jobs, []string{"JobID", "LoggingInfo"}, columns, func(r row) ([]row, error) {
		var job struct {
			JobID       jobdb.JobID
			LoggingInfo []historyRecord
		}
		if err := json.Unmarshal(r, &job); err != nil {
			return nil, err
		}
		rows := make([]row, len(job.LoggingInfo))
		for i, record := range job.LoggingInfo {
			rows[i], _ = json.Marshal(struct { // texts and numbers always have a JSON form
				JobID jobdb.JobID
				historyRecord
			}{job.JobID, record})
		}
		return rows, nil
	})
}

type paramsCommand struct {
	clientSettings
	chooseFlags
	outputFlags

	Name []string `help:"Only parameters of this name; repeat for several." sep:"none" placeholder:"NAME"`
	Jobs []string `arg:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Done)."`
}

// Help is printed by jobdb params --help.
func (*paramsCommand) Help() string {
	return `Prints the parameters of jobs, one a line. To have them as columns, one job a line, name them in jobdb search --columns.

Examples:

  jobdb params 12
  jobdb params --mine Status=Done since=1d --name 'TotalCPUTime(s)' -o csv >cpu.csv` + chooseHelp + whoHelp
}

// Run prints the parameters.
func (c *paramsCommand) Run(ctx context.Context, p *program) error {
	columns := []string{"JobID", "Name", "Value"}
	err := printParts(ctx, p, c.clientSettings, c.chooseFlags, c.outputFlags, c.Jobs, []string{"JobID", "Parameters"}, columns, func(r row) ([]row, error) {
		var job struct {
			JobID      jobdb.JobID
			Parameters map[string]string
		}
		if err := json.Unmarshal(r, &job); err != nil {
			return nil, err
		}
		var rows []row
		for _, name := range slices.Sorted(maps.Keys(job.Parameters)) {
			if len(c.Name) > 0 && !slices.Contains(c.Name, name) {
				continue
			}
			line, _ := json.Marshal(map[string]any{"JobID": job.JobID, "Name": name, "Value": job.Parameters[name]}) // as above
			rows = append(rows, line)
		}
		return rows, nil
	})
	if refused := (*refusalError)(nil); errors.As(err, &refused) && refused.status == http.StatusBadRequest {
		return fmt.Errorf("%w; a DiracX server tells no parameters of jobs, jobdb serve does", err)
	}
	return err
}

// printParts searches jobs, the newest first, and prints the rows that split makes of each.
func printParts(
	ctx context.Context, p *program, settings clientSettings, flags chooseFlags, form outputFlags, terms, asked, columns []string,
	split func(row) ([]row, error),
) error {
	server, err := settings.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := flags.choose(p, terms, server.user())
	if err != nil {
		return err
	}
	out, err := form.open(p, columns)
	if err != nil {
		return err
	}
	request := jobdb.SearchRequest{Parameters: asked, Sort: []jobdb.SortSpec{{Parameter: "JobID", Direction: "desc"}}}
	found := 0
	err = server.eachPart(ctx, chosen, request, func(rows []row) error {
		found += len(rows)
		for _, r := range rows {
			parts, err := split(r)
			if err != nil {
				return fmt.Errorf("the server's answer can't be read: %w", err)
			}
			if err := out.rows(parts); err != nil {
				return err
			}
		}
		return nil
	})
	if err = finish(out, err); err == nil && found == 0 {
		p.say("no job was found")
	}
	return err
}

// eachPart calls a function with the jobs of a choice, page by page.
func (c *client) eachPart(ctx context.Context, chosen choose.Choice, request jobdb.SearchRequest, each func([]row) error) error {
	for _, part := range queries(chosen) {
		request.Search = part
		if err := c.eachPage(ctx, request, 0, func(_ answer, rows []row) error { return each(rows) }); err != nil {
			return err
		}
	}
	return nil
}
