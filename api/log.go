package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// logEntry collects what is known of a request for its line in the log and its metrics.
type logEntry struct {
	route      string // the pattern of its route, such as "POST /api/jobs/search"
	answer     recorder
	attributes []slog.Attr
	buffer     [16]slog.Attr // of attributes; usually there are no more
}

// noRoute is the route of requests that have none.
const noRoute = "none"

type logEntryKey struct{}

// addToLog adds attributes to a request's line in the log.
func addToLog(r *http.Request, attributes ...slog.Attr) {
	if e, ok := r.Context().Value(logEntryKey{}).(*logEntry); ok {
		e.attributes = append(e.attributes, attributes...)
	}
}

// setRoute notes the route of a request.
func setRoute(r *http.Request) {
	if e, ok := r.Context().Value(logEntryKey{}).(*logEntry); ok && r.Pattern != "" {
		e.route = r.Pattern
	}
}

// addJobs adds to a request's line in the log how many jobs it was about, and for how many of them
// it failed.
func addJobs(r *http.Request, jobs, failed int) {
	addToLog(r, slog.Int("jobs", jobs))
	if failed > 0 {
		addToLog(r, slog.Int("failed", failed))
	}
}

// noteJobs adds to a request's line in the log to which jobs something was done.
func noteJobs(r *http.Request, what string, ids []jobdb.JobID) {
	if len(ids) > 0 {
		slices.Sort(ids)
		addToLog(r, slog.String(what, idList(ids)))
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
		counted := s.Metrics.Begin()
		e := &logEntry{route: noRoute}
		e.attributes = e.buffer[:0]
		id := s.identify(e, r)
		w.Header().Set(requestIDHeader, id)
		e.answer.ResponseWriter = w
		recorded := &e.answer
		ctx, traced := s.Traces.Begin(r.Context(), r)
		if trace := traced.TraceID(); trace != "" {
			e.attributes = append(e.attributes, slog.String("trace", trace))
		}
		aborted := s.serveRecovered(next, recorded, r.WithContext(context.WithValue(ctx, logEntryKey{}, e)))
		if clientGone(r.Context()) { // what was asked for may have been done all the same
			e.attributes = append(e.attributes, slog.Bool("gone", true))
		}
		took := s.Clock().Sub(start)
		counted(e.route, recorded.status, took)
		traced.End(e.route, id, recorded.status)
		e.end(took)
		s.Logger.LogAttrs(r.Context(), e.level(recorded.status), "request", e.attributes...)
		if aborted {
			reset(w, r)
			panic(http.ErrAbortHandler) // which cuts the connection
		}
	})
}

// reset resets the connection of an HTTP/1.0 answer that is cut. There the end of the connection is
// the end of the answer, so without a reset it would look complete. nginx speaks HTTP/1.0 to
// servers by default.
func reset(w http.ResponseWriter, r *http.Request) {
	if r.ProtoAtLeast(1, 1) {
		return // the last chunk is missing
	}
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	inner := connection
	if encrypted, ok := connection.(*tls.Conn); ok {
		inner = encrypted.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a failure doesn't matter: it is closed next
	}
	_ = inner.Close()
}

// end fills in the attributes that are known only at the end of a request.
func (e *logEntry) end(took time.Duration) {
	copy(e.attributes[2:], []slog.Attr{slog.Int("status", e.answer.status), slog.Int("bytes", e.answer.bytes), slog.Duration("took", took)})
}

// level is the level of a request's line. Probes, which come every few seconds, matter only when
// they fail.
func (e *logEntry) level(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case strings.HasPrefix(e.route, http.MethodGet+" /api/health/") && status < http.StatusBadRequest:
		return slog.LevelDebug
	}
	return slog.LevelInfo
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
