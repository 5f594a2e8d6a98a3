package api

import (
	"log/slog"
	"net/http"
	"strings"

	"jobdb"
	"jobdb/auth"
)

// caller is who asks, and which jobs the action may reach.
type caller struct {
	auth.Principal

	scope jobdb.Scope
}

// authorized lets only those through whose token allows the action.
func (s *service) authorized(action auth.Action, handle func(http.ResponseWriter, *http.Request, caller) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		principal, err := s.authenticate(r)
		if err != nil {
			return err
		}
		note(r, slog.String("user", principal.Username), slog.String("vo", principal.VO))
		allowed, err := auth.Allow(principal, action, s.Visibility)
		if err != nil {
			return err
		}
		return handle(w, r, caller{principal, jobdb.Scope{VO: allowed.VO, Owner: allowed.Owner}})
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
	case !ok || token == "":
		return auth.Principal{}, &httpError{status: http.StatusBadRequest, detail: "Invalid authorization header"}
	}
	return s.Verifier.Verify(token)
}
