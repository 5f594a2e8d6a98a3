package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"jobdb"
	"jobdb/internal/files"
	"jobdb/wms"
)

// startTasks starts the background tasks of a server. Of all servers on a database one runs a task
// at a time. The function that it returns stops the tasks.
func (c *serveCommand) startTasks(ctx context.Context, jobs *wms.JobManager, rules *taskRules, logger *slog.Logger) (stop func(), err error) {
	tasks, err := c.tasks(jobs, rules, logger)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { jobs.DB.RunTasks(ctx, tasks...) })
	return func() { cancel(); running.Wait() }, nil
}

func (c *serveCommand) tasks(jobs *wms.JobManager, rules *taskRules, logger *slog.Logger) (tasks []jobdb.Task, err error) {
	if c.Series && jobs.DB.HasSeries() {
		tasks = append(tasks, seriesTask(jobs.DB, logger))
	}
	if c.Retention != "" {
		if err := refuseLive("--retention", jobs.DB, c.Live); err != nil {
			return nil, err
		}
		tasks = append(tasks, retentionTask(func(ctx context.Context, state string) (string, error) {
			report, state, err := jobs.Purge(ctx, *rules.retention.book.Load(), wms.PurgeOptions{State: state})
			logPurge(ctx, logger, report)
			return state, err
		}))
	}
	if c.Stalled != "" {
		if err := refuseLive("--stalled", jobs.DB, c.Live); err != nil {
			return nil, err
		}
		tasks = append(tasks, stalledTask(func(ctx context.Context) error {
			counts, err := jobs.CheckStalled(ctx, *rules.stalled.book.Load(), wms.StalledOptions{})
			logStalled(ctx, logger, counts)
			return err
		}))
	}
	return tasks, nil
}

// taskRules are the rules of tasks. Rules that are read again apply from the next run on.
type taskRules struct {
	retention ruleFile[wms.RetentionBook]
	stalled   ruleFile[wms.StalledBook]
}

func (s *Settings) openTaskRules() (*taskRules, error) {
	rules := &taskRules{
		retention: ruleFile[wms.RetentionBook]{setting: "--retention", path: s.Retention, read: wms.ReadRetention},
		stalled:   ruleFile[wms.StalledBook]{setting: "--stalled", path: s.Stalled, read: wms.ReadStalled},
	}
	return rules, errors.Join(rules.retention.load(), rules.stalled.load())
}

// ruleFile is the file of a setting with rules, which may be read again while they are in use.
type ruleFile[T any] struct {
	setting, path string // without a path there are no rules
	read          func(io.Reader) (T, error)
	book          atomic.Pointer[T]
}

// load reads the file. After an error the rules stay as they are.
func (f *ruleFile[T]) load() error {
	if f.path == "" {
		return nil
	}
	book, err := readSettingsFile(f.setting, f.path, f.read)
	if err == nil {
		f.book.Store(&book)
	}
	return err
}

// readSettingsFile reads the file of a setting.
func readSettingsFile[T any](setting, path string, read func(io.Reader) (T, error)) (settings T, err error) {
	text, err := files.Read(path)
	if err != nil {
		return settings, fmt.Errorf("%s: %w", setting, err)
	}
	if settings, err = read(bytes.NewReader(text)); err != nil {
		err = fmt.Errorf("%s %s: %w", setting, path, err)
	}
	return settings, err
}

// refuseLive keeps what changes jobs by itself from a live database, unless its operator wants it.
func refuseLive(setting string, db *jobdb.DB, allowed bool) error {
	if !live(db) || allowed {
		return nil
	}
	return fmt.Errorf("%s: this database belongs to a %s installation, whose own agents may do the same; if they don't, say --live, too", setting, db.Schema())
}

// seriesTask notes the counts of jobs over time.
func seriesTask(db *jobdb.DB, logger *slog.Logger) jobdb.Task {
	return jobdb.Task{Name: "series", Every: jobdb.SeriesInterval, Run: func(ctx context.Context, _ string) (string, error) {
		noted, err := db.NoteSeries(ctx)
		if noted {
			logger.DebugContext(ctx, "the counts of jobs were noted")
		}
		return "", err
	}}
}

// retentionTask purges jobs. Its state is how far it came.
func retentionTask(purge func(ctx context.Context, state string) (string, error)) jobdb.Task {
	return jobdb.Task{Name: "retention", Every: 10 * time.Minute, Run: purge}
}

func logPurge(ctx context.Context, logger *slog.Logger, report wms.PurgeReport) {
	for vo, counts := range report.VOs {
		if lines := counts.Lines(); len(lines) > 0 {
			logger.InfoContext(ctx, "old jobs were purged", "vo", vo, "deleted", strings.Join(lines, ", "))
		}
	}
}

// stalledTask looks for jobs that weren't heard of.
func stalledTask(check func(context.Context) error) jobdb.Task {
	return jobdb.Task{Name: "stalled", Every: 10 * time.Minute, Run: func(ctx context.Context, _ string) (string, error) {
		return "", check(ctx)
	}}
}

func logStalled(ctx context.Context, logger *slog.Logger, counts map[string]wms.StalledCounts) {
	for vo, of := range counts {
		if of != (wms.StalledCounts{}) {
			logger.InfoContext(ctx, "jobs weren't heard of", "vo", vo, "stalled", of.Stalled, "failed", of.Failed, "rescheduled", of.Rescheduled)
		}
	}
}
