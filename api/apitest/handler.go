package apitest

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"testing"

	"jobdb/api"
)

var ours = sync.OnceValues(func() (*Description, error) { return Read(api.Description()) })

// Handler passes requests on to next and fails the test for each exchange that isn't as
// api/openapi.json says (see [Description.Check]). Requests whose client hung up are not looked at.
func Handler(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	description, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := &heard{ReadCloser: r.Body}
		answer := &recorder{ResponseWriter: w}
		passed := r.WithContext(r.Context())
		passed.Body = sent
		next.ServeHTTP(answer, passed)
		if r.Context().Err() != nil {
			return
		}
		e := Exchange{Request: r, Sent: sent.copy.Bytes(), Status: answer.status, Header: answer.header, Answer: answer.copy.Bytes()}
		if e.Status == 0 {
			e.Status, e.Header = http.StatusOK, w.Header()
		}
		if err := description.Check(r.Context(), e); err != nil {
			t.Errorf("%s %s, answered with %d, is not as api/openapi.json says: %v\nsent:     %.2000s\nanswered: %.2000s",
				r.Method, r.URL.RequestURI(), e.Status, err, e.Sent, e.Answer)
		}
	})
}

// heard keeps what is read of a body.
type heard struct {
	io.ReadCloser

	copy bytes.Buffer
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.ReadCloser.Read(b)
	h.copy.Write(b[:n])
	return n, err
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter

	status int
	header http.Header
	copy   bytes.Buffer
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // those below only announce one
		w.status, w.header = status, w.Header().Clone()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status, w.header = http.StatusOK, w.Header().Clone()
	}
	w.copy.Write(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
