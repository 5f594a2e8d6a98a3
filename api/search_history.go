package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"jobdb"
)

const historyParameter = "LoggingInfo"

// takeHistory removes the parameter LoggingInfo, which is no column, and reports whether it was
// there.
func takeHistory(request *jobdb.SearchRequest) bool {
	if !slices.Contains(request.Parameters, historyParameter) {
		return false
	}
	request.Parameters = slices.DeleteFunc(slices.Clone(request.Parameters), func(name string) bool { return name == historyParameter })
	if len(request.Parameters) > 0 { // none are all
		request.Parameters = append(request.Parameters, "JobID")
	}
	return true
}

// sendRowsWithHistory answers with a page whose rows have the history of their job.
func (s *service) sendRowsWithHistory(w http.ResponseWriter, r *http.Request, found jobdb.Page) error {
	rows, err := s.rowsWithHistory(r.Context(), found)
	if err != nil {
		return err
	}
	writeJSON(w, pageStatus(w, found), rows)
	return nil
}

// Histories may be long: those of historyBatch jobs are read at a time, and an answer has at most
// maxHistoryRecords.
const (
	historyBatch      = 100
	maxHistoryRecords = 100_000
)

// rowsWithHistory is a page as JSON.
func (s *service) rowsWithHistory(ctx context.Context, found jobdb.Page) ([]byte, error) {
	keys := jsonKeys(found.Columns, false)
	records := 0
	b := []byte{'['}
	for rows := range slices.Chunk(found.Rows, historyBatch) {
		ids := jobIDs(rows)
		histories, err := s.DB.History(ctx, ids)
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			if records += len(histories[id]); records > maxHistoryRecords {
				return nil, badRequest("the histories on this page have more than " + strconv.Itoa(maxHistoryRecords) +
					" records; ask for fewer jobs with per_page")
			}
			if len(b) > 1 {
				b = append(b, ',')
			}
			if b, err = appendRowWithHistory(b, keys, rows[i], histories[id]); err != nil {
				return nil, err
			}
		}
	}
	return append(b, ']'), nil
}

// jobIDs are those of rows whose first column is JobID.
func jobIDs(rows [][]any) []jobdb.JobID {
	ids := make([]jobdb.JobID, len(rows))
	for i, row := range rows {
		ids[i] = jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // JobID is the first column, and selected
	}
	return ids
}

func appendRowWithHistory(b []byte, keys []string, row []any, records []jobdb.HistoryRecord) ([]byte, error) {
	history, err := json.Marshal(historyOf(records))
	if err != nil {
		return nil, err
	}
	b = appendRow(b, keys, row, zulu)
	b = append(b[:len(b)-1], `,"`+historyParameter+`":`...) // in the place of the closing brace
	return append(append(b, history...), '}'), nil
}
