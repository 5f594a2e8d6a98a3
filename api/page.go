package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// pagePath is where jobdb's own page always is. Without another web interface it is at / as well.
const pagePath = "/jobdb/"

// page has the files of jobdb's own page, ready to be sent.
type page struct {
	files  map[string]pageFile // by their paths, such as screens/jobs.js
	policy string
}

type pageFile struct {
	kind, tag     string // its Content-Type and ETag
	plain, zipped []byte
}

// importMap is the page's only inline script. Browsers take import maps from the page itself only,
// so the policy allows this one by its hash.
var importMap = regexp.MustCompile(`(?s)<script type="importmap">(.*?)</script>`)

// newPage reads the files, and logs an error. The page may connect to this server, and to the
// issuer for tokens, but nowhere else.
func newPage(files fs.FS, issuer string, logger *slog.Logger) *page {
	p := &page{files: map[string]pageFile{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err == nil {
			p.files[name], err = newPageFile(name, text)
		}
		return err
	})
	if err != nil {
		logger.Error("can't read the files of the page", slog.String("error", err.Error()))
	}
	scripts, connections := "'self'", "'self'"
	if found := importMap.FindSubmatch(p.files["index.html"].plain); found != nil {
		hash := sha256.Sum256(found[1])
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
	}
	if u, err := url.Parse(issuer); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		connections += " " + u.Scheme + "://" + u.Host
	}
	p.policy = "default-src 'none'; script-src " + scripts + "; style-src 'self'; img-src 'self'; connect-src " + connections +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return p
}

// comments are whole lines of comments, which only the page's developers need.
var comments = regexp.MustCompile(`(?m)^[ \t]*(//.*|/\*\*([^*]|\*[^/])*\*/)\n`)

func newPageFile(name string, text []byte) (pageFile, error) {
	if path.Ext(name) == ".js" {
		text = comments.ReplaceAll(text, nil) // a fifth of all that is sent
	}
	var zipped bytes.Buffer
	writer, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return pageFile{}, err
	}
	if _, err := writer.Write(text); err != nil {
		return pageFile{}, err
	}
	if err := writer.Close(); err != nil {
		return pageFile{}, err
	}
	hash := sha256.Sum256(text)
	kind := mime.TypeByExtension(path.Ext(name))
	if extension := path.Ext(name); extension == ".js" || extension == ".mjs" { // modules need this type, and the machine's list may have another
		kind = "text/javascript; charset=utf-8"
	}
	return pageFile{kind, `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + `"`, text, zipped.Bytes()}, nil
}

// ownPage answers with the files of jobdb's own page. They need no token, because they show
// nothing: the page's requests to the other routes do. Browsers cache the files, but ask each time
// whether they have changed, so that a new server never meets an old page.
func (s *service) ownPage(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(pagePath, "/")), "/")
	if name == "" {
		name = "index.html"
	}
	file, ok := s.own.files[name]
	if !ok {
		return notFound(w, r)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed(http.MethodGet)(w, r)
	}
	header := w.Header()
	header.Set("Content-Type", file.kind)
	header.Set("Content-Security-Policy", s.own.policy)
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", file.tag)
	body := file.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body = file.zipped
		header.Set("Content-Encoding", "gzip")
	}
	if r.Header.Get("If-None-Match") == file.tag {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	if err != nil {
		return fmt.Errorf("send %s: %w", name, err)
	}
	return nil
}
