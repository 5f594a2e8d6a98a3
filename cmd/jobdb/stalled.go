package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"jobdb"
	"jobdb/wms"
)

type stalledCommand struct {
	folderSettings
	databaseSettings
	historySettings
	pilotsSettings

	Stalled string `help:"JSON file of the rules (docs/retention.md). Default: those of DIRAC." env:"JOBDB_STALLED" type:"path" placeholder:"FILE"`
	DryRun  bool   `short:"n" help:"Change nothing; print the jobs that would change."`
	Live    bool   `help:"Change jobs of a DiracX or DIRAC installation, too, whose own agent may do the same."`
}

// Help is printed by jobdb stalled --help.
func (*stalledCommand) Help() string {
	return `Looks for jobs that weren't heard of: those in Running or Completing become Stalled, those in Stalled become Failed and get
a Kill, and those in Submitting become Failed. Where the rules say so, jobs that stay in a status before Running, and Stalled
ones of some sites, are rescheduled, and Stalled ones whose pilots have ended, by --pilots-db, become Failed sooner. It prints
each job with its old and its new status, and when it was heard of last. A job that beats again is Running again. A server
that was started with --stalled does so every ten minutes.

Examples:

  jobdb stalled --dry-run
  jobdb stalled --stalled stalled.json`
}

// Run looks for stalled jobs once.
func (c *stalledCommand) Run(ctx context.Context, p *program) (err error) {
	book := wms.StalledBook{Default: wms.DefaultStalled}
	if c.Stalled != "" {
		if book, err = readSettingsFile("--stalled", c.Stalled, wms.ReadStalled); err != nil {
			return err
		}
	}
	jobs, err := openJobs(ctx, c.url(c.folderSettings), jobdb.Options{HistoryURL: c.HistoryDB})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.DB.Close()) }()
	if err := refuseLive("stalled", jobs.DB, c.Live || c.DryRun); err != nil {
		return err
	}
	pilots, unavailable := c.openPilots(ctx, nil)
	switch {
	case pilots != nil:
		defer func() { err = errors.Join(err, pilots.Close()) }()
		jobs.PilotsEnded = pilots.Ended
	case errors.Is(unavailable, jobdb.ErrUnavailable): // the rule about pilots says so, if there is one; the others go on
		jobs.PilotsEnded = func(context.Context, []jobdb.JobID) ([]jobdb.JobID, error) { return nil, unavailable }
	case unavailable != nil:
		return unavailable
	}
	changed := 0
	var printed error
	options := wms.StalledOptions{DryRun: c.DryRun, Changed: func(job wms.StalledJob) {
		heard := "never"
		if !job.Heard.IsZero() {
			heard = job.Heard.Format(time.RFC3339)
		}
		changed++
		_, err := fmt.Fprintf(p.stdout, "%d  %s  %s  %s -> %s  heard of %s\n", job.JobID, printable(job.VO), printable(job.Site), job.From, job.To, heard)
		printed = cmp.Or(printed, err)
	}}
	_, err = jobs.CheckStalled(ctx, book, options)
	if c.DryRun {
		p.say("jobs that would change: %d", changed)
	} else {
		p.say("jobs that changed: %d", changed)
	}
	return errors.Join(err, printed)
}
