package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// shortest is the length in bytes below which an answer isn't worth compressing: it fits into one packet.
const shortest = 1400

var zippers = sync.Pool{New: func() any {
	zipper, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a valid one
	return zipper
}}

// compressed compresses answers for those who ask for it. Libraries leave out
// answers with Content-Range, which are parts of a file elsewhere, but whole answers here.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r.Header.Get("Accept-Encoding")) {
			next.ServeHTTP(w, r)
			return
		}
		z := &zipped{ResponseWriter: w}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

func takesGzip(accepted string) bool {
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

// zipped compresses an answer whose first part is long enough.
type zipped struct {
	http.ResponseWriter

	status int // 0 until it is known; sent with the first part
	sent   bool
	zipper *gzip.Writer // nil when the answer goes as it is
}

// Unwrap is for http.ResponseController.
func (z *zipped) Unwrap() http.ResponseWriter { return z.ResponseWriter }

// WriteHeader waits for the first part.
func (z *zipped) WriteHeader(status int) {
	if z.status == 0 {
		z.status = status
	}
}

func (z *zipped) Write(b []byte) (int, error) {
	if !z.sent {
		z.begin(len(b) >= shortest)
	}
	if z.zipper == nil {
		return z.ResponseWriter.Write(b)
	}
	return z.zipper.Write(b)
}

func (z *zipped) begin(compress bool) {
	z.sent = true
	if compress && z.Header().Get("Content-Encoding") == "" {
		z.Header().Set("Content-Encoding", "gzip")
		z.Header().Del("Content-Length")
		z.zipper = zippers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put there
		z.zipper.Reset(z.ResponseWriter)
	}
	if z.status != 0 {
		z.ResponseWriter.WriteHeader(z.status)
	}
}

func (z *zipped) close() {
	if !z.sent {
		z.begin(false)
	}
	if z.zipper == nil {
		return
	}
	_ = z.zipper.Close() // when it can't be sent there is nobody left to tell
	z.zipper.Reset(io.Discard)
	zippers.Put(z.zipper)
}
