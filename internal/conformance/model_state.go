package conformance

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"jobdb"
)

// methods is the whole access layer, which a DB and a Tx have alike.
type methods interface {
	Search(ctx context.Context, s jobdb.Search) (jobdb.Page, error)
	Job(ctx context.Context, scope jobdb.Scope, id jobdb.JobID) (jobdb.Job, error)
	SearchEach(ctx context.Context, s jobdb.Search, each func(row []any) error) (jobdb.Page, error)
	Stream(ctx context.Context, s jobdb.Search) iter.Seq2[[]any, error]
	Summary(ctx context.Context, s jobdb.Summary) (jobdb.SummaryRows, error)
	EachSummaryRow(ctx context.Context, s jobdb.Summary, each func(row []any) error) error
	Facets(ctx context.Context, f jobdb.Facets) ([]jobdb.Facet, error)
	Histogram(ctx context.Context, h jobdb.Histogram) (jobdb.HistogramRows, error)
	Values(ctx context.Context, v jobdb.Values) (jobdb.ValueList, error)
	CreateJob(ctx context.Context, originalJDL string) (jobdb.JobID, error)
	CreateJobs(ctx context.Context, originalJDLs []string) ([]jobdb.JobID, error)
	CreateReservedJobs(ctx context.Context, jobs []jobdb.ReservedJob) error
	InsertJobAttributes(ctx context.Context, attributes map[jobdb.JobID]jobdb.Attributes) error
	InsertInputData(ctx context.Context, lfns map[jobdb.JobID][]string) error
	InputData(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.InputFile, error)
	UpdateJobJDLs(ctx context.Context, jdls map[jobdb.JobID]string) error
	JobJDLs(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]string, error)
	OriginalJDLs(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]string, error)
	EachOriginalJDL(ctx context.Context, ids []jobdb.JobID, each func(id jobdb.JobID, text string)) error
	SetJobAttributes(ctx context.Context, attributes map[jobdb.JobID]jobdb.Attributes, options jobdb.SetOptions) (int64, error)
	SetProperties(ctx context.Context, properties map[jobdb.JobID]jobdb.Attributes, updateTimestamp bool) (int64, error)
	DeleteJobs(ctx context.Context, ids []jobdb.JobID) (int64, error)
	SetJobParameters(ctx context.Context, values map[jobdb.JobID]map[string]string) error
	SetJobParameterValues(ctx context.Context, values map[jobdb.JobID]map[string]any) error
	JobParameters(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]map[string]string, error)
	JobParametersNamed(ctx context.Context, ids []jobdb.JobID, names []string) (map[jobdb.JobID]map[string]string, error)
	SetOptimizerParameters(ctx context.Context, values map[jobdb.JobID]map[string]string) error
	OptimizerParameters(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]map[string]string, error)
	ArchiveJobParameters(ctx context.Context, ids []jobdb.JobID) error
	ArchiveParameters(ctx context.Context, values map[jobdb.JobID]map[string]string) error
	ArchivedJobParameters(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.ArchivedParameter, error)
	AddHeartbeatData(ctx context.Context, data map[jobdb.JobID]map[string]string) error
	Heartbeats(ctx context.Context, ids []jobdb.JobID, last int) (map[jobdb.JobID][]jobdb.Heartbeat, error)
	SetJobCommands(ctx context.Context, commands []jobdb.Command) error
	TakeJobCommands(ctx context.Context, ids []jobdb.JobID) ([]jobdb.Command, error)
	ExpireJobCommands(ctx context.Context, ids []jobdb.JobID) error
	ConfirmJobCommands(ctx context.Context, ids []jobdb.JobID, command string) ([]jobdb.JobID, error)
	JobCommands(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.CommandRecord, error)
	InsertHistory(ctx context.Context, records []jobdb.HistoryRecord) error
	History(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.HistoryRecord, error)
	DeleteHistory(ctx context.Context, ids []jobdb.JobID) error
	DeleteHeartbeats(ctx context.Context, ids []jobdb.JobID) (int64, error)
	ThinHeartbeats(ctx context.Context, ids []jobdb.JobID, every time.Duration) (int64, error)
	DeleteJobCommands(ctx context.Context, ids []jobdb.JobID) (int64, error)
	DeleteArchivedParameters(ctx context.Context, ids []jobdb.JobID) (int64, error)
	LockJobs(ctx context.Context, ids []jobdb.JobID, names ...string) (map[jobdb.JobID]jobdb.Attributes, error)
	LockJobsOf(ctx context.Context, vo, owner string, ids []jobdb.JobID, names ...string) (map[jobdb.JobID]jobdb.Attributes, error)
	JobAttributes(ctx context.Context, ids []jobdb.JobID, names ...string) (map[jobdb.JobID]jobdb.Attributes, error)
	RecentHistory(ctx context.Context, ids []jobdb.JobID, n int) (map[jobdb.JobID][]jobdb.HistoryRecord, error)
	RecentStatusTimes(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]map[jobdb.Status]time.Time, error)
	StatusTimes(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID]map[jobdb.Status]time.Time, error)
}

