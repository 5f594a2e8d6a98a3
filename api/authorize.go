package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// authenticated lets only requests with a valid token through. What the caller may do is checked
// once the request has been read, as in DiracX.
func (s *service) authenticated(handle func(http.ResponseWriter, *http.Request, auth.Principal) error) handler {
	return s.authenticatedUntil(func(w http.ResponseWriter, r *http.Request, p auth.Principal, _ time.Time) error {
		return handle(w, r, p)
	})
}

// authenticatedUntil is authenticated for a route whose answer takes so long that it must know when
// the token expires.
func (s *service) authenticatedUntil(handle func(http.ResponseWriter, *http.Request, auth.Principal, time.Time) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		principal, until, err := s.authenticate(r)
		if err != nil {
			return err
		}
		addToLog(r, slog.String("user", principal.Username), slog.String("vo", principal.VO))
		if err := s.limited(principal); err != nil {
			return err
		}
		return handle(w, r, principal, until)
	}
}

func (s *service) authenticate(r *http.Request) (auth.Principal, time.Time, error) {
	header := r.Header.Get("Authorization")
	token, ok := strings.CutPrefix(header, "Bearer ")
	switch {
	case header == "":
		return auth.Principal{}, time.Time{}, &httpError{
			status: http.StatusUnauthorized, detail: "Authorization header is missing", challenge: "Bearer",
		}
	case !ok || token == "" || len(r.Header.Values("Authorization")) > 1:
		return auth.Principal{}, time.Time{}, &httpError{status: http.StatusBadRequest, detail: "Invalid authorization header"}
	}
	principal, until, err := s.verifier.VerifyUntil(r.Context(), token)
	principal.Operator = err == nil && slices.ContainsFunc(s.Operators, func(o auth.Operator) bool { return o.Is(principal) })
	return principal, until, err
}

// scope returns the jobs that a principal may find.
func (s *service) scope(p auth.Principal) (jobdb.Scope, error) {
	allowed, err := auth.Allow(p, auth.Query, s.Visibility)
	return jobdb.Scope{VO: allowed.VO, Owner: allowed.Owner, AllVOs: allowed.AllVOs}, err
}

// actionScope returns the jobs to which a principal may do an action.
func (s *service) actionScope(p auth.Principal, action auth.Action) (wms.Scope, error) {
	allowed, err := auth.Allow(p, action, s.Visibility)
	return wms.Scope{VO: allowed.VO, Owner: allowed.Owner, Hidden: allowed.Hidden, AllVOs: allowed.AllVOs}, err
}
