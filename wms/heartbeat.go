package wms

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"jobdb"
)

// Beat is what a job reports of itself.
type Beat struct {
	Values         map[string]float64 // by the names of [jobdb.HeartbeatFields]
	StandardOutput *string            // the last lines of it, kept as a parameter
}

// HeartbeatReport is the outcome of [JobManager.Heartbeat].
type HeartbeatReport struct {
	Commands []jobdb.Command // what the jobs are to be told
	Missing  []jobdb.JobID   // ascending
	Dropped  int             // outputs of jobs that the database has no place for, see [jobdb.DB.HasJobParameters]
}

// sourceHeartbeat is who revives jobs.
const sourceHeartbeat = "Heartbeat"

// Heartbeat stores signs of life of jobs, from now, and returns the commands for
// them in the order of jobs and then as they were set. A job that was Matched or Stalled is Running from
// then on. Jobs that don't exist are named in the report; when
// none does that is a [jobdb.NotFoundError]. A name that is no heartbeat
// field is a [jobdb.QueryError]; then, and on [ErrNotOwner], nothing is written.
//
// All is one transaction, and the number of statements doesn't depend on that
// of jobs. Each command is handed out once. When the answer is lost the
// commands are lost with it, but for Kill: it comes again with a later
// heartbeat, see [jobdb.Options.CommandRedelivery].
func (m *JobManager) Heartbeat(ctx context.Context, reach Reach, beats map[jobdb.JobID]Beat) (HeartbeatReport, error) {
	ids := slices.Collect(maps.Keys(beats))
	var report HeartbeatReport
	err := m.DB.Tx(ctx, func(tx *jobdb.Tx) error {
		jobs, err := reach.hold(ctx, tx, ids, changeColumns...)
		if err != nil {
			return err
		}
		report.Missing = missing(ids, jobs)
		if len(jobs) == 0 && len(ids) > 0 {
			return &jobdb.NotFoundError{Jobs: report.Missing}
		}
		if err := m.revive(ctx, tx, jobs); err != nil {
			return err
		}
		if report.Dropped, err = m.storeBeats(ctx, tx, jobs, beats); err != nil {
			return err
		}
		report.Commands, err = tx.TakeJobCommands(ctx, slices.Collect(maps.Keys(jobs)))
		return err
	})
	if err != nil {
		return HeartbeatReport{}, err
	}
	return report, nil
}

// revive makes jobs Running that were thought not to run, and tells of all that they live.
func (m *JobManager) revive(ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes) error {
	now := m.Clock().UTC().Truncate(time.Microsecond)
	revived := map[jobdb.JobID]jobdb.Attributes{}
	updates := map[jobdb.JobID][]StatusUpdate{}
	alive := map[jobdb.JobID]jobdb.Attributes{}
	for id, job := range jobs {
		switch job["Status"] {
		case statusMatched, statusStalled:
			revived[id] = job
			updates[id] = []StatusUpdate{{Time: now, Status: statusRunning, Source: sourceHeartbeat}}
		default:
			alive[id] = jobdb.Attributes{"HeartBeatTime": now}
		}
	}
	if err := setAttributes(ctx, tx, alive); err != nil || len(revived) == 0 {
		return err
	}
	// A heart beats now, also where a pilot's clock has dated the last update ahead of ours.
	how := manner{urgent: func(StatusUpdate) bool { return true }}
	_, err := m.change(ctx, tx, revived, updates, how)
	return err
}

// storeBeats stores what those jobs report that exist. Nobody checks what a
// job writes: what can't be stored of it must not keep a Kill from it. It returns how many outputs were dropped.
func (m *JobManager) storeBeats(
	ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes, beats map[jobdb.JobID]Beat,
) (dropped int, err error) {
	values := make(map[jobdb.JobID]map[string]string, len(jobs))
	outputs := map[jobdb.JobID]map[string]string{}
	for id := range jobs {
		texts := make(map[string]string, len(beats[id].Values))
		for name, value := range beats[id].Values {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				return 0, &jobdb.ValueError{Job: id, Column: name, Reason: "is not a finite number"}
			}
			texts[name] = strconv.FormatFloat(value, 'f', -1, 64)
		}
		values[id] = texts
		if output := beats[id].StandardOutput; output != nil {
			outputs[id] = map[string]string{"StandardOutput": m.DB.ParameterText(*output)}
		}
	}
	if err := tx.AddHeartbeatData(ctx, values); err != nil {
		return 0, err
	}
	if !m.DB.HasJobParameters() {
		return len(outputs), nil
	}
	return 0, tx.SetJobParameters(ctx, outputs)
}
