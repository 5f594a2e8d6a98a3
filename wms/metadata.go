package wms

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"jobdb"
)

// ErrInvalidMetadata is the class of metadata that can't be set; see [MetadataError].
var ErrInvalidMetadata = errors.New("invalid metadata")

// MetadataError says which name can't be set to what was given, and why, in words meant for who
// asked.
type MetadataError struct {
	Job    jobdb.JobID
	Name   string
	Reason string
}

func (e *MetadataError) Error() string {
	return "metadata of job " + strconv.FormatInt(int64(e.Job), 10) + ": " + e.Name + " " + e.Reason
}

// Is reports whether target is [ErrInvalidMetadata].
func (e *MetadataError) Is(target error) bool { return target == ErrInvalidMetadata }

// SetMetadata sets values of jobs by their names: Site is an attribute, every name that is no
// column of Jobs is a parameter, as in DiracX's set_job_parameters_or_attributes. Values are of the
// types that JSON gives (string, bool, [json.Number], []any, map[string]any), without nulls. A
// string is stored as it is, anything else as compact JSON.
//
// All is one transaction; parameters in OpenSearch are written last of all. Nothing is written on
// an error: a [MetadataError] for another column than Site, or for a parameter where no database
// keeps parameters, a [jobdb.NotFoundError] that names all jobs that don't exist, a
// [jobdb.ValueError] for a value that the database can't store, and [ErrNotOwner].
func (m *JobManager) SetMetadata(ctx context.Context, scope Scope, values map[jobdb.JobID]map[string]any) error {
	ids := slices.Collect(maps.Keys(values))
	attributes, parameters, invalid := splitMetadata(values)
	if invalid == nil && !m.keepsParameters() {
		invalid = noPlaceFor(parameters)
	}
	return m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := scope.lock(ctx, tx, ids)
		if err != nil {
			return err
		}
		if invalid != nil { // only now, because ErrNotOwner takes precedence
			return invalid
		}
		if missing := missing(ids, jobs); len(missing) > 0 {
			return &jobdb.NotFoundError{Jobs: missing}
		}
		if err := setAttributes(ctx, tx, attributes); err != nil {
			return err
		}
		if m.Parameters == nil {
			return tx.SetJobParameterValues(ctx, parameters)
		}
		return m.Parameters.Set(ctx, scope.VO, parameters, m.now())
	})
}

// splitMetadata separates attributes from parameters.
func splitMetadata(values map[jobdb.JobID]map[string]any) (map[jobdb.JobID]jobdb.Attributes, map[jobdb.JobID]map[string]any, error) {
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	parameters := map[jobdb.JobID]map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		for _, name := range slices.Sorted(maps.Keys(values[id])) {
			value := values[id][name]
			if _, err := jobdb.ParseColumn(name); err == nil {
				site, err := siteValue(id, name, value)
				if err != nil {
					return nil, nil, err
				}
				attributes[id] = jobdb.Attributes{"Site": site}
				continue
			}
			if _, isText := value.(string); !isText {
				if _, err := json.Marshal(value); err != nil {
					return nil, nil, &MetadataError{id, name, "is no JSON: " + err.Error()}
				}
			}
			if parameters[id] == nil {
				parameters[id] = map[string]any{}
			}
			parameters[id][name] = value
		}
	}
	return attributes, parameters, nil
}

// noPlaceFor is the error for parameters where none can be kept; nil when none are to be set.
func noPlaceFor(parameters map[jobdb.JobID]map[string]any) error {
	for _, id := range slices.Sorted(maps.Keys(parameters)) {
		for _, name := range slices.Sorted(maps.Keys(parameters[id])) {
			return &MetadataError{id, name, "can't be kept: the table JobParameters is not in the server's database, " +
				"and only the attribute Site can be set there"}
		}
	}
	return nil
}

// siteValue returns the value of Site, and refuses all other columns.
func siteValue(id jobdb.JobID, column string, value any) (string, error) {
	if column != "Site" {
		return "", &MetadataError{id, column, "can't be set here; of the attributes only Site can"}
	}
	site, ok := value.(string)
	if !ok {
		return "", &MetadataError{id, column, "must be a text"}
	}
	return site, nil
}
