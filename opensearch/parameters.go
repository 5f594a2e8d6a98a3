package opensearch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// Set adds parameters to those of jobs of one VO, as of a time; those of the same names are
// overwritten. Values are of the types that JSON gives. The error is [jobdb.ErrUnavailable],
// [jobdb.ErrTooLarge] where jobs would have more than they may, as with [jobdb.DB.SetJobParameters],
// and nothing is stored, or
// [jobdb.ErrInvalidValue] for a value that doesn't fit what the index has under its name; other
// jobs' parameters are stored then.
func (p *DB) Set(ctx context.Context, vo string, parameters map[jobdb.JobID]map[string]any, at time.Time) error {
	var writes []write
	for id, values := range parameters {
		if len(values) > 0 {
			writes = append(writes, upsert(vo, id, at, values))
		}
	}
	if len(writes) == 0 {
		return nil
	}
	if err := p.checkSizes(ctx, vo, parameters); err != nil {
		return err
	}
	if err := p.makeTemplate(ctx); err != nil {
		return err
	}
	statuses, err := p.bulk(ctx, writes)
	if err != nil {
		return err
	}
	for i, status := range statuses {
		switch {
		case isBusy(status):
			return unavailable("write parameters of job %d: OpenSearch answered %d", writes[i].job, status)
		case status >= http.StatusBadRequest:
			return &jobdb.ValueError{Job: writes[i].job, Column: "parameters", Reason: "a value doesn't fit what OpenSearch has under its name"}
		}
	}
	return nil
}

// upsert adds parameters to those that a job has, whoever else writes some meanwhile.
func upsert(vo string, id jobdb.JobID, at time.Time, values map[string]any) write {
	return write{
		action: "update", vo: vo, job: id, settings: map[string]any{"retry_on_conflict": 10},
		body: map[string]any{"doc": documentOf(id, at, values), "doc_as_upsert": true},
	}
}

// stored is a job's document as it is found.
type stored struct {
	ID      string                     `json:"_id"`
	Found   bool                       `json:"found"`
	SeqNo   int64                      `json:"_seq_no"`
	Primary int64                      `json:"_primary_term"`
	Source  map[string]json.RawMessage `json:"_source"`
	Error   *struct {
		Type string `json:"type"`
	} `json:"error"`
}

// hasFault tells whether it isn't known if there is a document. Where there is no index, or none of
// such a name can be, there is none.
func (s *stored) hasFault() bool {
	return s.Error != nil && s.Error.Type != "index_not_found_exception" && s.Error.Type != "invalid_index_name_exception"
}

// find returns the documents of jobs, whose VOs are given, as far as they have one, or a fault. fields are the
// parameters wanted; nil: all.
func (p *DB) find(ctx context.Context, vos map[jobdb.JobID]string, fields []string) (map[jobdb.JobID]stored, error) {
	found := make(map[jobdb.JobID]stored, len(vos))
	if len(vos) == 0 {
		return found, nil
	}
	places := make([]map[string]any, 0, len(vos))
	for id, vo := range vos {
		place := map[string]any{"_index": indexOf(vo, id), "_id": documentID(id)}
		if fields != nil {
			place["_source"] = fields
		}
		places = append(places, place)
	}
	body, err := json.Marshal(map[string]any{"docs": places})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Docs []stored `json:"docs"`
	}
	if err := p.ask(ctx, http.MethodPost, "/_mget", body, &answer); err != nil {
		return nil, err
	}
	for _, document := range answer.Docs {
		id, err := strconv.ParseInt(document.ID, 10, 64)
		if err == nil && (document.Found || document.hasFault()) {
			found[jobdb.JobID(id)] = document
		}
	}
	return found, nil
}

// Get returns the parameters of jobs of one VO, a value that is no text as compact JSON. Jobs
// without parameters are left out.
func (p *DB) Get(ctx context.Context, vo string, ids []jobdb.JobID) (map[jobdb.JobID]map[string]string, error) {
	return p.get(ctx, vo, ids, nil)
}

// GetNamed is [DB.Get] for parameters of these names only; nil: all. More than
// [jobdb.MaxParametersRead] of them are a [jobdb.QueryError].
func (p *DB) GetNamed(ctx context.Context, vo string, ids []jobdb.JobID, names []string) (map[jobdb.JobID]map[string]string, error) {
	all, err := p.get(ctx, vo, ids, names)
	return all, cmp.Or(err, checkRead(all))
}

func (p *DB) get(ctx context.Context, vo string, ids []jobdb.JobID, names []string) (map[jobdb.JobID]map[string]string, error) {
	vos := make(map[jobdb.JobID]string, len(ids))
	for _, id := range ids {
		vos[id] = vo
	}
	fields := names
	if slices.ContainsFunc(names, func(name string) bool { return strings.ContainsAny(name, "*.") }) {
		fields = nil // in a list of fields these are no letters
	}
	found, err := p.find(ctx, vos, fields)
	if err != nil {
		return nil, err
	}
	all := make(map[jobdb.JobID]map[string]string, len(found))
	for id, document := range found {
		if document.hasFault() {
			return nil, unavailable("read parameters of job %d: OpenSearch says %s", id, document.Error.Type)
		}
		delete(document.Source, "JobID")
		delete(document.Source, "timestamp")
		if names != nil {
			maps.DeleteFunc(document.Source, func(name string, _ json.RawMessage) bool { return !slices.Contains(names, name) })
		}
		if len(document.Source) == 0 {
			continue
		}
		all[id] = make(map[string]string, len(document.Source))
		for name, value := range document.Source {
			all[id][name] = textOf(value)
		}
	}
	return all, nil
}

// textOf is a parameter's value as it is shown: one that is no text as compact JSON.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	return text
}

// indexPrefix is what the names of all indexes, and of their template, begin with.
const indexPrefix = "job_parameters"

// types are those that DiracX gives to the parameters that it knows.
var types = map[string]string{
	"JobID": "long", "timestamp": "date", "PilotAgent": "keyword", "Pilot_Reference": "keyword",
	"CPUNormalizationFactor": "long", "NormCPUTime(s)": "long", "Memory(MB)": "long", "LocalAccount": "keyword",
	"TotalCPUTime(s)": "long", "PayloadPID": "long", "HostName": "text", "GridCE": "keyword", "CEQueue": "keyword",
	"BatchSystem": "keyword", "ModelName": "keyword",
}

// makeTemplate makes the template of the indexes, as DiracX does, where it isn't there. Without it
// the first value of each parameter would decide on its type. What OpenSearch refuses isn't tried
// again: DIRAC has a template of another name for the same indexes, or the user may not make one.
func (p *DB) makeTemplate(ctx context.Context) error {
	if p.template.Load() {
		return nil
	}
	properties := map[string]any{}
	for name, kind := range types {
		properties[name] = map[string]any{"type": kind}
	}
	const path = "/_index_template/" + indexPrefix
	body, err := json.Marshal(map[string]any{
		"index_patterns": []string{indexPrefix + "*"}, "template": map[string]any{"mappings": map[string]any{"properties": properties}},
	})
	if err != nil {
		return err
	}
	refused := refusedError(0)
	err = p.ask(ctx, http.MethodGet, path, nil, nil)
	if errors.As(err, &refused) && refused == http.StatusNotFound {
		err = p.ask(ctx, http.MethodPut, path, body, nil)
	}
	if errors.As(err, &refused) && !isBusy(int(refused)) {
		err = nil
	}
	p.template.Store(err == nil)
	return err
}
