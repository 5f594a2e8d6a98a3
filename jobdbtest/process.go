package jobdbtest

import (
	"errors"
	"os"
	"slices"
	"testing"

	"jobdb/jobdbtest/internal/engine"
)

// A Process is a database server that belongs to one test, which may kill it.
type Process struct {
	URL string // of its administrator

	tb     testing.TB
	server *engine.Server
}

// StartProcess is [Server] for tests that kill the server, which has whole what it has committed when
// it runs again. It may have more variables (NAME=value) in its environment.
func StartProcess(tb testing.TB, name, settings string, environment ...string) *Process {
	tb.Helper()
	i := slices.IndexFunc(engine.All, func(e *engine.Engine) bool { return e.Name == name })
	if i < 0 {
		tb.Fatalf("there is no server of %q", name)
	}
	e := engine.All[i]
	needEngine(tb, e)
	server, err := e.With(e.Keeps+" "+settings, environment...).Start(tb.Context(), false)
	skipMissing(tb, err)
	tb.Cleanup(server.Stop)
	return &Process{URL: server.URL, tb: tb, server: server}
}

func needEngine(tb testing.TB, e *engine.Engine) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: SQLite only")
	}
	if os.Getenv(e.Env) == "none" {
		tb.Skipf("\n\n!!! NOT TESTED: %s=none\n", e.Env)
	}
}

func skipMissing(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, engine.ErrMissing) && os.Getenv("CI") == "" {
		tb.Skipf("\n\n!!! NOT TESTED: %v\n", err)
	}
	if err != nil {
		tb.Fatalf("\n\n!!! CANNOT BE TESTED: %v\n", err)
	}
}

// Kill ends the server at once, as a crash does, and returns when it has ended.
func (p *Process) Kill() {
	p.tb.Helper()
	if err := p.server.Kill(); err != nil {
		p.tb.Error(err)
	}
}

// Run starts the server again if it has ended, with the data that it had, and returns when it
// answers.
func (p *Process) Run() {
	p.tb.Helper()
	if err := p.server.Run(p.tb.Context()); err != nil {
		p.tb.Fatal(err)
	}
}
