package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

const bulkPath = "/_bulk"

// indexOf is where the document of a job is.
func indexOf(vo string, id jobdb.JobID) string {
	return indexPrefix + "_" + strings.ToLower(vo) + "_" + strconv.FormatInt(int64(id)/1_000_000, 10) + "m"
}

// documentID is the document of a job in its index.
func documentID(id jobdb.JobID) string { return strconv.FormatInt(int64(id), 10) }

// documentOf is what parameters are in OpenSearch, as of a time.
func documentOf(id jobdb.JobID, at time.Time, parameters map[string]any) map[string]any {
	document := map[string]any{"JobID": int64(id), "timestamp": at.UnixMilli()}
	maps.Copy(document, parameters)
	return document
}

// write is one of the writes of a bulk request.
type write struct {
	action   string // create, index, update or delete
	vo       string
	job      jobdb.JobID
	settings map[string]any // of the action
	body     any            // nil: none
}

// bulk writes, and returns the status of each write as HTTP has them.
func (p *DB) bulk(ctx context.Context, writes []write) ([]int, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	for _, w := range writes {
		settings := map[string]any{"_index": indexOf(w.vo, w.job), "_id": documentID(w.job)}
		maps.Copy(settings, w.settings)
		if err := encoder.Encode(map[string]any{w.action: settings}); err != nil {
			return nil, fmt.Errorf("write parameters of job %d: %w", w.job, err)
		}
		if w.body == nil {
			continue
		}
		if err := encoder.Encode(w.body); err != nil {
			return nil, fmt.Errorf("write parameters of job %d: %w", w.job, err)
		}
	}
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	if err := p.ask(ctx, http.MethodPost, bulkPath, body.Bytes(), &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(writes) {
		return nil, unavailable("write parameters: %d answers to %d writes", len(answer.Items), len(writes))
	}
	statuses := make([]int, len(writes))
	for i, item := range answer.Items {
		statuses[i] = item[writes[i].action].Status
	}
	return statuses, nil
}

// isBusy tells whether a write that got a status may succeed later.
func isBusy(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

func unavailable(format string, args ...any) error {
	return &jobdb.UnavailableError{Err: fmt.Errorf(format, args...)}
}
