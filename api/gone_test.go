package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What changes something goes on for a while when the client hangs up, and no longer; a deadline and
// the end of the server hold for it as ever.
func TestOutlive(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(cancel context.CancelCauseFunc)
		want error
		took time.Duration
	}{
		"hung up":  {func(cancel context.CancelCauseFunc) { cancel(nil) }, context.Canceled, 3 * time.Second},
		"stopping": {func(cancel context.CancelCauseFunc) { cancel(errStopping) }, context.Canceled, 0},
		"late":     {func(context.CancelCauseFunc) {}, context.DeadlineExceeded, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				ctx, end := context.WithTimeout(base, time.Minute)
				defer end()
				longer, done := outlive(ctx, 3*time.Second)
				defer done()
				began := time.Now()
				test.end(cancel)
				<-longer.Done()
				if took := time.Since(began); !errors.Is(longer.Err(), test.want) || took != test.took {
					t.Errorf("%v after %v, want %v after %v", longer.Err(), took, test.want, test.took)
				}
			})
		})
	}
}

// What goes on without its client ends with the server: its database is closed then.
func TestOutliveEndsWithServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, stop := stoppable(t.Context())
		request, hangUp := context.WithCancel(base)
		longer, done := outlive(request, writeGrace)
		defer done()
		began := time.Now()
		hangUp()
		time.Sleep(time.Second)
		if longer.Err() != nil {
			t.Error("it ended with the client")
		}
		stop()
		<-longer.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it ended after %v", took)
		}
	})
}

// Clients that are there when the server stops are told so, and when to come again.
func TestStoppingAnswer(t *testing.T) {
	base, stop := stoppable(t.Context())
	stop()
	for _, err := range []error{base.Err(), errors.New("the query was interrupted"), context.DeadlineExceeded} {
		w := httptest.NewRecorder()
		(&service{}).writeError(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(base), err)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "stopping") {
			t.Errorf("%v: %d %s, Retry-After %q", err, w.Code, w.Body, w.Header().Get("Retry-After"))
		}
	}
}
