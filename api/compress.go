package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// minCompressed is the length in bytes from which an answer is compressed: a shorter one fits into
// one packet.
const minCompressed = 1400

var gzipWriters = sync.Pool{New: func() any {
	writer, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a valid one
	return writer
}}

// withGzip compresses answers for clients that accept it. Libraries for this leave out answers with
// Content-Range, which are parts of a file elsewhere, but whole answers here.
func withGzip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Get("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		z := &gzipResponse{ResponseWriter: w}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

func acceptsGzip(accepted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(quality), "q="), 64)
		return quality == "" || err == nil && q > 0
	}
	return false
}

// gzipResponse compresses an answer whose first part is long enough.
type gzipResponse struct {
	http.ResponseWriter

	status int // 0 until it is known; sent with the first part
	sent   bool
	writer *gzip.Writer // nil when the answer goes as it is
}

// Unwrap is for http.ResponseController.
func (z *gzipResponse) Unwrap() http.ResponseWriter { return z.ResponseWriter }

// WriteHeader waits for the first part.
func (z *gzipResponse) WriteHeader(status int) {
	if z.status == 0 {
		z.status = status
	}
}

func (z *gzipResponse) Write(b []byte) (int, error) {
	if !z.sent {
		z.begin(len(b) >= minCompressed)
	}
	if z.writer == nil {
		return z.ResponseWriter.Write(b)
	}
	return z.writer.Write(b)
}

func (z *gzipResponse) begin(compress bool) {
	z.sent = true
	if compress && z.Header().Get("Content-Type") != eventsType && z.Header().Get("Content-Encoding") == "" {
		z.Header().Set("Content-Encoding", "gzip")
		z.Header().Del("Content-Length")
		z.writer = gzipWriters.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put there
		z.writer.Reset(z.ResponseWriter)
	}
	if z.status != 0 {
		z.ResponseWriter.WriteHeader(z.status)
	}
}

func (z *gzipResponse) close() {
	if !z.sent {
		z.begin(false)
	}
	if z.writer == nil {
		return
	}
	_ = z.writer.Close() // when it can't be sent there is nobody left to tell
	z.writer.Reset(io.Discard)
	gzipWriters.Put(z.writer)
}
