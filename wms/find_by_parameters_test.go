package wms_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
	"jobdb/wms"
)

// TestOpenSearchFinds has a real OpenSearch find the same jobs by their parameters as a database
// that has these in a table.
func TestOpenSearchFinds(t *testing.T) {
	host := jobdbtest.OpenSearchAddress(t)
	inTable, inOpenSearch := open(t, jobdbtest.SQLite(t)), open(t, jobdbtest.SQLite(t))
	var err error
	if inOpenSearch.Parameters, err = opensearch.Open(`{"hosts": "` + host + `"}`); err != nil {
		t.Fatal(err)
	}
	// Other tests may have documents of the VO lhcb: the jobs here have numbers of their own.
	metadata := []map[string]any{
		{"HostName": "node-1.cern.ch", "CPUNormalizationFactor": json.Number("12"), "Mine": "a%b"},
		{"HostName": "Node-1.cern.ch", "CPUNormalizationFactor": json.Number("120"), "Mine": "axb"},
		{"HostName": "node-2.cern.ch", "Mine": `a\b`, "GridCE": "ce1"},
		{"HostName": "1.cern.ch node", "GridCE": "CE1"},
		{},
	}
	for _, m := range []*wms.JobManager{inTable, inOpenSearch} {
		if _, err := m.DB.CreateJobs(t.Context(), make([]string, 500)); err != nil {
			t.Fatal(err)
		}
		statuses := make([]string, len(metadata))
		for i := range statuses {
			statuses[i] = "Running"
		}
		values := map[jobdb.JobID]map[string]any{}
		for i, id := range submitIn(t, m, jdlAgain, statuses...) {
			values[id] = metadata[i]
		}
		if err := m.SetMetadata(t.Context(), lhcb, values); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.Post("http://"+host+"/_refresh", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	none := true
	for _, text := range []string{
		`{"parameter":"Parameters.HostName","operator":"eq","value":"node-1.cern.ch"}`,
		`{"parameter":"Parameters.HostName","operator":"neq","value":"node-1.cern.ch"}`,
		`{"parameter":"Parameters.HostName","operator":"in","values":["node-2.cern.ch","1.cern.ch node","x"]}`,
		`{"parameter":"Parameters.HostName","operator":"not in","values":["node-2.cern.ch","x"]}`,
		`{"parameter":"Parameters.HostName","operator":"like","value":"NODE-%"}`,
		`{"parameter":"Parameters.HostName","operator":"not like","value":"node-_.cern.ch"}`,
		`{"parameter":"Parameters.HostName","operator":"ilike","value":"%cern%"}`,
		`{"parameter":"Parameters.HostName","operator":"is null"}`,
		`{"parameter":"Parameters.HostName","operator":"is not null"}`,
		`{"parameter":"Parameters.CPUNormalizationFactor","operator":"eq","value":"12"}`,
		`{"parameter":"Parameters.CPUNormalizationFactor","operator":"in","values":["nonsense","120"]}`,
		`{"parameter":"Parameters.CPUNormalizationFactor","operator":"like","value":"12%"}`,
		`{"parameter":"Parameters.Mine","operator":"eq","value":"a%b"}`,
		`{"parameter":"Parameters.Mine","operator":"like","value":"a\\%b"}`,
		`{"parameter":"Parameters.Mine","operator":"like","value":"a_b"}`,
		`{"parameter":"Parameters.Mine","operator":"like","value":"a\\\\b"}`,
		`{"parameter":"Parameters.GridCE","operator":"eq","value":"ce1"}`,
		`{"parameter":"Parameters.GridCE","operator":"neq","value":"ce1"}`,
		`{"parameter":"Parameters.Nowhere","operator":"eq","value":"x"}`,
		`{"parameter":"Parameters.Nowhere","operator":"is null"}`,
		`{"not":{"parameter":"Parameters.GridCE","operator":"eq","value":"ce1"}}`,
		`{"not":{"parameter":"Parameters.GridCE","operator":"is null"}}`,
		`{"not":{"not":{"parameter":"Parameters.GridCE","operator":"like","value":"ce_"}}}`,
		`{"not":{"or":[{"parameter":"Parameters.GridCE","operator":"eq","value":"ce1"},{"parameter":"Status","operator":"eq","value":"Done"}]}}`,
		`{"not":{"and":[{"parameter":"Parameters.GridCE","operator":"is null"},{"parameter":"Status","operator":"eq","value":"Done"}]}}`,
		`{"or":[{"parameter":"Parameters.Mine","operator":"eq","value":"axb"},{"parameter":"Parameters.GridCE","operator":"eq","value":"CE1"}]}`,
		`{"and":[]}`,
		`{"not":{"or":[]}}`,
	} {
		want, got := foundBy(t, inTable, text), foundBy(t, inOpenSearch, text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: - in the table, + in OpenSearch:\n%s", text, diff)
		}
		none = none && len(want) == 0
	}
	if none {
		t.Error("no filter found any job")
	}
}

// foundBy are the jobs that a filter finds.
func foundBy(t *testing.T, m *wms.JobManager, text string) (ids []any) {
	t.Helper()
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}}
	if err := json.Unmarshal([]byte("["+text+"]"), &request.Search); err != nil {
		t.Fatal(err)
	}
	if _, err := request.Parse(m.DB.Limits()); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	filters, err := m.FindByParameters(t.Context(), "lhcb", request.Search)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	request.Search = filters
	search, err := request.Parse(m.DB.Limits())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	search.Scope = jobdb.Scope{VO: "lhcb"}
	page, err := m.DB.Search(t.Context(), search)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, row := range page.Rows {
		ids = append(ids, row[0])
	}
	return ids
}
