package jobdb

import (
	"context"
	"time"
)

// systemClock is where time comes from unless [Options.Clock] says otherwise.
func systemClock() time.Time { return time.Now() }

func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
