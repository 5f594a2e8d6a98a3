package api

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// webFile answers with the files of a web interface, as a static export of Next.js wants it: /auth
// is auth.html. They need no token, because they show nothing: a page's requests to the other
// routes do.
func (s *service) webFile(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed(http.MethodGet)(w, r)
	}
	asked := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	for _, name := range []string{asked, asked + ".html", path.Join(asked, "index.html")} {
		if file, err := fs.Stat(s.Web, name); err == nil && file.Mode().IsRegular() {
			w.Header().Del("Cache-Control")
			w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'") // another site must not lure a user to its buttons
			http.ServeFileFS(w, r, s.Web, name)                                 //nolint:gosec // an fs.FS has no paths out of it
			return nil
		}
	}
	return notFound(w, r)
}
