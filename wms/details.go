package wms

import (
	"context"
	"errors"
	"fmt"

	"jobdb"
	"jobdb/jdl"
)

// Details is all that is known of a job.
type Details struct {
	Attributes          jobdb.Attributes
	JDL, OriginalJDL    string            // plain
	Parameters          map[string]string // none where [jobdb.DB.HasJobParameters] is false
	OptimizerParameters map[string]string
	ArchivedParameters  []jobdb.ArchivedParameter
	InputData           []jobdb.InputFile
	History             []jobdb.HistoryRecord
	Commands            []jobdb.CommandRecord
	Heartbeats          []jobdb.Heartbeat // the latest first
}

// Details returns all of one job, and the values of its last heartbeats; none
// when heartbeats is 0. A job that is out of reach is a
// [jobdb.NotFoundError]. The parts are read one after the other: of a job that changes meanwhile they may tell different times.
func (m *JobManager) Details(ctx context.Context, reach Reach, id jobdb.JobID, heartbeats int) (Details, error) {
	attributes, err := m.attributes(ctx, reach.VO, id)
	if err != nil {
		return Details{}, err
	}
	reach.Hidden = true // who may not see a job is not told that there is one
	if !reach.sees(attributes) {
		return Details{}, &jobdb.NotFoundError{Jobs: []jobdb.JobID{id}}
	}
	d := Details{Attributes: attributes}
	lastBeats := func(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.Heartbeat, error) {
		if heartbeats < 1 {
			return nil, nil
		}
		return m.DB.Heartbeats(ctx, ids, heartbeats)
	}
	parameters := func(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]map[string]string, error) {
		if !m.DB.HasJobParameters() {
			return nil, nil
		}
		return m.DB.JobParameters(ctx, ids)
	}
	for _, read := range []func() error{
		into(ctx, id, &d.JDL, m.DB.JobJDLs),
		into(ctx, id, &d.OriginalJDL, m.DB.OriginalJDLs),
		into(ctx, id, &d.Parameters, parameters),
		into(ctx, id, &d.OptimizerParameters, m.DB.OptimizerParameters),
		into(ctx, id, &d.ArchivedParameters, m.DB.ArchivedJobParameters),
		into(ctx, id, &d.InputData, m.DB.InputData),
		into(ctx, id, &d.History, m.DB.History),
		into(ctx, id, &d.Commands, m.DB.JobCommands),
		into(ctx, id, &d.Heartbeats, lastBeats),
	} {
		if err := read(); err != nil {
			return Details{}, err
		}
	}
	for _, text := range []*string{&d.JDL, &d.OriginalJDL} {
		if *text, err = plain(*text); err != nil {
			return Details{}, fmt.Errorf("job %d: %w", id, err)
		}
	}
	return d, nil
}

// into reads one job's part of what a method gives for many jobs.
func into[T any](ctx context.Context, id jobdb.JobID, part *T, read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]T, error)) func() error {
	return func() error {
		parts, err := read(ctx, []jobdb.JobID{id})
		*part = parts[id]
		return err
	}
}

// attributes are all columns of a job of a VO; nil where there is none.
func (m *JobManager) attributes(ctx context.Context, vo string, id jobdb.JobID) (jobdb.Attributes, error) {
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "eq", Value: int64(id)}}}
	search, err := request.Parse(m.DB.Limits())
	if err != nil {
		return nil, err
	}
	search.Scope.VO = vo
	page, err := m.DB.Search(ctx, search)
	if errors.Is(err, jobdb.ErrInvalidQuery) { // nothing is wrong with it but that its time was up
		err = &jobdb.UnavailableError{Err: errors.New(err.Error())}
	}
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	attributes := make(jobdb.Attributes, len(page.Columns))
	for i, c := range page.Columns {
		attributes[c.Name()] = page.Rows[0][i]
	}
	return attributes, nil
}

// plain is a stored JDL as it was written. A job that is just being submitted has none.
func plain(stored string) (string, error) {
	if stored == "" {
		return "", nil
	}
	return jdl.Decompress(stored)
}
