package main

import (
	"context"
	"fmt"
	"log/slog"

	"jobdb"
	"jobdb/api"
	"jobdb/wms"
)

// withNeighbours runs serve with the other databases of a DiracX or DIRAC installation that jobs
// are to be kept in step with, and closes them.
func (c *serveCommand) withNeighbours(ctx context.Context, p *program, jobs *wms.JobManager, logger *slog.Logger, serve func() error) error {
	queues, err := c.openTaskQueues(ctx, p, jobs.DB, logger)
	if err != nil {
		return err
	}
	if queues != nil {
		defer queues.Close() //nolint:errcheck // all that was written is committed
		jobs.TaskQueues = queues
	}
	if jobs.Parameters, err = c.openParameters(ctx, jobs.DB, logger); err != nil {
		return err
	}
	return serve()
}

// openParameters returns where parameters are beside DiracX and DIRAC. In a database made by jobdb
// they are in its table.
func (c *serveCommand) openParameters(ctx context.Context, db *jobdb.DB, logger *slog.Logger) (*jobdb.ParametersDB, error) {
	if c.ParametersDB == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	parameters, err := jobdb.OpenParametersDB(c.ParametersDB)
	if err != nil {
		return nil, fmt.Errorf("--parameters-db: %w", err)
	}
	if !live(db) {
		logger.WarnContext(ctx, "--parameters-db is not used: this database was made by jobdb, whose table JobParameters has the parameters")
		return nil, nil //nolint:nilnil // there is none
	}
	return parameters, nil
}

// openTaskQueues opens the database of task queues. Without one it says what that means beside
// DiracX and DIRAC.
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
	if jobs.Parameters != nil {
		stores = append(stores, api.Store{Name: "parameters", Ping: jobs.Parameters.Ping})
	}
	return stores
}

// live reports whether a database belongs to a DiracX or DIRAC installation.
func live(db *jobdb.DB) bool {
	return db.Schema() == jobdb.SchemaDiracX || db.Schema() == jobdb.SchemaLegacy
}
