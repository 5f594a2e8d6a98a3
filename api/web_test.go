package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jobdb/api"
)

// The files of a web interface stand beside the routes, never before them.
func TestWebInterface(t *testing.T) {
	folder := t.TempDir()
	web := filepath.Join(folder, "web")
	for name, text := range map[string]string{
		"secret": "no", "web/index.html": "<p>home", "web/auth.html": "<p>log in", "web/a/index.html": "<p>a", "web/x.js": "1", "web/api/jobs/search": "no",
	} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(web, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(web)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var config api.Config
	start(t, func(c *api.Config) { config = *c })
	config.Web = root.FS()
	server := httptest.NewServer(api.New(config)) // no description has its pages
	defer server.Close()
	for _, test := range []struct {
		method, path string
		status       int
		want, kind   string
	}{
		{"GET", "/", 200, "<p>home", "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "", "text/html; charset=utf-8"},
		{"GET", "/auth", 200, "<p>log in", "text/html; charset=utf-8"},
		{"GET", "/auth?code=1", 200, "<p>log in", "text/html; charset=utf-8"},
		{"GET", "/a/", 200, "<p>a", "text/html; charset=utf-8"},
		{"GET", "/x.js", 200, "1", "text/javascript; charset=utf-8"},
		{"POST", "/auth", 405, "Method Not Allowed", "application/json"},
		{"GET", "/nothing", 404, "Not Found", "application/json"},
		{"GET", "/link", 404, "Not Found", "application/json"},
		{"GET", "/../secret", 404, "Not Found", "application/json"},
		{"GET", "/%2e%2e/secret", 404, "Not Found", "application/json"},
		{"GET", "/..%2fsecret", 404, "Not Found", "application/json"},
		{"GET", "/api/jobs/search", 405, "Method Not Allowed", "application/json"},
		{"GET", "/api/nothing", 404, "Not Found", "application/json"},
		{"GET", "/.well-known/nothing", 404, "Not Found", "application/json"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = strings.TrimPrefix(server.URL, "http:") + test.path // as it is written here
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if kind := answer.Header.Get("Content-Type"); err != nil || answer.StatusCode != test.status || kind != test.kind || !strings.Contains(string(body), test.want) {
			t.Errorf("%s %s: %d %s %q %v", test.method, test.path, answer.StatusCode, kind, body, err)
		}
		if policy := answer.Header.Get("Content-Security-Policy"); answer.StatusCode == 200 && policy != "frame-ancestors 'none'" {
			t.Errorf("%s: policy %q", test.path, policy)
		}
	}
}
