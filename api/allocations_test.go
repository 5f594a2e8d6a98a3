package api_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"jobdb/api"
	"jobdb/auth"
)

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// TestAllocations bounds what requests allocate in all of the server but net/http: docs/profiles.md
// has what it is. What the garbage collector does is most of what a request costs that isn't the
// database's.
func TestAllocations(t *testing.T) {
	var service http.Handler
	w := start(t, func(c *api.Config) { service = api.New(*c) })
	w.fill(200)
	for _, test := range []struct {
		name, method, path string
		who                auth.Principal
		body               func(turn int) string
		status             int
		most               float64
	}{
		{"search of one job", http.MethodPost, "/api/jobs/search", alice, func(turn int) string {
			return fmt.Sprintf(`{"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, 1+turn%200)
		}, http.StatusOK, 300},
		{"page of 100 jobs", http.MethodPost, "/api/jobs/search", alice, func(int) string { return `{"sort":[{"parameter":"JobID","direction":"asc"}]}` }, http.StatusPartialContent, 3000},
		{"summary", http.MethodPost, "/api/jobs/summary", alice, func(int) string { return `{"grouping":["Status"]}` }, http.StatusOK, 145},
		{"heartbeat", http.MethodPatch, "/api/jobs/heartbeat", pilot, func(turn int) string {
			return fmt.Sprintf(`{"%d":{"LoadAverage":1.5,"MemoryUsed":2048}}`, 1+turn%200)
		}, http.StatusOK, 440},
		{"submission", http.MethodPost, "/api/jobs/jdl", alice, func(int) string { return `["Executable = \"/bin/echo\"; Arguments = \"hello\";"]` }, http.StatusCreated, 600},
	} {
		authorization, turn := w.token(test.who), 0
		once := func() {
			turn++
			request, err := http.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body(turn)))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", authorization)
			answer := &discarded{header: http.Header{}}
			if service.ServeHTTP(answer, request); answer.status != test.status {
				t.Fatalf("%s: status %d", test.name, answer.status)
			}
		}
		allocations := math.Inf(1)
		for try := 0; try < 3 && allocations > test.most; try++ { // what runs beside it, such as the folding of counts, is counted, too
			allocations = min(allocations, testing.AllocsPerRun(100, once))
		}
		t.Logf("%s: %.0f allocations", test.name, allocations)
		if allocations > test.most {
			t.Errorf("%s: %.0f allocations, more than %.0f", test.name, allocations, test.most)
		}
	}
}
