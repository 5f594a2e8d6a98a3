package main

import (
	"context"
	"fmt"
	"log/slog"

	"jobdb"
	"jobdb/api"
	"jobdb/opensearch"
	"jobdb/wms"
)

// withNeighbours opens the other databases of a DiracX or DIRAC installation that jobdb writes to
// or reads, runs serve with them, and closes them. serve gets all of them as stores for the
// readiness probe, and the pilots' database, which is nil if none is set.
func (c *serveCommand) withNeighbours(
	ctx context.Context, jobs *wms.JobManager, logger *slog.Logger, serve func([]api.Store, *jobdb.Pilots) error,
) error {
	pilots, err := c.openPilots(ctx, logger)
	if err != nil {
		return err
	}
	if pilots != nil {
		defer pilots.Close() //nolint:errcheck // it was only read
		jobs.PilotsEnded = pilots.Ended
	}
	var stores []api.Store
	if c.HistoryDB != "" {
		stores = append(stores, api.Store{Name: "history", Ping: jobs.DB.PingHistory, Needed: true})
	}
	queues, err := c.openTaskQueues(ctx, jobs.DB, logger)
	if err != nil {
		return err
	}
	if queues != nil {
		defer queues.Close() //nolint:errcheck // all that was written is committed
		jobs.TaskQueues = queues
		stores = append(stores, api.Store{Name: "taskQueues", Ping: queues.Ping})
	}
	if c.ParametersDB == "" {
		return serve(stores, pilots)
	}
	parameters, err := opensearch.Open(c.ParametersDB)
	if err != nil {
		return fmt.Errorf("--parameters-db: %w", err)
	}
	store := api.Store{Name: "parameters", Ping: parameters.Ping}
	if jobs.DB.HasParametersOutbox() {
		delivery := opensearch.Deliver(ctx, jobs.DB, parameters, logger)
		defer delivery.Close()
		store.Waiting = delivery.Waiting
	} else {
		jobs.Parameters = parameters
	}
	return serve(append(stores, store), pilots)
}

// openTaskQueues opens the database of task queues. Without one it says what that means beside
// DiracX and DIRAC.
func (c *serveCommand) openTaskQueues(ctx context.Context, db *jobdb.DB, logger *slog.Logger) (*jobdb.TaskQueues, error) {
	if c.TaskQueueDB == "" {
		if live(db) {
			logger.WarnContext(ctx, "killed, deleted and rescheduled jobs stay in the task queues of DIRAC, so a pilot may still get one; "+
				"to have them leave, set --task-queue-db (JOBDB_TASK_QUEUE_DB)")
		}
		return nil, nil //nolint:nilnil // there is none
	}
	queues, err := jobdb.OpenTaskQueues(ctx, c.TaskQueueDB, jobdb.Options{Logger: logger})
	if err != nil {
		err = fmt.Errorf("--task-queue-db: %w", err)
	}
	return queues, err
}

// openPilots opens the pilots' database, if there is one.
func (s pilotsSettings) openPilots(ctx context.Context, logger *slog.Logger) (*jobdb.Pilots, error) {
	if s.PilotsDB == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	pilots, err := jobdb.OpenPilots(ctx, s.PilotsDB, jobdb.Options{Logger: logger})
	if err != nil {
		err = fmt.Errorf("--pilots-db: %w", err)
	}
	return pilots, err
}

// live reports whether a database belongs to a DiracX or DIRAC installation.
func live(db *jobdb.DB) bool {
	return db.Schema() == jobdb.SchemaDiracX || db.Schema() == jobdb.SchemaLegacy
}
