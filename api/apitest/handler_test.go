package apitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// complaints is a test that notes how it fails.
type complaints struct {
	testing.TB

	all []string
}

func (c *complaints) Errorf(format string, _ ...any) { c.all = append(c.all, format) }

func TestHandler(t *testing.T) {
	for answer, faults := range map[string]int{`{"status":"live"}`: 0, `{"status":"dead"}`: 1, ``: 1} {
		server := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if answer != "" {
				_, _ = w.Write([]byte(answer))
			}
		})
		elsewhere := httptest.NewServer(server)
		defer elsewhere.Close()
		address, err := url.Parse(elsewhere.URL)
		if err != nil {
			t.Fatal(err)
		}
		for name, next := range map[string]http.Handler{"handler": server, "proxy": httputil.NewSingleHostReverseProxy(address)} {
			c := &complaints{TB: t}
			got := ask(t, Handler(c, next))
			if got != answer || len(c.all) != faults {
				t.Errorf("%s, %s: passed on as %s, complaints %v", name, answer, got, c.all)
			}
		}
	}
}

// ask asks over a connection, as clients do.
func ask(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := http.Get(server.URL + "/api/health/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
