package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"jobdb"
)

// What a search can show beside columns of Jobs.
const (
	historyParameter    = "LoggingInfo" // the history of a job's status
	parametersParameter = "Parameters"  // all parameters of a job, by their names
)

// knownParameters are the parameters of DIRAC's jobs, which can be asked for by their bare names.
// Other bare names can't, so that a misspelt column isn't taken for a parameter.
var knownParameters = func() []string {
	names := []string{"StandardOutput"}
	for _, field := range metadataFields {
		if _, err := jobdb.ParseColumn(field.name); err != nil && field.name != "timestamp" {
			names = append(names, field.name)
		}
	}
	return names
}()

// parameterName returns the parameter that a name asks for; ok is false if it asks for none.
func parameterName(asked string) (name string, ok bool) {
	if slices.Contains(knownParameters, asked) {
		return asked, true
	}
	return strings.CutPrefix(asked, jobdb.ParameterPrefix)
}

// nameParameters adds [jobdb.ParameterPrefix] to filters that ask for parameters by their bare
// names, and reports whether any filter asks for parameters.
func nameParameters(filters []jobdb.FilterSpec) (found bool) {
	for i := range filters {
		f := &filters[i]
		if name, ok := parameterName(f.Parameter); ok {
			f.Parameter = jobdb.ParameterPrefix + name
			found = true
		}
		inside := []bool{nameParameters(f.Or), nameParameters(f.And)}
		if f.Not != nil {
			not := []jobdb.FilterSpec{*f.Not}
			inside = append(inside, nameParameters(not))
			f.Not = &not[0]
		}
		found = found || slices.Contains(inside, true)
	}
	return found
}

// additions are what the rows of a search show beside columns of Jobs.
type additions struct {
	history    bool
	parameters bool
	named      []string // parameters, as they were asked for
}

func (a additions) none() bool { return !a.history && !a.parameters && len(a.named) == 0 }

// takeAdditions removes from a search what isn't a column. If there was something it adds JobID to
// the columns.
func takeAdditions(request *jobdb.SearchRequest) additions {
	var a additions
	var columns []string
	for _, asked := range request.Parameters {
		switch _, isNamed := parameterName(asked); {
		case asked == historyParameter:
			a.history = true
		case asked == parametersParameter:
			a.parameters = true
		case isNamed && len(a.named) <= jobdb.MaxParameters && !slices.Contains(a.named, asked): // more are refused
			a.named = append(a.named, asked)
		case !isNamed:
			columns = append(columns, asked)
		}
	}
	if a.none() {
		return a
	}
	if len(columns) > 0 || len(a.named) > 0 { // no columns stand for all
		columns = append(columns, "JobID")
	}
	request.Parameters = columns
	return a
}

// check refuses more parameters than a job may have.
func (a additions) check() error {
	if len(a.named) > jobdb.MaxParameters {
		return badRequest("parameters: more than " + strconv.Itoa(jobdb.MaxParameters) + " parameters of jobs; ask for fewer, or for " + parametersParameter)
	}
	return nil
}

// size is how many bytes of memory the additions to so many rows are expected to take, without
// histories: these are short, or read bit by bit.
func (a additions) size(rows int) int64 {
	size := int64(rows) * int64(len(a.named)) * valueSize
	if a.parameters {
		size += min(int64(rows)*jobdb.MaxParametersBytes, jobdb.MaxParametersRead)
	}
	return size
}

// names are those of the parameters to read; nil: all.
func (a additions) names() []string {
	if a.parameters {
		return nil
	}
	names := make([]string, len(a.named))
	for i, asked := range a.named {
		names[i], _ = parameterName(asked)
	}
	return names
}

// Histories and parameters may be long. So they are read for firstBatch jobs at a time, and for up
// to additionBatch if they turn out to be short. An answer has at most maxHistoryRecords, and
// maxParametersBytes of parameters in JSON, where a text can be six times as long.
const (
	firstBatch         = 10
	additionBatch      = 100
	fewRecords         = 1000
	maxHistoryRecords  = 100_000
	maxParametersBytes = 16 << 20
)

