package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jobdb"
)

type countsCommands struct {
	Verify  countsVerifyCommand  `cmd:"" help:"Say which counts are wrong."`
	Rebuild countsRebuildCommand `cmd:"" help:"Correct the counts that are wrong."`
}

type countsVerifyCommand struct {
	folderSettings
	databaseSettings
}

// Help is printed by jobdb counts verify --help.
func (*countsVerifyCommand) Help() string {
	return `Totals and summaries are answered from counts that triggers keep. This holds them against the jobs themselves, which
are all read, and prints those that are wrong: there should be none. Servers may run meanwhile. The exit code is 1 when
there are some; then somebody changed the table Jobs without its triggers, and "jobdb counts rebuild" helps.

Examples:

  jobdb counts verify
  jobdb counts verify --db postgres://jobdb@db.example.org/jobdb`
}

// Run verifies.
func (c *countsVerifyCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{Clock: p.clock, ReadOnly: true})
	if err != nil {
		return err
	}
	wrong, err := db.VerifyCounts(ctx)
	err = errors.Join(err, printCounts(p, wrong), db.Close())
	if err == nil && len(wrong) > 0 {
		err = errTold
	}
	return err
}

type countsRebuildCommand struct {
	folderSettings
	databaseSettings
}

// Help is printed by jobdb counts rebuild --help.
func (*countsRebuildCommand) Help() string {
	return `Reads all jobs, corrects the counts that are wrong, and prints what they were. Servers may run meanwhile.

Examples:

  jobdb counts rebuild
  jobdb counts rebuild --db postgres://jobdb@db.example.org/jobdb`
}

// Run corrects.
func (c *countsRebuildCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{Clock: p.clock})
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
