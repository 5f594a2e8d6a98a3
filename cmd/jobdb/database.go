package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"jobdb"
	"jobdb/wms"
)

type migrateCommand struct {
	folderSettings
	databaseSettings
	historySettings

	WithoutCounts bool `help:"Make no triggers: totals and summaries then read all jobs."`
}

// Help is printed by jobdb migrate --help.
func (*migrateCommand) Help() string {
	return `Creates the tables of an empty database, or updates those of an older jobdb, and prints the migrations that it applied.
The tables of DIRAC and DiracX are never changed. There is no need to run this before jobdb serve, which does the same.

Counts of jobs, from which totals and summaries are answered, are kept by triggers. A user who may not make triggers can leave
the counts out with --without-counts; "jobdb migrate" without it adds them later.

Examples:

  jobdb migrate
  jobdb migrate --without-counts
  JOBDB_DB=postgres://jobdb:secret@localhost/jobdb jobdb migrate`
}

// Run migrates the database.
func (c *migrateCommand) Run(ctx context.Context, p *program) error {
	if c.DB == "" {
		if err := c.makeFolder(); err != nil {
			return err
		}
	}
	db, err := c.open(ctx, c.folderSettings, jobdb.Options{HistoryURL: c.HistoryDB})
	if err != nil {
		return err
	}
	counts := jobdb.AddCounts
	if c.WithoutCounts {
		counts = jobdb.WithoutCounts
	}
	applied, err := db.Migrate(ctx, counts)
	for _, name := range applied {
		if _, printErr := fmt.Fprintln(p.stdout, name); printErr != nil {
			err = errors.Join(err, printErr)
		}
	}
	if err == nil && len(applied) == 0 {
		p.say("nothing to do: the database is up to date")
	}
	return errors.Join(err, db.Close())
}

type schemaCommands struct {
	Check schemaCheckCommand `cmd:"" help:"Report what a database is and whether jobdb can use it."`
}

type schemaCheckCommand struct {
	folderSettings
	databaseSettings

	JSON bool `name:"json" help:"Print the report as JSON."`
}

// Help is printed by jobdb schema check --help.
func (*schemaCheckCommand) Help() string {
	return `Prints whose tables these are (jobdb's, DiracX's or DIRAC's), the migrations, and every problem. It changes nothing.
The exit code is 1 when jobdb can't use the database as it is, or when an obstacle is told: what this user lacks, or the server
is set to, so that jobdb couldn't migrate it or change rows.

Examples:

  jobdb schema check
  jobdb schema check --json --db mysql://dirac@db.example.org/JobDB`
}

// Run prints the report.
func (c *schemaCheckCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	report, err := db.CheckSchema(ctx)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = printReport(p.stdout, report)
	}
	if err == nil && (!report.Usable() || len(report.Obstacles) > 0) {
		err = errReported
	}
	return err
}

func printReport(w io.Writer, r jobdb.SchemaReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "database:   %s on %s %s\n", r.Kind, r.Engine, r.Version)
	fmt.Fprintf(&b, "usable:     %t\njobs:       %t\nhistory:    %t\n", r.Usable(), r.Jobs, r.History)
	for _, list := range []struct {
		title string
		items []string
	}{
		{"applied", r.Applied},
		{"pending", r.Pending},
		{"newer", r.Newer},
		{"changed", r.Changed},
		{"obstacle", r.Obstacles},
		{"limit", r.Limits},
		{"index", r.Indexes},
		{"problem", r.Problems},
	} {
		for _, item := range list.items {
			fmt.Fprintf(&b, "%-11s %s\n", list.title+":", item)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// openJobs opens a database that has tables.
func openJobs(ctx context.Context, url string, options jobdb.Options) (*wms.JobManager, error) {
	db, err := jobdb.Open(ctx, url, options)
	if err != nil {
		return nil, err
	}
	jobs, err := wms.NewJobManager(db, wms.DefaultRules, nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return jobs, nil
}
