package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

//go:embed openapi.json
var description string

//go:embed docs.html
var docsPage string

// Description returns the OpenAPI document of the service, in JSON. Package
// apitest holds the service against it.
func Description() string { return description }

// openAPI answers with the description of the service for programs.
func openAPI(w http.ResponseWriter, r *http.Request) error {
	if !takesGzip(r.Header.Get("Accept-Encoding")) {
		writeJSON(w, http.StatusOK, []byte(description))
		return nil
	}
	w.Header().Set("Content-Encoding", "gzip")
	writeJSON(w, http.StatusOK, zippedDescription())
	return nil
}

// zippedDescription is compressed once: it never changes.
var zippedDescription = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	zipper := gzip.NewWriter(&b)
	_, _ = io.WriteString(zipper, description) // a buffer takes everything
	_ = zipper.Close()
	return b.Bytes()
})

// docs answers with a page that shows the description. It has all in itself,
// and the browser lets it run nothing else and ask nobody but this server.
func docs(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", docsPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(docsPage)) // when it can't be sent there is nobody left to tell
	return nil
}

var docsPolicy = strings.Join([]string{
	"default-src 'none'",
	"script-src '" + fingerprint(docsPage, "script") + "'",
	"style-src '" + fingerprint(docsPage, "style") + "'",
	"connect-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
}, "; ")

// fingerprint is how a policy names the one element of this kind on a page.
func fingerprint(page, element string) string {
	_, after, _ := strings.Cut(page, "<"+element+">")
	text, _, _ := strings.Cut(after, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
