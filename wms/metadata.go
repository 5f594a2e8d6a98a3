package wms

import (
	"bytes"
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

// MetadataError says which name can't be set to what was given, and why, in words meant for who asked.
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

// SetMetadata sets values of jobs by their names: Site is an attribute, all
// names that are no column of Jobs are parameters. Values are as JSON gives
// them (string, bool, [json.Number], []any, map[string]any); null was left
// out. Parameters are texts: a string as it is, anything else as compact JSON.
//
// Another column than Site is a [MetadataError], as is a parameter where
// [jobdb.DB.HasJobParameters] is false, a job that doesn't exist a
// [jobdb.NotFoundError] that names all of them, a value that doesn't fit a
// [jobdb.ValueError]; then, and on [ErrNotOwner], nothing is written. All is one transaction.
func (m *JobManager) SetMetadata(ctx context.Context, reach Reach, values map[jobdb.JobID]map[string]any) error {
	ids := slices.Collect(maps.Keys(values))
	attributes, parameters, invalid := splitMetadata(values)
	if invalid == nil && !m.DB.HasJobParameters() {
		invalid = noPlaceFor(parameters)
	}
	return m.DB.Tx(ctx, func(tx *jobdb.Tx) error {
		jobs, err := reach.hold(ctx, tx, ids)
		if err != nil {
			return err
		}
		if invalid != nil { // only now: who may not touch a job is told that first
			return invalid
		}
		if missing := missing(ids, jobs); len(missing) > 0 {
			return &jobdb.NotFoundError{Jobs: missing}
		}
		if err := setAttributes(ctx, tx, attributes); err != nil {
			return err
		}
		return tx.SetJobParameters(ctx, parameters)
	})
}

func splitMetadata(values map[jobdb.JobID]map[string]any) (map[jobdb.JobID]jobdb.Attributes, map[jobdb.JobID]map[string]string, error) {
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	parameters := map[jobdb.JobID]map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		for _, name := range slices.Sorted(maps.Keys(values[id])) {
			value := values[id][name]
			_, notColumn := jobdb.ParseColumn(name)
			site, isText := value.(string)
			switch {
			case notColumn == nil && name != "Site":
				return nil, nil, &MetadataError{id, name, "can't be set here; of the attributes only Site can"}
			case notColumn == nil && !isText:
				return nil, nil, &MetadataError{id, name, "must be a text"}
			case notColumn == nil:
				attributes[id] = jobdb.Attributes{"Site": site}
				continue
			}
			text, err := parameterText(value)
			if err != nil {
				return nil, nil, &MetadataError{id, name, "is no JSON: " + err.Error()}
			}
			if parameters[id] == nil {
				parameters[id] = map[string]string{}
			}
			parameters[id][name] = text
		}
	}
	return attributes, parameters, nil
}

// noPlaceFor is why parameters can't be set in a database without the table of them; nil when none are to be set.
func noPlaceFor(parameters map[jobdb.JobID]map[string]string) error {
	for _, id := range slices.Sorted(maps.Keys(parameters)) {
		for _, name := range slices.Sorted(maps.Keys(parameters[id])) {
			return &MetadataError{id, name, "can't be kept: the table JobParameters is not in the server's database, " +
				"and only the attribute Site can be set there"}
		}
	}
	return nil
}

// parameterText is a value in the form in which parameters are stored.
func parameterText(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}
