package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// logEntry is what a request adds to its line in the log.
type logEntry struct{ attributes []slog.Attr }

type logEntryKey struct{}

// addToLog adds attributes to a request's line in the log.
func addToLog(r *http.Request, attributes ...slog.Attr) {
	if e, ok := r.Context().Value(logEntryKey{}).(*logEntry); ok {
		e.attributes = append(e.attributes, attributes...)
	}
}

// recorder remembers the status and the size of an answer.
type recorder struct {
	http.ResponseWriter

	status int
	bytes  int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// withLog writes a line for each request: never its body, token or query.
func (s *service) withLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Clock()
		e := &logEntry{}
		recorded := &recorder{ResponseWriter: w}
		aborted := s.serveRecovered(next, recorded, r.WithContext(context.WithValue(r.Context(), logEntryKey{}, e)))
		level := slog.LevelInfo
		if recorded.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		if clientGone(r.Context()) { // what was asked for may have been done all the same
			e.attributes = append(e.attributes, slog.Bool("gone", true))
		}
		s.Logger.LogAttrs(r.Context(), level, "request", append([]slog.Attr{
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", recorded.status),
			slog.Int("bytes", recorded.bytes), slog.Duration("took", s.Clock().Sub(start)),
		}, e.attributes...)...)
		if aborted {
			panic(http.ErrAbortHandler) // which cuts the connection
		}
	})
}

// serveRecovered answers 500 to a request that panics, so that it doesn't end the server. It
// reports whether the answer was aborted: its connection must be cut.
func (s *service) serveRecovered(next http.Handler, w *recorder, r *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			addToLog(r, slog.String("error", fmt.Sprint("panic: ", p)), slog.String("stack", string(debug.Stack())))
			if w.status == 0 {
				writeJSON(w, http.StatusInternalServerError, []byte(`{"detail":"Internal Server Error"}`))
			}
		}
	}()
	next.ServeHTTP(w, r)
	return false
}
