package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"jobdb"
)

// outcome is the answer to a request about many jobs, each of which may fail.
type outcome struct {
	Success map[jobdb.JobID]any    `json:"success"`
	Failed  map[jobdb.JobID]reason `json:"failed"`
}

// reason says why a job was left as it is.
type reason struct {
	Detail string `json:"detail"`
}

func reasons(failed map[jobdb.JobID]string) map[jobdb.JobID]reason {
	all := make(map[jobdb.JobID]reason, len(failed))
	for id, why := range failed {
		all[id] = reason{why}
	}
	return all
}

// write answers with the outcome, as the detail of an error where nothing succeeded.
func (o outcome) write(w http.ResponseWriter, r *http.Request, failure int) error {
	addJobs(r, len(o.Success)+len(o.Failed), len(o.Failed))
	if len(o.Success) == 0 {
		return &httpError{status: failure, detail: o}
	}
	return writeValue(w, o)
}

// writeValue answers 200 with a value in JSON.
func writeValue(w http.ResponseWriter, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, body)
	return nil
}

// wireTime is a time in the form of searches.
type wireTime time.Time

// MarshalJSON writes UTC with a Z.
func (t wireTime) MarshalJSON() ([]byte, error) { return appendTime(nil, time.Time(t), zulu), nil }

func idText(id jobdb.JobID) string { return strconv.FormatInt(int64(id), 10) }
