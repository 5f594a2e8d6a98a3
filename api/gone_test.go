package api

import (
	"context"
	"errors"
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
