package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// authenticated lets only requests with a valid token through. What the caller may do is checked
// once the request has been read, as in DiracX.
func (s *service) authenticated(handle func(http.ResponseWriter, *http.Request, auth.Principal) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		principal, err := s.authenticate(r)
		if err != nil {
			return err
		}
		addToLog(r, slog.String("user", principal.Username), slog.String("vo", principal.VO))
		if err := s.limited(principal); err != nil {
			return err
		}
		return handle(w, r, principal)
	}
}

func (s *service) authenticate(r *http.Request) (auth.Principal, error) {
	header := r.Header.Get("Authorization")
	token, ok := strings.CutPrefix(header, "Bearer ")
	switch {
	case header == "":
		return auth.Principal{}, &httpError{
			status: http.StatusUnauthorized, detail: "Authorization header is missing", challenge: "Bearer",
		}
	case !ok || token == "" || len(r.Header.Values("Authorization")) > 1:
		return auth.Principal{}, &httpError{status: http.StatusBadRequest, detail: "Invalid authorization header"}
	}
	principal, err := s.verifier.Verify(r.Context(), token)
	principal.Operator = err == nil && slices.ContainsFunc(s.Operators, func(o auth.Operator) bool { return o.Is(principal) })
	return principal, err
}

// scope is the jobs that a principal may find.
func (s *service) scope(p auth.Principal) (jobdb.Scope, error) {
	allowed, err := auth.Allow(p, auth.Query, s.Visibility)
	return jobdb.Scope{VO: allowed.VO, Owner: allowed.Owner, AllVOs: allowed.AllVOs}, err
}

// actionScope is the jobs that a principal may act on.
func (s *service) actionScope(p auth.Principal, action auth.Action) (wms.Scope, error) {
	allowed, err := auth.Allow(p, action, s.Visibility)
	return wms.Scope{VO: allowed.VO, Owner: allowed.Owner, Hidden: allowed.Hidden, AllVOs: allowed.AllVOs}, err
}
