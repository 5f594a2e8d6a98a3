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

// Description returns the OpenAPI document of the service, in JSON. Package apitest checks the
// service against it.
func Description() string { return description }

// openAPI answers with the description of the service for programs.
func openAPI(w http.ResponseWriter, r *http.Request) error {
	if !acceptsGzip(r.Header.Get("Accept-Encoding")) {
		writeJSON(w, http.StatusOK, []byte(description))
		return nil
	}
	w.Header().Set("Content-Encoding", "gzip")
	writeJSON(w, http.StatusOK, compressedDescription())
	return nil
}

// compressedDescription is compressed once: it never changes.
var compressedDescription = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	writer := gzip.NewWriter(&b)
	_, _ = io.WriteString(writer, description) // a buffer takes everything
	_ = writer.Close()
	return b.Bytes()
})

// docs answers with a page that shows the description. The page is self-contained: its policy lets
// the browser run no other script and connect to this server only.
func docs(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", docsPolicy)
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

// fingerprint is the hash by which a content security policy allows the only element of a kind on a
// page.
func fingerprint(page, element string) string {
	_, after, _ := strings.Cut(page, "<"+element+">")
	text, _, _ := strings.Cut(after, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
