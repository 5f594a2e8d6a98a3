package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
)

func TestHealth(t *testing.T) {
	w := start(t)
	for path, want := range map[string]string{"live": `{"status":"live"}`, "ready": `{"status":"ready"}`, "startup": `{"status":"startup complete"}`} {
		if r := w.ask("GET", "/api/health/"+path, "", ""); r.status != 200 || r.body != want {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// Each store is told of; the server isn't ready without one that it needs. No address is in the
// answer.
func TestReadyTellsOfStores(t *testing.T) {
	w := start(t)
	gone := &jobdb.UnavailableError{Err: errors.New("dial 10.1.2.3:3306")}
	for want, stores := range map[string][]api.Store{
		`200 {"status":"ready","stores":{"a":"ok","b":"it can't be reached or is too busy","c":"it fails; the server's log says why"}}`: {
			{Name: "a", Ping: w.db.Ping, Needed: true},
			{Name: "b", Ping: func(context.Context) error { return gone }},
			{Name: "c", Ping: func(context.Context) error { return errors.New("s3cret") }},
		},
		`503 {"detail":"a: it can't be reached or is too busy"}`: {{Name: "a", Ping: func(context.Context) error { return gone }, Needed: true}},
	} {
		handler := api.New(api.Config{
			DB: w.db, Jobs: manager(t, w.db, time.Now), Stores: stores,
			Keys: w.key.Keys(), Issuer: issuer, Clock: w.clock.now, Logger: slog.New(slog.DiscardHandler),
		})
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/api/health/ready", nil))
		if got := fmt.Sprint(recorder.Code, " ", strings.TrimSpace(recorder.Body.String())); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}

// What goes wrong inside is in the log, not in the answer; the token is in neither.
func TestFaultsStayInside(t *testing.T) {
	w := start(t)
	token := w.token(alice)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []reply{w.ask("GET", "/api/health/ready", "", ""), w.ask("POST", "/api/jobs/search", token, "")} {
		if r.status < 500 || strings.Contains(r.body, "sql") {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r.status == 503 && r.header.Get("Retry-After") != "10" {
			t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
		}
	}
	if log := w.log.String(); !strings.Contains(log, "closed") || strings.Contains(log, strings.TrimPrefix(token, "Bearer ")) {
		t.Error(log)
	}
}

func TestUnavailable(t *testing.T) {
	w := start(t)
	cancelled, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	// The same handler with a database that answers too late.
	handler := api.New(api.Config{
		DB: w.db, Jobs: manager(t, w.db, time.Now),
		Keys: w.key.Keys(), Issuer: issuer, Clock: w.clock.now, Logger: slog.New(slog.DiscardHandler),
	})
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(cancelled, "POST", "/api/jobs/search", nil)
	request.Header.Set("Authorization", w.token(alice))
	handler.ServeHTTP(recorder, request)
	if recorder.Code != 503 || recorder.Header().Get("Retry-After") != "10" || !strings.Contains(recorder.Body.String(), "took too long") {
		t.Errorf("%d %v %s", recorder.Code, recorder.Header(), recorder.Body)
	}
}

// A request that runs when the server is told to stop is finished.
func TestServeFinishesWhatRuns(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	entered, release := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "done")
		}
	})
	ended := make(chan error, 1)
	go func() {
		ended <- api.Serve(ctx, listener, slow, slog.New(slog.DiscardHandler), api.Timeouts{Shutdown: time.Minute})
	}()
	body := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			body <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		body <- string(text)
	}()
	<-entered
	stop()
	select {
	case err := <-ended:
		t.Fatalf("the server ended before its request: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if got := <-body; got != "done" {
		t.Errorf("the request got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
