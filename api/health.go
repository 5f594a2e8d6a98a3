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

// readiness is what a probe is told: the status, and how the keys are that tokens are verified with.
type readiness struct {
	Status string `json:"status"`
	Keys   string `json:"keys,omitempty"` // why they could not be fetched; those that are known are used
}

// ready asks the database, but not for long: a probe wants an answer. Without a
// single key nobody could be let in, which isn't ready either.
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

// startup answers when all is up: before, nobody listens.
func startup(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"startup complete"}`))
	return nil
}