// addedRows appends a page whose rows have additions, as JSON. It calls grow with the memory that
// this takes.
func (s *service) addedRows(ctx context.Context, b []byte, vo string, found jobdb.Page, a additions, grow func(int64) error) ([]byte, error) {
	page := addedPage{keys: jsonKeys(found.Columns, false), b: append(b, '[')}
	batch := firstBatch
	for rest := found.Rows; len(rest) > 0; {
		rows := rest[:min(batch, len(rest))]
		rest = rest[len(rows):]
		ids := jobIDs(rows)
		added, err := s.readAdditions(ctx, vo, ids, a)
		if err != nil {
			return nil, err
		}
		records := added.records()
		for i, id := range ids {
			if err := grow(2*int64(len(page.b)) + int64(records)*recordSize); err != nil { // a buffer that grows is there twice
				return nil, err
			}
			if err := page.add(rows[i], id, added); err != nil {
				return nil, err
			}
		}
		if records < fewRecords {
			batch = min(2*batch, additionBatch)
		}
	}
	return append(page.b, ']'), nil
}

// addedPage is a page of rows with additions while it is made.
type addedPage struct {
	keys          []string
	b             []byte
	records, size int // of histories, and bytes of parameters
}

func (p *addedPage) add(row []any, id jobdb.JobID, added added) (err error) {
	if p.records += len(added.histories[id]); p.records > maxHistoryRecords {
		return badRequest("the histories on this page have more than " + strconv.Itoa(maxHistoryRecords) +
			" records; ask for fewer jobs with per_page")
	}
	if len(p.b) > 1 {
		p.b = append(p.b, ',')
	}
	p.b = appendRow(p.b, p.keys, row, zulu)
	p.b = p.b[:len(p.b)-1] // the closing brace
	before := len(p.b)
	if p.b, err = added.appendParameters(p.b, id); err != nil {
		return err
	}
	if p.size += len(p.b) - before; p.size > maxParametersBytes {
		return badRequest("the parameters on this page have more than " + strconv.Itoa(maxParametersBytes) +
			" bytes in JSON; ask for fewer jobs with per_page")
	}
	if p.b, err = added.appendHistory(p.b, id); err != nil {
		return err
	}
	p.b = append(p.b, '}')
	return nil
}

// jobIDs are those of rows whose first column is JobID.
func jobIDs(rows [][]any) []jobdb.JobID {
	ids := make([]jobdb.JobID, len(rows))
	for i, row := range rows {
		ids[i] = jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // JobID is the first column, and selected
	}
	return ids
}

// added are the additions to some rows.
type added struct {
	additions
	histories  map[jobdb.JobID][]jobdb.HistoryRecord
	parameters map[jobdb.JobID]map[string]string
}

// records is how many records the histories have.
func (a added) records() (n int) {
	for _, history := range a.histories {
		n += len(history)
	}
	return n
}

func (s *service) readAdditions(ctx context.Context, vo string, ids []jobdb.JobID, a additions) (found added, err error) {
	found.additions = a
	if a.history {
		if found.histories, err = s.readHistories(ctx, ids); err != nil {
			return found, err
		}
	}
	if a.parameters || len(a.named) > 0 {
		found.parameters, err = s.Jobs.ParametersOf(ctx, vo, ids, a.names())
	}
	return found, err
}

// readHistories reads the histories of jobs: short ones together and each long one by itself, until
// there are more records than an answer may have.
func (s *service) readHistories(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.HistoryRecord, error) {
	histories, err := s.DB.RecentHistory(ctx, ids, 0)
	records := 0
	for _, id := range ids {
		if err == nil && records <= maxHistoryRecords && len(histories[id]) == jobdb.RecentRecords {
			var whole map[jobdb.JobID][]jobdb.HistoryRecord
			whole, err = s.DB.RecentHistory(ctx, []jobdb.JobID{id}, maxHistoryRecords+1)
			histories[id] = whole[id]
		}
		records += len(histories[id])
	}
	return histories, err
}

// appendParameters writes the members of a row that have parameters by name, and all parameters.
func (a added) appendParameters(b []byte, id jobdb.JobID) ([]byte, error) {
	for _, asked := range a.named {
		var value any // null, where the job has no such parameter
		name, _ := parameterName(asked)
		if text, ok := a.parameters[id][name]; ok {
			value = text
		}
		if err := appendMember(&b, asked, value); err != nil {
			return nil, err
		}
	}
	if a.additions.parameters {
		if err := appendMember(&b, parametersParameter, orEmpty(a.parameters[id])); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendHistory writes the member of a row that has the history.
func (a added) appendHistory(b []byte, id jobdb.JobID) ([]byte, error) {
	if !a.history {
		return b, nil
	}
	err := appendMember(&b, historyParameter, historyOf(a.histories[id]))
	return b, err
}

// appendMember writes one more member of an object that has some.
func appendMember(b *[]byte, key string, value any) error {
	encodedKey, err := json.Marshal(key)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	*b = append(append(append(append(*b, ','), encodedKey...), ':'), encoded...)
	return nil
}
