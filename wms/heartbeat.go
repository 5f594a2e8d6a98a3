package wms

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"

	"jobdb"
)

// Beat is what a job reports of itself.
type Beat struct {
	Values         map[string]float64 // by the names of [jobdb.HeartbeatFields], in their units; finite
	StandardOutput *string            // its last lines, kept as a parameter of the job; nil: none
}

// HeartbeatReport is the outcome of [JobManager.Heartbeat].
type HeartbeatReport struct {
	Commands []jobdb.Command // for the jobs, by job and then in the order in which they were set
	Peeked   []jobdb.JobID   // jobs that confirm a Peek, ascending
	Missing  []jobdb.JobID   // jobs that don't exist, ascending
	Dropped  int             // outputs that could not be kept, see [jobdb.DB.HasJobParameters] and [jobdb.MaxParameters]
}

// sourceHeartbeat is the source in the history of jobs that a heartbeat makes Running.
const sourceHeartbeat = "Heartbeat"

// Heartbeat stores heartbeats of jobs, as of now, and returns the commands that wait for them. A
// job that was Matched or Stalled becomes Running, as in DiracX's add_heartbeat. Jobs that don't
// exist are named in the report.
//
// Nothing is written on an error: a [jobdb.NotFoundError] if none of the jobs exists, a
// [jobdb.QueryError] for a name that is no heartbeat field, a [jobdb.ValueError] for a value that
// can't be stored, and [ErrNotOwner].
//
// All is one transaction, and the number of statements doesn't depend on the number of jobs. If the
// answer gets lost its commands come again with a later heartbeat, see
// [jobdb.Options.CommandRedelivery]. Output that a job sends confirms its pending Peeks.
func (m *JobManager) Heartbeat(ctx context.Context, scope Scope, beats map[jobdb.JobID]Beat) (HeartbeatReport, error) {
	ids := slices.Collect(maps.Keys(beats))
	var report HeartbeatReport
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := scope.lock(ctx, tx, ids, updateColumns...)
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
		if report.Dropped, err = m.storeBeats(ctx, tx, scope.VO, jobs, beats); err != nil {
			return err
		}
		if report.Peeked, err = tx.ConfirmJobCommands(ctx, withOutput(jobs, beats), jobdb.PeekCommand); err != nil {
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

// withOutput are those of the jobs whose heartbeats have output.
func withOutput(jobs map[jobdb.JobID]jobdb.Attributes, beats map[jobdb.JobID]Beat) (ids []jobdb.JobID) {
	for id := range jobs {
		if beats[id].StandardOutput != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// revive makes Matched and Stalled jobs Running, and sets the HeartBeatTime of all others.
func (m *JobManager) revive(ctx context.Context, tx *jobdb.Tx, jobs map[jobdb.JobID]jobdb.Attributes) error {
	now := m.now()
	revived := map[jobdb.JobID]jobdb.Attributes{}
	updates := map[jobdb.JobID][]StatusUpdate{}
	alive := map[jobdb.JobID]jobdb.Attributes{}
	for id, job := range jobs {
		switch statusOf(job) {
		case jobdb.StatusMatched, jobdb.StatusStalled:
			revived[id] = job
			updates[id] = []StatusUpdate{{Time: now, Status: jobdb.StatusRunning, Source: sourceHeartbeat}}
		default:
			if now.After(timeOf(job, "HeartBeatTime", now)) {
				alive[id] = jobdb.Attributes{"HeartBeatTime": now}
			}
		}
	}
	if err := setAttributes(ctx, tx, alive); err != nil || len(revived) == 0 {
		return err
	}
	// A heartbeat counts as of now, even if the last update has a later time because a pilot's
	// clock was ahead.
	policy := updatePolicy{countsAsNow: always}
	_, err := m.applyUpdates(ctx, tx, revived, updates, policy)
	return err
}

// storeBeats stores what the jobs report, and returns how many outputs were dropped. Output that
// can't be stored as it is gets changed: what a job writes must not keep it from getting a Kill.
func (m *JobManager) storeBeats(
	ctx context.Context, tx *jobdb.Tx, vo string, jobs map[jobdb.JobID]jobdb.Attributes, beats map[jobdb.JobID]Beat,
) (dropped int, err error) {
	values := make(map[jobdb.JobID]map[string]string, len(jobs))
	outputs := map[jobdb.JobID]map[string]string{}
	for id := range jobs {
		if values[id], err = beatTexts(id, beats[id]); err != nil {
			return 0, err
		}
		if output := beats[id].StandardOutput; output != nil {
			outputs[id] = map[string]string{"StandardOutput": m.DB.ParameterText(*output)}
		}
	}
	if err := tx.AddHeartbeatData(ctx, values); err != nil {
		return 0, err
	}
	if !m.keepsParameters() {
		return len(outputs), nil
	}
	return storeOutputs(outputs, func() error {
		if m.Parameters == nil {
			return tx.SetJobParameters(ctx, outputs)
		}
		parameters := make(map[jobdb.JobID]map[string]any, len(outputs))
		for id, output := range outputs {
			parameters[id] = map[string]any{"StandardOutput": output["StandardOutput"]}
		}
		return m.Parameters.Set(ctx, vo, parameters, m.now())
	})
}

// storeOutputs stores outputs by store. It drops those of jobs that have as many parameters as they
// may, and returns how many these were.
func storeOutputs(outputs map[jobdb.JobID]map[string]string, store func() error) (dropped int, err error) {
	for {
		err := store()
		large := (*jobdb.ValueError)(nil)
		if !errors.As(err, &large) || len(large.TooLarge) == 0 {
			return dropped, err
		}
		for _, id := range large.TooLarge {
			delete(outputs, id)
			dropped++
		}
	}
}

// beatTexts returns the values of a heartbeat as they are stored.
func beatTexts(id jobdb.JobID, beat Beat) (map[string]string, error) {
	texts := make(map[string]string, len(beat.Values))
	for name, value := range beat.Values {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, &jobdb.ValueError{Job: id, Column: name, Reason: "is not a finite number"}
		}
		texts[name] = strconv.FormatFloat(value, 'f', -1, 64)
	}
	return texts, nil
}
