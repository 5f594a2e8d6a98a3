package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"jobdb"
	"jobdb/wms"
)

type purgeCommand struct {
	folderSettings
	databaseSettings
	historySettings

	Retention string `help:"JSON file that says how long what is known of jobs is kept (docs/retention.md)." required:"" env:"JOBDB_RETENTION" type:"path" placeholder:"FILE"`
	DryRun    bool   `short:"n" help:"Delete nothing; tell how many jobs the rules are about."`
	Export    string `help:"Append each job to this file before it is deleted, as a line of JSON." type:"path" placeholder:"FILE"`
	Live      bool   `help:"Delete in the database of a DiracX or DIRAC installation, too."`
	JSON      bool   `name:"json" help:"Print the report as JSON."`
}

// Help is printed by jobdb purge --help.
func (*purgeCommand) Help() string {
	return `Deletes jobs, and parts of jobs, that are older than the file says: in small steps with pauses, while servers run. It may be
interrupted and run again. A server that was started with the same setting does so every hour.

With --export a job that can't be written whole, because something of it is damaged, isn't deleted.

Examples:

  jobdb purge --retention retention.json --dry-run
  jobdb purge --retention retention.json --export old-jobs.ndjson
  JOBDB_DB=postgres://jobdb:secret@localhost/jobdb jobdb purge --retention retention.json`
}

// Run purges once.
func (c *purgeCommand) Run(ctx context.Context, p *program) (err error) {
	book, err := readSettingsFile("--retention", c.Retention, wms.ReadRetention)
	if err != nil {
		return err
	}
	jobs, err := openJobs(ctx, c.url(c.folderSettings), jobdb.Options{HistoryURL: c.HistoryDB, ReadOnly: c.DryRun})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.DB.Close()) }()
	if c.DryRun {
		state, err := jobs.DB.TaskState(ctx, "retention")
		if err != nil {
			return err
		}
		report, _, err := jobs.Purge(ctx, book, wms.PurgeOptions{DryRun: true, State: state})
		return errors.Join(err, c.print(p, report))
	}
	if err := refuseLive("purge", jobs.DB, c.Live); err != nil {
		return err
	}
	return c.purge(ctx, p, jobs, book)
}

func (c *purgeCommand) purge(ctx context.Context, p *program, jobs *wms.JobManager, book wms.RetentionBook) error {
	options := wms.PurgeOptions{Progress: purgeProgress(p)}
	if c.Export != "" {
		file, err := openLines(c.Export)
		if err != nil {
			return fmt.Errorf("--export: %w", err)
		}
		defer file.Close() //nolint:errcheck // each write was synced
		options.Export = func(lines []byte) error {
			_, err := file.Write(lines)
			return errors.Join(err, file.Sync())
		}
	}
	var report wms.PurgeReport
	ran, err := jobs.DB.RunTask(ctx, retentionTask(func(ctx context.Context, state string) (string, error) {
		var err error
		options.State = state
		report, state, err = jobs.Purge(ctx, book, options)
		return state, err
	}))
	if err == nil && !ran {
		return errors.New("a server purges this database at the moment; try again later")
	}
	return errors.Join(err, c.print(p, report))
}

// openLines opens a file to append lines to it. If its last line has no end, because its writer was
// killed or the disk was full, it adds one.
func openLines(path string) (*os.File, error) {
	text, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return nil, err
	}
	defer text.Close() //nolint:errcheck // it was only read
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	last := []byte{'\n'}
	info, err := text.Stat()
	if err == nil && info.Size() > 0 {
		_, err = text.ReadAt(last, info.Size()-1)
	}
	if err == nil && last[0] != '\n' {
		_, err = file.WriteString("\n")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// purgeProgress returns a function that prints every few seconds how many jobs are deleted.
func purgeProgress(p *program) func(wms.PurgeReport) {
	const every = 5 * time.Second
	told := p.clock()
	return func(report wms.PurgeReport) {
		if now := p.clock(); now.Sub(told) >= every {
			told = now
			jobs := int64(0)
			for _, counts := range report.VOs {
				for _, n := range counts.Jobs {
					jobs += n
				}
			}
			p.say("jobs deleted so far: %d", jobs)
		}
	}
}

func (c *purgeCommand) print(p *program, report wms.PurgeReport) error {
	if c.JSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return printPurge(p.stdout, report)
}

// printPurge prints a line for each kind of what was deleted.
func printPurge(w io.Writer, report wms.PurgeReport) error {
	for _, vo := range slices.Sorted(maps.Keys(report.VOs)) {
		for _, line := range report.VOs[vo].Lines() {
			if _, err := fmt.Fprintf(w, "%s  %s\n", vo, line); err != nil {
				return err
			}
		}
	}
	return nil
}
