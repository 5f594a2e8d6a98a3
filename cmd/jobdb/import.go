package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/opensearch"
)

type importCommand struct {
	From           string `help:"Database to move from. Better in the environment, where others don't see the password." required:"" env:"JOBDB_IMPORT_FROM" placeholder:"URL"`
	FromHistory    string `help:"Database of the jobs' histories (LoggingInfo), which DIRAC and DiracX keep apart; none leaves them behind. Default: the same." env:"JOBDB_IMPORT_FROM_HISTORY" placeholder:"URL"`
	FromParameters string `help:"OpenSearch that has the parameters of the jobs, as jobdb serve --parameters-db has it. Default: the table JobParameters." env:"JOBDB_IMPORT_FROM_PARAMETERS" placeholder:"JSON"`
	To             string `help:"Database to move into: an empty one, or one that this command has brought jobs to." required:"" env:"JOBDB_IMPORT_TO" placeholder:"URL"`
	Groups         string `help:"File that says the VO of each group, in lines of GROUP = VO. Needed for DIRAC 7 and 8, whose jobs have no VO." type:"path" placeholder:"FILE"`
	Batch          *int   `help:"Jobs in one transaction. Default: 1000, into SQLite 200, since nobody else writes there meanwhile." placeholder:"N"`
	DryRun         bool   `help:"Read all, write nothing, and say what would move and what would be made right." xor:"what"`
	Verify         bool   `help:"Compare all rows of both databases instead. The exit code is 1 when some differ." xor:"what"`
}

// Help is printed by jobdb import --help.
func (*importCommand) Help() string {
	return `Moves all jobs, their parameters, heartbeats, commands and histories from any database of jobs (jobdb's, DiracX's,
DIRAC's since 7) into one of jobdb's own, on any engine. JobIDs stay, and no number of the source is given again.

The source is only read, and may be in use. A connection that is lost is made again. When the command is interrupted, run it
again: it goes on. When it is through,
run it again: it takes what has changed since. So a move is: run it while all is in use, stop those who write to the
source, run it once more, then with --verify, and start jobdb serve on the target. Nothing else may write to the target before.

Values that jobdb can't hold (a zero date, a NULL status, a text that is no UTF-8) are made right, counted and told.

Examples:

  jobdb import --from mysql://dirac@db.example.org/JobDB --from-history mysql://dirac@db.example.org/JobLoggingDB \
    --to postgres://jobdb@db.example.org/jobdb
  jobdb import --from sqlite:jobs.db --to mysql://jobdb@db.example.org/jobdb --dry-run
  jobdb import --from mysql://dirac@db.example.org/JobDB --from-history none --groups groups.txt --to sqlite:jobs.db`
}

// Run imports, or does what a flag asks for instead.
func (c *importCommand) Run(ctx context.Context, p *program) error {
	batch := 0
	if c.Batch != nil {
		if batch = *c.Batch; batch < 1 {
			return usageError{errors.New("--batch must be at least 1")}
		}
	}
	groups, err := c.groups()
	if err != nil {
		return err
	}
	parameters, err := c.fromParameters()
	if err != nil {
		return err
	}
	meter := &meter{p: p, start: p.clock()}
	im, err := transfer.Open(ctx, transfer.Options{
		From: c.From, FromHistory: c.FromHistory, FromParameters: parameters, To: c.To, Groups: groups, Batch: batch,
		Now: p.clock, Progress: meter.show,
		Logger: slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	switch {
	case c.Verify:
		return errors.Join(verify(ctx, p, im), im.Close())
	case c.DryRun:
		report, err := im.DryRun(ctx)
		if err := errors.Join(err, im.Close()); err != nil {
			return err
		}
		return printImport(p, report, "would be copied")
	}
	report, err := im.Run(ctx)
	if refused := (*transfer.RefusedError)(nil); err != nil && !errors.As(err, &refused) {
		p.say("what is done is kept: the next run goes on from there")
	}
	if err := errors.Join(err, im.Close()); err != nil {
		return err
	}
	p.say("counting jobs")
	if err := c.count(ctx, report.Recount); err != nil {
		return err
	}
	return printImport(p, report, "copied")
}

func (c *importCommand) groups() (map[string]string, error) {
	if c.Groups == "" {
		return nil, nil
	}
	groups, err := readSettingsFile("--groups", c.Groups, transfer.ReadGroups)
	if err != nil {
		return nil, usageError{err}
	}
	return groups, nil
}

func (c *importCommand) fromParameters() (*opensearch.DB, error) {
	if c.FromParameters == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	parameters, err := opensearch.Open(c.FromParameters)
	if err != nil {
		err = usageError{fmt.Errorf("--from-parameters: %w", err)}
	}
	return parameters, err
}

// count makes the counts of jobs that summaries are answered from: all, or those that changed.
func (c *importCommand) count(ctx context.Context, all bool) error {
	db, err := jobdb.Open(ctx, c.To, jobdb.Options{FoldInterval: -1, StatementTimeout: time.Hour})
	if err != nil {
		return err
	}
	if all {
		_, err = db.RebuildCounts(ctx)
	} else {
		_, err = db.FoldCounts(ctx)
	}
	return errors.Join(err, db.Close())
}

func verify(ctx context.Context, p *program, im *transfer.Import) error {
	found := 0
	err := im.Verify(ctx, func(d transfer.Difference) error {
		found++
		_, err := fmt.Fprintln(p.stdout, d)
		return err
	})
	if err != nil {
		return err
	}
	p.say("differences: %d", found)
	if found > 0 {
		return errReported
	}
	return nil
}

func printImport(p *program, r transfer.Report, done string) error {
	lines := []string{fmt.Sprintf("%d jobs %s, %d unchanged since an earlier run", r.Jobs, done, r.Unchanged)}
	for _, c := range r.Rows {
		lines = append(lines, fmt.Sprintf("  %s: %d rows", c.What, c.N))
	}
	if len(r.Repairs) > 0 {
		lines = append(lines, "made right:")
	}
	for _, c := range r.Repairs {
		lines = append(lines, fmt.Sprintf("  %d × %s", c.N, c.What))
	}
	if len(r.Left) > 0 {
		lines = append(lines, "left behind:")
	}
	for _, what := range r.Left {
		lines = append(lines, "  "+what)
	}
	if r.NextID > 0 {
		lines = append(lines, fmt.Sprintf("the next job gets the number %d", r.NextID))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// meter prints the progress of a run to standard error now and then.
type meter struct {
	p           *program
	start, told time.Time
}

const meterInterval = 5 * time.Second

func (m *meter) show(at transfer.Progress) {
	now := m.p.clock()
	if now.Sub(m.told) < meterInterval && at.Jobs < at.Total {
		return
	}
	m.told = now
	rate := float64(at.Jobs) / max(now.Sub(m.start).Seconds(), 0.001)
	left := time.Duration(float64(max(at.Total-at.Jobs, 0)) / max(rate, 0.001) * float64(time.Second))
	m.p.say("%d of %d jobs, %.0f jobs/s, %v left", at.Jobs, at.Total, rate, left.Round(time.Second))
}
