package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// asking is a client of a server, whose pauses are short.
func asking(t *testing.T, timeout time.Duration, handler http.HandlerFunc) (*client, *bytes.Buffer) {
	t.Helper()
	t.Setenv("JOBDB_TOKEN", "x")
	before := firstPause
	firstPause = time.Millisecond
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.Close(); firstPause = before })
	said := &bytes.Buffer{}
	c, err := clientSettings{Server: server.URL, Timeout: timeout}.client(t.Context(), &program{stderr: said, clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c, said
}

// What is worth another try is tried again, and nothing else.
func TestAskAgain(t *testing.T) {
	for name, test := range map[string]struct {
		fail  func(w http.ResponseWriter)
		asked int32 // times, of which the last but one is answered
		says  string
	}{
		"busy":            {fail: func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, asked: 3},
		"too many":        {fail: func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, asked: 3},
		"connection lost": {fail: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, asked: 3},
		"too long":        {fail: func(w http.ResponseWriter) { w.Header().Set("Retry-After", "100"); w.WriteHeader(429) }, asked: 1, says: "429"},
		"wrong":           {fail: func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnprocessableEntity) }, asked: 1, says: "422"},
		"forbidden":       {fail: func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, asked: 1, says: "403"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c, _ := asking(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) < 3 {
					test.fail(w)
					return
				}
				_, _ = io.WriteString(w, "[]")
			})
			_, err := c.search(t.Context(), "/api/jobs/search", nil)
			if asked.Load() != test.asked || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("asked %d times, error %v", asked.Load(), err)
			}
		})
	}
}

// A server that takes the request and never answers is given up, and so is one that stops amid its
// lines.
func TestSilentServer(t *testing.T) {
	c, said := asking(t, 20*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == linesType {
			w.Header().Set("Content-Type", linesType)
			_, _ = io.WriteString(w, "{}\n")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice who hangs up
		<-r.Context().Done()
	})
	_, err := c.search(t.Context(), "/api/jobs/search", nil)
	if err == nil || !strings.Contains(err.Error(), "no answer after 20ms") || !strings.Contains(said.String(), "trying again") {
		t.Errorf("error %v, said %s", err, said)
	}
	out := &bytes.Buffer{}
	err = c.lines(t.Context(), nil, linesType, out)
	if err == nil || !strings.Contains(err.Error(), "nothing came for 20ms") || out.String() != "{}\n" {
		t.Errorf("error %v after %q", err, out)
	}
}

// A host that there isn't is told at once, and what to do about it.
func TestUnknownHost(t *testing.T) {
	c, said := asking(t, time.Minute, nil)
	c.http = &http.Client{Transport: unknownHost{}}
	_, err := c.search(t.Context(), "/api/jobs/search", nil)
	if err == nil || !strings.Contains(err.Error(), "there is no host nowhere; say where the server is with --server") || said.Len() > 0 {
		t.Errorf("error %v, said %s", err, said)
	}
}

type unknownHost struct{}

func (unknownHost) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}
}

// httptestServer is the URL of a server that runs until the test ends.
func httptestServer(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
