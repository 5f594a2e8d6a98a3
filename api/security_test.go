package api_test

import (
	"net/http"
	"testing"
)

// Browsers are told of every answer that it is data of one user: to keep none, guess no type, run
// nothing, and show it nowhere.
func TestSecurityHeaders(t *testing.T) {
	w := start(t)
	w.submit(alice, "a")
	for _, test := range []struct {
		method, path, authorization, body string
		status                            int
	}{
		{"POST", "/api/jobs/search", w.token(alice), `{}`, 200},
		{"POST", "/api/jobs/summary", w.token(alice), `{"grouping": ["Status"]}`, 200},
		{"GET", "/api/jobdb/jobs/1", w.token(alice), "", 200},
		{"PATCH", "/api/jobs/heartbeat", w.token(alice), `{"1": {}}`, 200},
		{"POST", "/api/jobs/search", "", `{}`, 401},
		{"POST", "/api/jobs/search", w.token(alice), `{`, 422},
		{"GET", "/api/nothing", "", "", 404},
		{"DELETE", "/api/jobs/search", "", "", 405},
		{"GET", "/api/health/live", "", "", 200},
		{"GET", "/api/openapi.json", "", "", 200},
		{"GET", "/.well-known/openid-configuration", "", "", 200},
	} {
		got := w.ask(test.method, test.path, test.authorization, test.body)
		if got.status != test.status {
			t.Errorf("%s %s: %d %s, want %d", test.method, test.path, got.status, got.body, test.status)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if values := got.header.Values(name); len(values) != 1 || values[0] != want {
				t.Errorf("%s %s: %s is %q, want %q", test.method, test.path, name, values, want)
			}
		}
	}
}

// A page of another site, also one whose name was made to stand for this machine, gets nothing of a
// laptop's server: no login, no permission to read an answer, no job.
func TestOtherSitesGetNothing(t *testing.T) {
	w := start(t)
	w.submit(alice, "secret")
	for _, from := range [][]string{
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Host", "evil.example"},
		{"Host", "evil.example:8000", "Origin", "http://evil.example:8000"},
		{"Origin", "http://localhost.evil.example"},
		{"Host", "127.0.0.1.evil.example"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/api/jobs/search", "/api/jobs/summary", "/api/auth/token"} {
			form := []string{}
			if path == "/api/auth/token" {
				form = []string{"Content-Type", "application/x-www-form-urlencoded"}
			}
			got := w.ask(http.MethodPost, path, "", `{}`, append(form, from...)...)
			if got.status != 401 && got.status != 403 {
				t.Errorf("%s with %q: %d %s", path, from, got.status, got.body)
			}
			if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != "" {
				t.Errorf("%s with %q: may be read by %s", path, from, allowed)
			}
		}
	}
}
