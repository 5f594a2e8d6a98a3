package shadow_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"jobdb/internal/shadow"
)

// TestNewRead refuses all that could change something, however it is written.
func TestNewRead(t *testing.T) {
	for _, line := range []string{
		"GET /api/jobs/1", "GET /api/jobdb/jobs/1", "POST /api/jobs/search", "POST /api/jobs/search?page=2", "POST /api/jobs/summary",
	} {
		method, path, _ := strings.Cut(line, " ")
		if _, err := shadow.NewRead(method, path, "{}"); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{
		"POST /api/jobs/jdl", "PATCH /api/jobs/status", "PATCH /api/jobs/heartbeat", "PATCH /api/jobs/metadata", "POST /api/jobs/reschedule",
		"DELETE /api/jobs/1", "PUT /api/jobs/search", "PATCH /api/jobs/search", "post /api/jobs/search", "POST /api/jobs/search/", "POST /api/jobs/search/../jdl",
		"POST /api/jobs/%73earch", "POST //api/jobs/search", "POST http://other.example.org/api/jobs/search", "GET /api/auth/authorize", "GET /api/jobs/../auth/logout",
		"GET /api/jobs/%2e%2e/auth/logout", "POST /api/auth/token", "GET /other",
	} {
		method, path, _ := strings.Cut(line, " ")
		if _, err := shadow.NewRead(method, path, "{}"); !errors.Is(err, shadow.ErrChanges) {
			t.Errorf("%s: %v, want ErrChanges", line, err)
		}
	}
}

// TestLog passes over what isn't replayed, and sends nothing of it.
func TestLog(t *testing.T) {
	log := shadow.NewLog(strings.NewReader(`
{"method": "GET", "path": "/api/jobdb/jobs/5"}
{"method": "POST", "path": "/api/jobs/search?cursor=x", "body": {}}
{"method": "POST", "path": "/api/jobs/search", "body": {"search": []}}
{"method": "PATCH", "path": "/api/jobs/metadata", "body": {}}
{"method": "POST"}
1.2.3.4 - - [1/Jan/2024:00:00:00 +0000] "DELETE /api/jobs/12 HTTP/2.0" 200 5 "-" "curl"
`))
	var reads []string
	for r := range log.Reads() {
		reads = append(reads, r.String())
	}
	if want := []string{"GET /api/jobdb/jobs/5", `POST /api/jobs/search {"search": []}`}; !slices.Equal(reads, want) || log.Err() != nil {
		t.Errorf("reads %q, want %q (%v)", reads, want, log.Err())
	}
	left := map[string]int64{
		"POST /api/jobs/search: a cursor, which only the server that gave it takes": 1, "PATCH /api/jobs/metadata: could change something": 1,
		"a line that isn't JSON with method and path": 1, "DELETE /api/jobs/{job_id}: could change something": 1,
	}
	if fmt.Sprint(log.Left()) != fmt.Sprint(left) {
		t.Errorf("left out %v, want %v", log.Left(), left)
	}
}

// answers is a service that answers each body with a text; a number before it is the status.
func answers(t *testing.T, answer func(body string) string) shadow.Service {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status, text := http.StatusOK, answer(string(body))
		if n, _ := fmt.Sscanf(text, "%d ", &status); n == 1 {
			text = text[4:]
		}
		if status == http.StatusPartialContent {
			w.Header().Set("Content-Range", "jobs 0-1/9")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return shadow.Service{URL: server.URL, Token: func() (string, error) { return "t", nil }}
}

// TestKinds gives each difference its kind or its name.
func TestKinds(t *testing.T) {
	const search, summary = "/api/jobs/search", "/api/jobs/summary"
	sorted := `{"sort": [{"parameter": "JobID", "direction": "asc"}]}`
	for name, test := range map[string]struct {
		path, body   string
		theirs, ours string
		differ, name string
	}{
		"alike":            {path: search, body: sorted, theirs: `[{"JobID": 1}]`, ours: `[{"JobID":1}]`},
		"the same time":    {path: search, body: sorted, theirs: `[{"T": "2024-01-01T00:00:00Z"}]`, ours: `[{"T": "2024-01-01T00:00:00.000000Z"}]`},
		"no order asked":   {path: search, body: `{}`, theirs: `[{"JobID": 1}, {"JobID": 2}]`, ours: `[{"JobID": 2}, {"JobID": 1}]`},
		"groups":           {path: summary, body: `{}`, theirs: `[{"count": 1}, {"count": 2}]`, ours: `[{"count": 2}, {"count": 1}]`},
		"words of errors":  {path: search, body: `{}`, theirs: `400 {"detail": "no"}`, ours: `400 {"detail": "never"}`},
		"order":            {path: search, body: sorted, theirs: `[{"JobID": 1}, {"JobID": 2}]`, ours: `[{"JobID": 2}, {"JobID": 1}]`, differ: "order of the rows"},
		"another time":     {path: search, body: sorted, theirs: `[{"T": "2024-01-01T00:00:00Z"}]`, ours: `[{"T": "2024-01-01T00:00:01Z"}]`, differ: "values of T"},
		"null":             {path: search, body: sorted, theirs: `[{"A": null, "B": 1}]`, ours: `[{"A": "", "B": 2}]`, differ: "values of A, B"},
		"a key":            {path: search, body: sorted, theirs: `[{"A": 1, "B": 1}]`, ours: `[{"A": 1}]`, differ: "values of B"},
		"fewer":            {path: search, body: sorted, theirs: `[{"A": 1}, {"A": 2}]`, ours: `[{"A": 1}]`, differ: "rows that only theirs has"},
		"status":           {path: search, body: sorted, theirs: `[]`, ours: `404 {"detail": "x"}`, differ: "status 200, ours 404"},
		"we fail":          {path: search, body: sorted, theirs: `500 x`, ours: `500 x`, differ: "we fail"},
		"total":            {path: search, body: sorted, theirs: `206 []`, ours: `200 []`, differ: "status 206, ours 200"},
		"coercion":         {path: search, body: `{"search": [{"parameter": "JobID", "operator": "eq", "value": "x"}]}`, theirs: `[]`, ours: `400 {"detail": "x"}`, name: "coercion"},
		"collated groups":  {path: summary, body: `{}`, theirs: `[{"Owner": "a", "count": 3}]`, ours: `[{"Owner": "A", "count": 1}, {"Owner": "a ", "count": 2}]`, name: "byte-exact"},
		"wrong counts":     {path: summary, body: `{}`, theirs: `[{"Owner": "a", "count": 3}]`, ours: `[{"Owner": "A", "count": 1}, {"Owner": "a ", "count": 1}]`, differ: "rows that only ours has"},
		"collated order":   {path: search, body: `{"sort": [{"parameter": "Owner"}, {"parameter": "JobID"}]}`, theirs: `[{"Owner": "a"}, {"Owner": "B"}]`, ours: `[{"Owner": "B"}, {"Owner": "a"}]`, name: "byte-exact"},
		"wrong text order": {path: search, body: `{"sort": [{"parameter": "Owner"}, {"parameter": "JobID"}]}`, theirs: `[{"Owner": "B"}, {"Owner": "a"}]`, ours: `[{"Owner": "a"}, {"Owner": "B"}]`, differ: "order of the rows"},
	} {
		t.Run(name, func(t *testing.T) {
			report := replay(t, test.path, test.body, func(string) string { return test.theirs }, func(string) string { return test.ours })
			what := func(kinds []*shadow.Kind) string {
				if len(kinds) == 0 {
					return ""
				}
				return kinds[0].What
			}
			if differ, name := what(report.Differ), what(report.OnPurpose); differ != test.differ || name != test.name {
				t.Errorf("different: %q, want %q; on purpose: %q, want %q", differ, test.differ, name, test.name)
			}
			if alike := report.Alike == 1; alike != (test.differ == "" && test.name == "") {
				t.Errorf("alike: %t", alike)
			}
		})
	}
}

func replay(t *testing.T, path, body string, theirs, ours func(body string) string) *shadow.Report {
	t.Helper()
	read, err := shadow.NewRead("POST", path, body)
	if err != nil {
		t.Fatal(err)
	}
	o := shadow.Options{Theirs: answers(t, theirs), Ours: answers(t, ours), VO: "lhcb"}
	report, err := o.Replay(t.Context(), slices.Values([]shadow.Read{read}))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestAsking finds names by asking otherwise, and takes no name for what differs then, too.
func TestAsking(t *testing.T) {
	pages := func(tied, other string) func(string) string {
		return func(body string) string {
			if strings.Contains(body, "JobID") {
				return "206 " + other
			}
			return "206 " + tied
		}
	}
	report := replay(t, "/api/jobs/search", "{}", pages(`[{"JobID":1}]`, `[{"JobID":3}]`), pages(`[{"JobID":2}]`, `[{"JobID":3}]`))
	if len(report.Differ) != 0 || len(report.OnPurpose) != 1 || report.OnPurpose[0].What != "ties" {
		t.Errorf("ties: %+v", report)
	}
	report = replay(t, "/api/jobs/search", "{}", pages(`[{"JobID":1}]`, `[{"JobID":3}]`), pages(`[{"JobID":2}]`, `[{"JobID":4}]`))
	if len(report.Differ) != 1 || len(report.OnPurpose) != 0 {
		t.Errorf("no ties: %+v", report)
	}
	vos := func(all string) func(string) string {
		return func(body string) string {
			if strings.Contains(body, `"lhcb"`) {
				return "[]"
			}
			return all
		}
	}
	report = replay(t, "/api/jobs/summary", "{}", vos(`[{"VO":"belle","count":1}]`), vos("[]"))
	if len(report.Differ) != 0 || len(report.OnPurpose) != 1 || report.OnPurpose[0].What != "access.vo" {
		t.Errorf("other VOs: %+v", report)
	}
}

// TestPatience asks again, as a job may change between two answers.
func TestPatience(t *testing.T) {
	var asked atomic.Int64
	report := replay(t, "/api/jobs/summary", "[]", func(string) string { return "[]" }, func(string) string {
		if asked.Add(1) < 3 {
			return `[{"count":1}]`
		}
		return "[]"
	})
	if report.Alike != 1 || asked.Load() != 3 {
		t.Errorf("asked %d times: %+v", asked.Load(), report)
	}
}

// TestNoAnswer reports a service that is gone.
func TestNoAnswer(t *testing.T) {
	read, err := shadow.NewRead("GET", "/api/jobs/1", "")
	if err != nil {
		t.Fatal(err)
	}
	gone := shadow.Service{URL: "http://127.0.0.1:1", Token: func() (string, error) { return "", nil }}
	report, err := shadow.Options{Ours: answers(t, func(string) string { return "" }), Theirs: gone}.Replay(t.Context(), slices.Values([]shadow.Read{read}))
	if err != nil || len(report.Differ) != 1 || report.Differ[0].What != "no answer" || !strings.HasPrefix(report.Differ[0].Examples[0].Differs, "theirs: ") {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestNames holds the names of differences against docs/differences.md.
func TestNames(t *testing.T) {
	text, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Collect(maps.Keys(shadow.Known)), "access.vo", "byte-exact", "flag-order", "ties") {
		if !strings.Contains(string(text), "\n| `"+name+"` |") {
			t.Errorf("docs/differences.md has no row %s", name)
		}
	}
}
