package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jobdb"
)

type checkCommand struct {
	folderSettings
	databaseSettings
	historySettings

	Repair bool `help:"Repair what can be repaired safely, in a database of jobdb's own: counts, rows of jobs that don't exist, the next job's number."`
}

// Help is printed by jobdb check --help.
func (*checkCommand) Help() string {
	return `Reads the whole database and prints what is wrong in it: rows of jobs that don't exist, gaps in histories, times that can't
be, wrong counts, JDLs that can't be read. Servers may run meanwhile. What is found isn't always somebody's fault: a worker
node with a wrong clock dates its jobs wrongly.

The exit code is 1 when something was found that isn't repaired.

Examples:

  jobdb check
  jobdb check --repair`
}

// Run checks the database.
func (c *checkCommand) Run(ctx context.Context, p *program) (err error) {
	jobs, err := openJobs(ctx, c.url(c.folderSettings), jobdb.Options{HistoryURL: c.HistoryDB, ReadOnly: !c.Repair})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.DB.Close()) }()
	if path := jobdb.SQLiteFile(c.url(c.folderSettings)); path != "" {
		p.say("the file")
		if err := jobdb.CheckFile(ctx, path); err != nil {
			return fmt.Errorf("the file %s is damaged: %w; restore a backup", path, err)
		}
	}
	found, err := jobs.DB.CheckRows(ctx, c.Repair, func(what string) { p.say("%s", what) })
	if err != nil {
		return err
	}
	counts, err := c.counts(ctx, p, jobs.DB)
	if err != nil {
		return err
	}
	found = append(found, counts...)
	p.say("JDLs that can't be read")
	err = jobs.UnreadableJDLs(ctx, func(id jobdb.JobID, reason string) {
		found = append(found, jobdb.Finding{What: reason, Jobs: []jobdb.JobID{id}})
	})
	return errors.Join(err, printFindings(p, found))
}

// counts checks the counts of jobs, where there are some.
func (c *checkCommand) counts(ctx context.Context, p *program, db *jobdb.DB) ([]jobdb.Finding, error) {
	p.say("counts of jobs")
	verify := db.VerifyCounts
	if c.Repair {
		verify = db.RebuildCounts
	}
	wrong, err := verify(ctx)
	if errors.Is(err, jobdb.ErrSchema) {
		return nil, nil
	}
	if err != nil || len(wrong) == 0 {
		return nil, err
	}
	return []jobdb.Finding{{What: fmt.Sprintf("%d counts of jobs are wrong", len(wrong)), Repaired: c.Repair}}, nil
}

func printFindings(p *program, found []jobdb.Finding) error {
	left := 0
	for _, f := range found {
		line := f.What
		if len(f.Jobs) > 0 {
			line += ": " + jobList(f)
		}
		if f.Repaired {
			line += " (repaired)"
		} else {
			left++
		}
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	p.say("found: %d, repaired: %d", len(found), len(found)-left)
	if left > 0 {
		return errReported
	}
	return nil
}

// jobList names the first jobs of a finding.
func jobList(f jobdb.Finding) string {
	const most = 20
	names := make([]string, 0, most)
	for _, id := range f.Jobs[:min(most, len(f.Jobs))] {
		names = append(names, fmt.Sprint(id))
	}
	switch {
	case f.More:
		names = append(names, fmt.Sprintf("and more than %d others", len(f.Jobs)-len(names)))
	case len(f.Jobs) > len(names):
		names = append(names, fmt.Sprintf("and %d others", len(f.Jobs)-len(names)))
	}
	return strings.Join(names, ", ")
}
