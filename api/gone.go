package api

import (
	"context"
	"errors"
	"time"
)

// writeGrace is how long a request that changes something goes on after its client hung up. Most
// changes are done in that time; if they were ended the database would only have to undo them.
const writeGrace = 30 * time.Second

// errStopping is the cause that ends requests when the server stops without waiting for them.
var errStopping = errors.New("the server is stopping")

type serverKey struct{}

type shutdownKey struct{}

// shutdownBegun is closed when a request's server begins to stop. Answers that have no end of their
// own end then.
func shutdownBegun(ctx context.Context) <-chan struct{} {
	begun, _ := ctx.Value(shutdownKey{}).(<-chan struct{}) // nil where there is no server: it never stops
	return begun
}

// stoppable returns the context of all requests of a server, and stop, which ends them.
func stoppable(ctx context.Context) (running context.Context, stop func()) {
	running, cut := context.WithCancelCause(ctx)
	return context.WithValue(running, serverKey{}, running.Done()), func() { cut(errStopping) }
}

// serverDone is closed when stop ends the server's requests, even if the client of this one hung up
// before.
func serverDone(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(serverKey{}).(<-chan struct{}) // nil where there is no server: it never stops
	return done
}

// stopping reports whether a request ended because its server stops.
func stopping(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopping) }

// clientGone reports whether the client of a request has hung up.
func clientGone(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !stopping(ctx)
}

// outlive returns a request's context that lives on for the time grace when the client hangs up,
// but no longer than the server. Otherwise it ends as ctx does.
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
			case <-serverDone(ctx):
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
