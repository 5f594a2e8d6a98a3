package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"jobdb"
)

func live(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"live"}`))
	return nil
}

// Store is a database beside that of the jobs.
type Store struct {
	Name   string // in the answers to probes
	Ping   func(context.Context) error
	Needed bool // without it the server isn't ready; otherwise it is, and reports the fault

	// Waiting returns how many changes are still to be copied there; nil: none ever are.
	Waiting func(context.Context) (int64, error)
}

// readiness is the answer to a probe: the status of the server, of its stores and of the keys that
// verify tokens.
type readiness struct {
	Status  string            `json:"status"`            // ready
	Stores  map[string]string `json:"stores,omitempty"`  // by their names: ok, or what is wrong
	Waiting map[string]int64  `json:"waiting,omitempty"` // by the stores' names: changes that are still to be copied there
	Keys    string            `json:"keys,omitempty"`    // set while they can't be fetched; the known ones are still used
	Clock   string            `json:"clock,omitempty"`   // set while this machine's clock differs from the database server's
}

// ready checks the databases, for a few seconds only, because a probe wants an answer. A server
// without keys isn't ready either, because it would accept no token. The answer has no addresses,
// because anybody may ask.
func (s *service) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.DB.Ping(ctx); err != nil {
		return err
	}
	stores, waiting := map[string]string{}, map[string]int64{}
	for _, store := range s.Stores {
		err := store.Ping(ctx)
		stores[store.Name] = storeHealth(err)
		if store.Waiting != nil {
			if n, err := store.Waiting(ctx); err == nil {
				waiting[store.Name] = n
			} else { // the store is only busy, and the server is ready
				addToLog(r, slog.String(store.Name, err.Error()))
			}
		}
		if err == nil {
			continue
		}
		addToLog(r, slog.String(store.Name, err.Error()))
		if store.Needed {
			return &httpError{status: http.StatusServiceUnavailable, detail: store.Name + ": " + stores[store.Name]}
		}
	}
	keys := s.Keys.State()
	if keys.Keys == 0 {
		return &httpError{status: http.StatusServiceUnavailable, detail: "no keys of the issuer are known yet; the server's log says why"}
	}
	if s.DB.Full() {
		return &httpError{status: http.StatusServiceUnavailable, detail: fullDetail}
	}
	health := readiness{Status: "ready", Stores: stores, Waiting: waiting}
	if keys.LastError != "" {
		health.Keys = "they can't be fetched now; the server's log says why"
	}
	if ahead := s.DB.ClockDifference(); ahead.Abs() > time.Second {
		health.Clock = "this machine's clock is " + ahead.String() + " ahead of the database server's, which counts"
	}
	return writeValue(w, health)
}

// storeHealth describes a store's fault without its address.
func storeHealth(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, jobdb.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "it can't be reached or is too busy"
	case errors.Is(err, jobdb.ErrSchema):
		return "it doesn't fit this server"
	}
	return "it fails; the server's log says why"
}

// startup always succeeds: the server listens only once it has started.
func startup(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []byte(`{"status":"startup complete"}`))
	return nil
}
