package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"jobdb"
	"jobdb/wms"
)

// submit takes a list of JDLs and answers with the new jobs.
func (s *service) submit(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errNoBody
	}
	jdls, err := decodeTexts(body)
	if err != nil {
		return err
	}
	jobs, err := s.Jobs.Submit(r.Context(), wms.Owner{Name: c.Username, Group: c.Group, VO: c.VO}, jdls)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, appendSubmitted(nil, jobs))
	return nil
}

// mostFaults is how many are told of one list: an answer isn't much longer than its request.
const mostFaults = 100

// decodeTexts reads a list of texts and says of other items where they are.
func decodeTexts(body []byte) ([]string, error) {
	var items []json.RawMessage
	if err := decode(body, &items); err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	var faults []fault
	for i, item := range items {
		if len(faults) == mostFaults {
			break
		}
		if item[0] != '"' {
			faults = append(faults, fault{"string_type", []any{"body", i}, "must be a text", item})
		} else if err := json.Unmarshal(item, &texts[i]); err != nil {
			return nil, err
		}
	}
	if faults != nil {
		return nil, unprocessable(faults...)
	}
	return texts, nil
}

// search answers with one page of rows: 200 when that is all, 206 when
// it isn't, 416 when the page is past the end.
func (s *service) search(w http.ResponseWriter, r *http.Request, c caller) error {
	page, perPage, err := readPage(r.URL.Query())
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	var request jobdb.SearchRequest
	if len(body) > 0 {
		if err := decode(body, &request); err != nil {
			return err
		}
	}
	search, err := request.Parse(s.DB.Limits())
	if err != nil {
		return err
	}
	search.Scope, search.Page, search.PerPage = c.scope, page, perPage
	found, err := s.DB.Search(r.Context(), search)
	if err != nil {
		return err
	}
	status := http.StatusOK
	first, rows := int64(page-1)*int64(perPage), int64(len(found.Rows))
	switch {
	case rows == 0 && found.Total > 0:
		status = http.StatusRequestedRangeNotSatisfiable
		w.Header().Set("Content-Range", fmt.Sprintf("jobs */%d", found.Total))
	case rows < found.Total:
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("jobs %d-%d/%d", first, first+rows-1, found.Total))
	}
	writeJSON(w, status, appendRows(nil, found.Columns, false, found.Rows, zulu))
	return nil
}

// summary answers with counts.
func (s *service) summary(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return errNoBody
	}
	var request jobdb.SummaryRequest
	if err := decode(body, &request); err != nil {
		return err
	}
	if request.Grouping == nil {
		return unprocessable(fault{"missing", []any{"body", "grouping"}, "is required", json.RawMessage(bytes.TrimSpace(body))})
	}
	summary, err := request.Parse(s.DB.Limits())
	if err != nil {
		return err
	}
	summary.Scope = c.scope
	counts, err := s.DB.Summary(r.Context(), summary)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, appendRows(nil, counts.Columns, true, counts.Rows, zeroOffset))
	return nil
}
