package shadow_test

import (
	"strings"
	"testing"

	"jobdb/internal/shadow"
)

// FuzzLog replays any log. Nothing that could change something is in what it reads.
func FuzzLog(f *testing.F) {
	for _, text := range []string{
		`1.2.3.4 - - [x] "GET /api/jobdb/jobs/1 HTTP/1.1" 200 5`, `{"method":"POST","path":"/api/jobs/search","body":{"search":[]}}`,
		`{"method":"POST","path":"/api/jobs/search","body":"{}"}`, `{"method":"PATCH","path":"/api/jobs/status"}`, "{", `"GET http://a/%zz HTTP/1.1"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		log := shadow.NewLog(strings.NewReader(text))
		for r := range log.Reads() {
			if route := r.Route(); !strings.HasPrefix(route, "GET ") && !strings.HasSuffix(route, "/search") && !strings.HasSuffix(route, "/summary") {
				t.Fatalf("%q: %s is replayed", text, route)
			}
		}
		_, _ = shadow.Decode(text)
	})
}
