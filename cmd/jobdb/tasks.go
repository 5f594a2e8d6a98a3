package main

import (
	"context"
	"log/slog"
	"sync"

	"jobdb"
	"jobdb/wms"
)

// startTasks begins the background work of a server, of which one of all servers on a database does
// each task at a time. The function that it returns ends it.
func (c *serveCommand) startTasks(ctx context.Context, jobs *wms.JobManager, logger *slog.Logger) (stop func()) {
	var tasks []jobdb.Task
	if c.Series && jobs.DB.HasSeries() {
		tasks = append(tasks, seriesTask(jobs.DB, logger))
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { jobs.DB.RunTasks(ctx, tasks...) })
	return func() { cancel(); running.Wait() }
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