var (
	_ methods = (*jobdb.DB)(nil)
	_ methods = (*jobdb.Tx)(nil)
)

// jobState is all that is stored of one job.
type jobState struct {
	Original, JDL string
	Attributes    map[string]any // nil before InsertJobAttributes
	Input         []jobdb.InputFile
	Parameters    map[string]string
	Optimizer     map[string]string
	Archived      []jobdb.ArchivedParameter
	Heartbeats    []jobdb.Heartbeat
	Commands      []jobdb.CommandRecord
	History       []jobdb.HistoryRecord
}

// readState reads all that is stored of the jobs; jobs that don't exist are left out.
func (f *fixture) readState(m methods, ids []jobdb.JobID) map[jobdb.JobID]*jobState {
	f.t.Helper()
	states := map[jobdb.JobID]*jobState{}
	of := func(id jobdb.JobID) *jobState {
		if states[id] == nil {
			states[id] = &jobState{}
		}
		return states[id]
	}
	collect(f, m.OriginalJDLs, ids, func(id jobdb.JobID, text string) { of(id).Original = text })
	collect(f, m.JobJDLs, ids, func(id jobdb.JobID, text string) { of(id).JDL = text })
	collect(f, m.InputData, ids, func(id jobdb.JobID, files []jobdb.InputFile) { of(id).Input = files })
	if !f.traits.NoParameters {
		collect(f, m.JobParameters, ids, func(id jobdb.JobID, values map[string]string) { of(id).Parameters = values })
	}
	collect(f, m.OptimizerParameters, ids, func(id jobdb.JobID, values map[string]string) { of(id).Optimizer = values })
	collect(f, m.ArchivedJobParameters, ids, func(id jobdb.JobID, values []jobdb.ArchivedParameter) { of(id).Archived = values })
	collect(f, m.JobCommands, ids, func(id jobdb.JobID, records []jobdb.CommandRecord) { of(id).Commands = records })
	collect(f, m.History, ids, func(id jobdb.JobID, records []jobdb.HistoryRecord) { of(id).History = records })
	beats, err := m.Heartbeats(f.ctx, ids, 0)
	f.ok(err)
	for id, values := range beats {
		of(id).Heartbeats = values
	}
	for id, values := range f.readAttributes(m, ids) {
		of(id).Attributes = values
	}
	return states
}

func collect[V any](
	f *fixture, read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]V, error), ids []jobdb.JobID, each func(jobdb.JobID, V),
) {
	f.t.Helper()
	values, err := read(f.ctx, ids)
	f.ok(err)
	for id, value := range values {
		each(id, value)
	}
}

// readAttributes reads the jobs' rows of Jobs.
func (f *fixture) readAttributes(m methods, ids []jobdb.JobID) map[jobdb.JobID]map[string]any {
	f.t.Helper()
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = int64(id)
	}
	search, err := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "in", Values: values}}}.Parse(f.Limits())
	f.ok(err)
	search.Scope.AllVOs = true
	page, err := m.Search(f.ctx, search)
	f.ok(err)
	rows := map[jobdb.JobID]map[string]any{}
	for _, row := range page.Rows {
		id := jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // the first column is JobID
		rows[id] = map[string]any{}
		for i, column := range page.Columns {
			rows[id][column.Name()] = row[i]
		}
	}
	return rows
}

// clone copies all of a state that changes in place.
func (s *jobState) clone() *jobState {
	c := *s
	c.Attributes, c.Parameters, c.Optimizer = maps.Clone(s.Attributes), maps.Clone(s.Parameters), maps.Clone(s.Optimizer)
	c.Input, c.Archived, c.Heartbeats = slices.Clone(s.Input), slices.Clone(s.Archived), slices.Clone(s.Heartbeats)
	c.Commands, c.History = slices.Clone(s.Commands), slices.Clone(s.History)
	return &c
}
