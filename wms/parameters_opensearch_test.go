package wms_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
	"jobdb/oracle"
	"jobdb/wms"
)

// TestOpenSearchShared shares a real OpenSearch with DiracX's own class: each reads what the
// other wrote.
func TestOpenSearchShared(t *testing.T) {
	host := jobdbtest.OpenSearchAddress(t)
	m := open(t, jobdbtest.SQLite(t))
	parameters, err := opensearch.Open(`{"hosts": "` + host + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := parameters.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Parameters = parameters
	ids := submitIn(t, m, jdlAgain, "Running", "Running")
	metadata := map[jobdb.JobID]map[string]any{
		ids[0]: {"HostName": "node1", "CPUNormalizationFactor": json.Number("12"), "Site": "LCG.A.ch"}, ids[1]: {"HostName": "node2"},
	}
	if err := m.SetMetadata(t.Context(), lhcb, metadata); err != nil {
		t.Fatal(err)
	}
	ours := indexTemplate(t, host)
	output := "last lines"
	if _, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{ids[0]: {StandardOutput: &output}}); err != nil {
		t.Fatal(err)
	}
	var theirs map[jobdb.JobID]map[string]any
	oracle.Ask(t, "testdata/parameters.py", map[string]any{
		"host": host, "write": map[jobdb.JobID]map[string]any{ids[1]: {"GridCE": "ce1", "PayloadPID": 42}}, "read": []jobdb.JobID{ids[0]},
	}, &theirs)
	if diff := cmp.Diff(indexTemplate(t, host), ours); diff != "" {
		t.Errorf("- DiracX's template of indexes, + ours:\n%s", diff)
	}
	want := map[jobdb.JobID]map[string]any{ids[0]: {
		"JobID": float64(ids[0]), "timestamp": float64(now.UnixMilli()), "HostName": "node1", "CPUNormalizationFactor": 12.0,
		"StandardOutput": output,
	}}
	if diff := cmp.Diff(want, theirs); diff != "" {
		t.Errorf("- what we wrote, + what DiracX reads:\n%s", diff)
	}
	all := everything(t, m, ids...)
	for i, want := range []map[string]string{
		{"HostName": "node1", "CPUNormalizationFactor": "12", "StandardOutput": output},
		{"HostName": "node2", "GridCE": "ce1", "PayloadPID": "42"},
	} {
		if diff := cmp.Diff(want, all[i].Parameters); diff != "" {
			t.Errorf("- wanted, + what we read:\n%s", diff)
		}
	}
	if _, err := m.Reschedule(t.Context(), lhcb, ids[1:], false); err != nil {
		t.Fatal(err)
	}
	archive := []jobdb.ArchivedParameter{{Name: "GridCE", Value: "ce1"}, {Name: "HostName", Value: "node2"}, {Name: "PayloadPID", Value: "42"}}
	again := everything(t, m, ids[1])[0]
	if diff := cmp.Diff(archive, again.ArchivedParameters); diff != "" || len(again.Parameters) != 3 {
		t.Errorf("after a reschedule: %v; - wanted, + archived:\n%s", again.Parameters, diff)
	}
	if all[0].Attributes["Site"] != "LCG.A.ch" {
		t.Error(all[0].Attributes)
	}
}

// indexTemplate is the template of the indexes that is there now.
func indexTemplate(t *testing.T, host string) (template any) {
	t.Helper()
	response, err := http.Get("http://" + host + "/_index_template/job_parameters")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&template); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v", response.StatusCode, err)
	}
	return template
}

// Without OpenSearch nothing of a request is kept, and no error repeats the password.
func TestParametersUnavailable(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	var err error
	if m.Parameters, err = opensearch.Open(`{"hosts": ["127.0.0.1:1"], "http_auth": ["u", "s3cret"]}`); err != nil {
		t.Fatal(err)
	}
	ids := submitIn(t, m, jdlAgain, "Running")
	err = m.SetMetadata(t.Context(), lhcb, map[jobdb.JobID]map[string]any{ids[0]: {"HostName": "node1", "Site": "LCG.A.ch"}})
	if !errors.Is(err, jobdb.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	m.Parameters = nil
	if site := everything(t, m, ids...)[0].Attributes["Site"]; site == "LCG.A.ch" {
		t.Error("Site was set all the same")
	}
}
