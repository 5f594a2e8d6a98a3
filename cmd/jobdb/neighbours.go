package main

import (
	"context"
	"fmt"
	"log/slog"

	"jobdb"
	"jobdb/api"
	"jobdb/wms"
)

// withNeighbours runs serve with the other databases of a DiracX or DIRAC installation that jobs are to be kept in step
// with, and closes them.
func (c *serveCommand) withNeighbours(ctx context.Context, p *program, jobs *wms.JobManager, logger *slog.Logger, serve func() error) error {
	queues, err := c.openTaskQueues(ctx, p, jobs.DB, logger)
	if err != nil {
		return err
	}
	if queues != nil {
		defer queues.Close() //nolint:errcheck // all that was written is committed
		jobs.TaskQueues = queues
	}
	return serve()
}

// openTaskQueues opens the database of task queues. Without one it says what that means beside DiracX and DIRAC.
func (c *serveCommand) openTaskQueues(ctx context.Context, p *program, db *jobdb.DB, logger *slog.Logger) (*jobdb.TaskQueues, error) {
	if c.TaskQueueDB == "" {
		if live(db) {
			logger.WarnContext(ctx, "killed, deleted and rescheduled jobs stay in the task queues of DIRAC, so a pilot may still get one; "+
				"to have them leave, set --task-queue-db (JOBDB_TASK_QUEUE_DB)")
		}
		return nil, nil //nolint:nilnil // there is none
	}
	queues, err := jobdb.OpenTaskQueues(ctx, c.TaskQueueDB, jobdb.Options{Clock: p.clock, Logger: logger})
	if err != nil {
		err = fmt.Errorf("--task-queue-db: %w", err)
	}
	return queues, err
}

// stores are the databases beside that of the jobs, for the probe of readiness.
func (c *serveCommand) stores(jobs *wms.JobManager) []api.Store {
	var stores []api.Store
	if c.HistoryDB != "" {
		stores = append(stores, api.Store{Name: "history", Ping: jobs.DB.PingHistory, Needed: true})
	}
	if jobs.TaskQueues != nil {
		stores = append(stores, api.Store{Name: "taskQueues", Ping: jobs.TaskQueues.Ping})
	}
	return stores
}

// live reports whether a database belongs to a DiracX or DIRAC installation.
func live(db *jobdb.DB) bool {
	return db.Schema() == jobdb.SchemaDiracX || db.Schema() == jobdb.SchemaLegacy
}
