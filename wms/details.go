package wms

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"jobdb"
	"jobdb/jdl"
)

// Details is all that is known of a job. What there is none of is empty.
type Details struct {
	Attributes          jobdb.Attributes
	JDL, OriginalJDL    string            // decompressed; "" while the job is being submitted
	Parameters          map[string]string // nil where no database keeps them
	OptimizerParameters map[string]string
	ArchivedParameters  []jobdb.ArchivedParameter
	InputData           []jobdb.InputFile
	History             []jobdb.HistoryRecord
	Commands            []jobdb.CommandRecord
	Heartbeats          []jobdb.Heartbeat // the latest first
	// Note says, for people, what is damaged, left out because it is too large, or cut; "" if
	// nothing is.
	Note string
}

// DetailsOptions say how many of a job's last heartbeats and history records are wanted. 0
// heartbeats are none; 0 history records stand for [jobdb.RecentRecords].
type DetailsOptions struct{ Heartbeats, History int }

// Details returns all that is known of one job, with its last heartbeats and the last records of
// its history. A damaged JDL is returned as far as it can be read, and parameters that are too
// large for an answer are left out; Note says so. A job out of scope is a [jobdb.NotFoundError],
// and so is one of another owner, even if the scope isn't Hidden. The parts are read one after the
// other, not in one transaction.
func (m *JobManager) Details(ctx context.Context, scope Scope, id jobdb.JobID, options DetailsOptions) (Details, error) {
	attributes, err := m.attributes(ctx, jobdb.Scope{VO: scope.VO, AllVOs: scope.AllVOs}, id)
	if err != nil {
		return Details{}, err
	}
	scope.Hidden = true // whoever may not see a job isn't told that it exists
	if attributes == nil || !scope.sees(attributes) {
		return Details{}, &jobdb.NotFoundError{Jobs: []jobdb.JobID{id}}
	}
	d := Details{Attributes: attributes}
	if err := m.readParts(ctx, id, options, &d); err != nil {
		return Details{}, err
	}
	d.decompress()
	return d, nil
}

// readParts reads everything of a job but its attributes. The JDLs are as they are stored.
func (m *JobManager) readParts(ctx context.Context, id jobdb.JobID, options DetailsOptions, d *Details) (err error) {
	if d.JDL, err = readPart(ctx, id, m.DB.JobJDLs); err != nil {
		return err
	}
	if d.OriginalJDL, err = readPart(ctx, id, m.DB.OriginalJDLs); err != nil {
		return err
	}
	if m.keepsParameters() {
		parameters, err := m.ParametersOf(ctx, textOf(d.Attributes, "VO"), []jobdb.JobID{id}, nil)
		if err := d.leaveOut("Parameters", err); err != nil {
			return err
		}
		d.Parameters = parameters[id]
	}
	d.OptimizerParameters, err = readPart(ctx, id, m.DB.OptimizerParameters)
	if err := d.leaveOut("OptimizerParameters", err); err != nil {
		return err
	}
	d.ArchivedParameters, err = readPart(ctx, id, m.DB.ArchivedJobParameters)
	if err := d.leaveOut("ArchivedParameters", err); err != nil {
		return err
	}
	if d.InputData, err = readPart(ctx, id, m.DB.InputData); err != nil {
		return err
	}
	if d.Commands, err = readPart(ctx, id, m.DB.JobCommands); err != nil {
		return err
	}
	return m.readLast(ctx, id, options, d)
}

// readLast reads the last history records and heartbeats.
func (m *JobManager) readLast(ctx context.Context, id jobdb.JobID, options DetailsOptions, d *Details) error {
	history, err := m.DB.RecentHistory(ctx, []jobdb.JobID{id}, options.History)
	if err != nil {
		return err
	}
	if d.History = history[id]; len(d.History) == cmp.Or(options.History, jobdb.RecentRecords) {
		d.note("the History has the last " + strconv.Itoa(len(d.History)) + " records; there may be more")
	}
	if options.Heartbeats < 1 {
		return nil
	}
	heartbeats, err := m.DB.Heartbeats(ctx, []jobdb.JobID{id}, options.Heartbeats)
	d.Heartbeats = heartbeats[id]
	return err
}

func (d *Details) note(text string) {
	if d.Note != "" {
		d.Note += "; "
	}
	d.Note += text
}

// leaveOut replaces the error of a part that is too large for an answer by a note.
func (d *Details) leaveOut(part string, err error) error {
	large := (*jobdb.QueryError)(nil)
	if !errors.As(err, &large) {
		return err
	}
	d.note(part + " are left out: they have more than " + strconv.Itoa(jobdb.MaxParametersRead) + " bytes")
	return nil
}

// keepsParameters reports whether there is a place for parameters of jobs.
func (m *JobManager) keepsParameters() bool { return m.Parameters != nil || m.DB.HasJobParameters() }

// ParametersOf returns parameters of jobs of a VO from where they are: those of these names; nil:
// all. Jobs without any are left out, as are all where no database keeps parameters.
func (m *JobManager) ParametersOf(ctx context.Context, vo string, ids []jobdb.JobID, names []string) (map[jobdb.JobID]map[string]string, error) {
	switch {
	case m.Parameters != nil && vo == "":
		return nil, errManyVOs
	case m.Parameters != nil:
		return m.Parameters.GetNamed(ctx, vo, ids, names)
	case !m.DB.HasJobParameters():
		return nil, nil
	case names != nil:
		return m.DB.JobParametersNamed(ctx, ids, names)
	}
	return m.DB.JobParameters(ctx, ids)
}

// readPart returns one job's part of what a method reads of many jobs.
func readPart[T any](ctx context.Context, id jobdb.JobID, read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]T, error)) (T, error) {
	parts, err := read(ctx, []jobdb.JobID{id})
	return parts[id], err
}

// attributes returns all columns of a job of a VO, nil if there is no such job.
func (m *JobManager) attributes(ctx context.Context, scope jobdb.Scope, id jobdb.JobID) (jobdb.Attributes, error) {
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "eq", Value: int64(id)}}}
	search, err := request.Parse(m.DB.Limits())
	if err != nil {
		return nil, err
	}
	search.Scope = scope
	page, err := m.DB.Search(ctx, search)
	if errors.Is(err, jobdb.ErrInvalidQuery) { // the query is valid; so it took too long
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

// decompress decompresses the JDLs, a damaged one as far as it can be read. A job that is just
// being submitted has none yet.
func (d *Details) decompress() {
	for _, part := range []struct {
		name string
		text *string
	}{{"JDL", &d.JDL}, {"OriginalJDL", &d.OriginalJDL}} {
		if *part.text == "" {
			continue
		}
		text, err := jdl.Decompress(*part.text)
		if err != nil {
			d.note("the " + part.name + " is damaged, and shown as far as it can be read: " + err.Error())
		}
		*part.text = text
	}
}
