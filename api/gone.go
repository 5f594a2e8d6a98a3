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

type serverKey struct{}

type endingKey struct{}

// ending is closed when a request's server begins to stop: what would go on for ever ends then.
func ending(ctx context.Context) <-chan struct{} {
	begun, _ := ctx.Value(endingKey{}).(<-chan struct{}) // nil where there is no server, as stopped
	return begun
}

// stoppable is the context of all requests of a server, which stop ends.
func stoppable(ctx context.Context) (running context.Context, stop func()) {
	running, cut := context.WithCancelCause(ctx)
	return context.WithValue(running, serverKey{}, running.Done()), func() { cut(errStopping) }
}

// stopped is closed when the server of a request stops, even where the client hung up before.
func stopped(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(serverKey{}).(<-chan struct{}) // nil where there is no server: it never stops
	return done
}

// stopping tells whether a request ended because its server stops.
func stopping(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopping) }

// clientGone tells whether the client of a request has hung up.
func clientGone(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !stopping(ctx)
}

// outlive is a request's context that goes on for a while when the client hangs up, but no longer
// than the server. Else it ends as ctx does.
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
			case <-stopped(ctx):
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
