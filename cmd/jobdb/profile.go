//go:build profile

package main

import (
	"log/slog"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // it is in this build only, which is for developers
	"os"
	"time"
)

// A program built with -tags profile answers requests for profiles of itself on
// the address in JOBDB_PROFILE: docs/profiles.md says how.
func init() {
	address := os.Getenv("JOBDB_PROFILE")
	if address == "" {
		return
	}
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second}
	go func() { slog.Error("profiles", "error", server.ListenAndServe()) }() // it ends with the process
}
