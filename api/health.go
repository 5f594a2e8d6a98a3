package api

import (
	"context"
	"net/http"
	"time"
)

func live(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"live"}`))
	return nil
}

// readiness is the answer to a probe: the status of the server and of the keys that verify tokens.
type readiness struct {
	Status string `json:"status"`
	Keys   string `json:"keys,omitempty"` // why they could not be fetched; the known ones are still used
}

// ready checks the database, for a few seconds only: a probe wants an answer. A server without any key is not ready
// either, as it would accept no token.
func (s *service) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.DB.Ping(ctx); err != nil {
		return err
	}
	keys := s.Keys.State()
	if keys.Keys == 0 {
		return &httpError{status: http.StatusServiceUnavailable, detail: "no keys of the issuer are known yet: " + keys.LastError}
	}
	return writeValue(w, readiness{"ready", keys.LastError})
}

// startup always succeeds: the server listens only once it has started.
func startup(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"startup complete"}`))
	return nil
}
