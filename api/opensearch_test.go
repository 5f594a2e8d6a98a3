package api_test

import (
	"net/http"
	"testing"

	"jobdb/api"
	"jobdb/auth"
	"jobdb/jobdbtest"
	"jobdb/opensearch" //nolint:depguard // the test makes one; the service knows none
)

// TestOpenSearchSearches shows, filters and counts jobs by parameters that are in a real OpenSearch.
func TestOpenSearchSearches(t *testing.T) {
	host := jobdbtest.OpenSearchAddress(t)
	parameters, err := opensearch.Open(`{"hosts": "` + host + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, func(c *api.Config) { c.Jobs.Parameters = parameters })
	w.post(alice, "jdl", `["Executable = \"a\";","Executable = \"b\";"]`)
	w.expect("PATCH", "/api/jobs/metadata", alice, `{"1":{"HostName":"node-1"},"2":{"HostName":"node-2"}}`, 204, "")
	response, err := http.Post("http://"+host+"/_refresh", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	filter := `"search":[{"parameter":"HostName","operator":"eq","value":"node-2"}]`
	w.expect("POST", "/api/jobs/search", alice, `{"parameters":["JobID","HostName"],`+filter+`}`, 200, `[{"JobID":2,"HostName":"node-2"}]`)
	w.expect("POST", "/api/jobs/summary", alice, `{"grouping":["Status"],`+filter+`}`, 200, `[{"Status":"Received","count":1}]`)
}

func (w *testServer) expect(method, path string, who auth.Principal, body string, status int, answer string) {
	w.t.Helper()
	if r := w.ask(method, path, w.token(who), body); r.status != status || r.body != answer {
		w.t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
	}
}
