// Package shadow asks two services the same questions, compares their answers and reports how they
// differ, by kind. It can change nothing: a request is a [Read], and only [NewRead] makes one.
//
// The differential tests compare and excuse answers with the same code.
package shadow

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Read is a request that changes nothing.
type Read struct{ method, path, body string }

// ErrChanges is told of requests that are never sent, because they could change something.
var ErrChanges = errors.New("could change something, and is never sent")

// NewRead makes a request to read jobs: a GET below /api/jobs/ or /api/jobdb/, or a POST to a
// search or summary. All others are [ErrChanges]. The path may have a query.
func NewRead(method, target, body string) (Read, error) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return Read{}, fmt.Errorf("%s %s: %w", method, target, err)
	}
	r := Read{method, u.EscapedPath(), body}
	if u.RawQuery != "" {
		r.path += "?" + u.RawQuery
	}
	switch {
	case u.IsAbs() || u.Host != "" || path.Clean(u.Path) != u.Path || strings.Contains(u.EscapedPath(), "%"):
	case method == http.MethodGet && (strings.HasPrefix(u.Path, "/api/jobs/") || strings.HasPrefix(u.Path, "/api/jobdb/")):
		return r, nil
	case method == http.MethodPost && (u.Path == searchPath || u.Path == summaryPath):
		return r, nil
	}
	return Read{}, fmt.Errorf("%s %s %w", method, u.Path, ErrChanges)
}

const (
	searchPath  = "/api/jobs/search"
	summaryPath = "/api/jobs/summary"
)

// Route is the method and the path without the query, an ID of a job as {job_id}.
func (r Read) Route() string { return routeOf(r.method, r.path) }

func routeOf(method, target string) string {
	plain, _, _ := strings.Cut(target, "?")
	parts := strings.Split(plain, "/")
	for i, part := range parts {
		if part != "" && strings.Trim(part, "0123456789") == "" {
			parts[i] = "{job_id}"
		}
	}
	return method + " " + strings.Join(parts, "/")
}

func (r Read) String() string {
	if r.body == "" {
		return r.method + " " + r.path
	}
	return r.method + " " + r.path + " " + r.body
}

// with is the same request with its body changed, where that is an object.
func (r Read) with(change func(body object)) (Read, bool) {
	value, err := Decode(r.body)
	body, isObject := value.(object)
	if err != nil || !isObject {
		return r, false
	}
	change(body)
	text, err := json.Marshal(body)
	return Read{r.method, r.path, string(text)}, err == nil
}

// isUnordered reports whether the order of the answer's rows means nothing.
func (r Read) isUnordered() bool {
	plain, _, _ := strings.Cut(r.path, "?")
	if plain == summaryPath {
		return true
	}
	if plain != searchPath {
		return false
	}
	sorts, _ := Field(r.body, "sort").([]any)
	if Field(r.body, "distinct") == true {
		return len(sorts) == 0
	}
	return !sortsByJobID(sorts)
}

func sortsByJobID(sorts []any) bool {
	for _, item := range sorts {
		if key, ok := item.(object); ok && key["parameter"] == "JobID" {
			return true
		}
	}
	return false
}
