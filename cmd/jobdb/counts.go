package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jobdb"
)

type countsCommands struct {
	Verify  countsVerifyCommand  `cmd:"" help:"Compare the job counts with the jobs."`
	Rebuild countsRebuildCommand `cmd:"" help:"Correct wrong job counts."`
}

type countsVerifyCommand struct {
	folderSettings
	databaseSettings
}

// Help is printed by jobdb counts verify --help.
func (*countsVerifyCommand) Help() string {
	return `Totals and summaries are answered from counts that triggers maintain. This command reads all jobs, compares the counts
with them, and prints those that are wrong. There should be none: a wrong count means that somebody changed the table
Jobs without its triggers. "jobdb counts rebuild" corrects it. Servers may run meanwhile.

The exit code is 1 when a count is wrong.

Examples:

  jobdb counts verify
  jobdb counts verify --db postgres://jobdb@db.example.org/jobdb`
}

// Run prints the wrong counts.
func (c *countsVerifyCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	wrong, err := db.VerifyCounts(ctx)
	err = errors.Join(err, printCounts(p, wrong), db.Close())
	if err == nil && len(wrong) > 0 {
		err = errReported
	}
	return err
}

type countsRebuildCommand struct {
	folderSettings
	databaseSettings
}

// Help is printed by jobdb counts rebuild --help.
func (*countsRebuildCommand) Help() string {
	return `Reads all jobs, corrects the counts that are wrong, and prints their old values. Servers may run meanwhile.

Examples:

  jobdb counts rebuild
  jobdb counts rebuild --db postgres://jobdb@db.example.org/jobdb`
}

// Run corrects wrong counts.
func (c *countsRebuildCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{})
	if err != nil {
		return err
	}
	wrong, err := db.RebuildCounts(ctx)
	return errors.Join(err, printCounts(p, wrong), db.Close())
}

func printCounts(p *program, wrong []jobdb.WrongCount) error {
	for _, w := range wrong {
		words := []string{"VO=" + w.VO}
		for i, column := range w.Columns {
			words = append(words, fmt.Sprintf("%s=%q", column, w.Values[i]))
		}
		if _, err := fmt.Fprintf(p.stdout, "%s: counted %d, jobs %d\n", strings.Join(words, " "), w.Counted, w.Jobs); err != nil {
			return err
		}
	}
	p.say("wrong counts: %d", len(wrong))
	return nil
}
