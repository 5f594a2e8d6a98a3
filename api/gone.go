package api

import (
	"context"
	"errors"
	"time"
)

// writeGrace is how long a request that changes something goes on after its client hung up. Most of
// what is under way then is done in that time; ending it would only make the database undo it.
const writeGrace = 30 * time.Second

// errStopping is why requests end that a server doesn't wait for when it stops.
var errStopping = errors.New("the server is stopping")

// clientGone tells whether the client of a request has hung up.
func clientGone(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), errStopping)
}

// outlive is a request's context that goes on for a while when the client hangs up. Else it ends as
// ctx does.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if deadline, set := ctx.Deadline(); set {
		longer, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // longer has the same deadline
			return
		}
		if clientGone(ctx) {
			select {
			case <-time.After(grace):
			case <-longer.Done():
			}
		}
		cancel()
	})
	return longer, func() {
		stop()
		cancel()
	}
}
