package api

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"jobdb/metrics"
)

// gate admits requests as long as what they take together fits into its size. Others wait in a
// queue, in the order in which they came, or of their cost if they have one. One caller may take a
// share of the size and of the queue.
type gate struct {
	size, share int64         // in units of what is taken: bytes, or connections
	queue       int           // how many requests may wait
	wait        time.Duration // how long a request may wait
	sem         *semaphore
	full        *httpError // the answer when the queue is full, or after the wait
	ownFull     *httpError // the same, if the caller's own requests are in the way

	refused atomic.Int64 // how many requests so far

	mutex   sync.Mutex
	waiting int                // in the queue
	callers map[string]*caller // those that have requests, by their subjects
}

// caller is somebody whose requests are admitted or wait.
type caller struct {
	share    int64
	sem      *semaphore
	full     *httpError // the answer when the caller's own requests are in the way
	requests int
	waiting  int // in the queue
}

func newGate(size, share int64, queue int, wait time.Duration, full, ownFull *httpError) *gate {
	return &gate{
		size: size, share: share, queue: queue, wait: wait, sem: newSemaphore(size),
		full: full, ownFull: ownFull, callers: map[string]*caller{},
	}
}

// permit is what a request has taken of a gate.
type permit struct {
	gate *gate
	name string
	own  *caller
	n    int64
}

// take waits for n units, or for all of the caller's share if n is more.
func (g *gate) take(ctx context.Context, name string, n int64) (*permit, error) {
	return g.takeShare(ctx, name, g.share, n, nil)
}

// costOf returns what a request costs, in any unit. It is called only if the request has to wait;
// then those that cost less go first. nil: the request costs nothing.
type costOf func(context.Context) int64

// takeTurn is take for one unit and a request that has a cost.
func (g *gate) takeTurn(ctx context.Context, name string, cost costOf) (*permit, error) {
	return g.takeShare(ctx, name, g.share, 1, cost)
}

// takeShare is take for a caller with another share, and a request that has a cost.
func (g *gate) takeShare(ctx context.Context, name string, share, n int64, cost costOf) (*permit, error) {
	if t, err := g.enter(name, share, n, false, atOnce); err == nil {
		return t, nil // the usual case, which needs no timer
	}
	limited, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	t, err := g.enter(name, share, n, true, until(limited, cost))
	if err != nil {
		if ctx.Err() == nil {
			g.refused.Add(1)
		}
		return nil, cmp.Or(ctx.Err(), err) // a client that hung up gets no answer
	}
	return t, nil
}

// takeAgain is take for a later piece of a request that was admitted before. It waits as long as it
// takes, and has no place in the queue, so it can't be refused because too many wait.
func (g *gate) takeAgain(ctx context.Context, name string, cost costOf) (*permit, error) {
	return g.enter(name, g.share, 1, false, until(ctx, cost))
}

// tryTake is take without waiting: nil if n units aren't free.
func (g *gate) tryTake(name string, n int64) *permit {
	t, err := g.enter(name, g.share, n, false, atOnce)
	if err != nil {
		return nil
	}
	return t
}

func (g *gate) enter(name string, share, n int64, queues bool, acquire acquirer) (*permit, error) {
	own, refused := g.register(name, share, queues)
	if refused != nil {
		return nil, refused
	}
	t := &permit{gate: g, name: name, own: own, n: min(n, own.share)}
	err := g.acquire(t.own, t.n, acquire)
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if queues {
		g.waiting--
		t.own.waiting--
	}
	if err != nil {
		g.forget(t)
		return nil, err
	}
	return t, nil
}

// register adds a request to its caller's and, if queues is set and there is a place, to the queue.
func (g *gate) register(name string, share int64, queues bool) (*caller, *httpError) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	own := g.callers[name]
	if own == nil {
		own = &caller{share: share, sem: newSemaphore(share), full: g.ownFull}
		if share == g.size {
			own.full = g.full
		}
	}
	if queues {
		switch {
		case int64(own.waiting) > int64(g.queue)*own.share/g.size:
			return nil, own.full
		case g.waiting > g.queue:
			return nil, g.full
		}
		own.waiting++
		g.waiting++
	}
	g.callers[name] = own
	own.requests++
	return own, nil
}

// acquirer takes n units of a semaphore, and reports whether it could.
type acquirer func(r *semaphore, n int64) bool

func until(ctx context.Context, cost costOf) acquirer {
	known := int64(-1)
	return func(r *semaphore, n int64) bool {
		if r.tryTake(n) {
			return true
		}
		if known < 0 && cost != nil {
			known = cost(ctx)
		}
		return r.take(ctx, n, max(0, known))
	}
}

func atOnce(r *semaphore, n int64) bool { return r.tryTake(n) }

func (g *gate) acquire(own *caller, n int64, acquire acquirer) error {
	if !acquire(own.sem, n) {
		return own.full
	}
	if !acquire(g.sem, n) {
		own.sem.giveBack(n)
		return g.full
	}
	return nil
}

// numbers returns the gate's numbers for metrics.
func (g *gate) numbers() metrics.Class {
	g.sem.mutex.Lock()
	taken := g.size - g.sem.free
	g.sem.mutex.Unlock()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return metrics.Class{Size: g.size, Taken: taken, Waiting: int64(g.waiting), Refused: g.refused.Load()}
}

// forget removes a request of its caller. The gate's mutex must be held.
func (g *gate) forget(t *permit) {
	if t.own.requests--; t.own.requests == 0 {
		delete(g.callers, t.name)
	}
}

// shrinkTo gives back all but n units, if the request has more.
func (t *permit) shrinkTo(n int64) {
	if n >= t.n {
		return
	}
	t.gate.sem.giveBack(t.n - n)
	t.own.sem.giveBack(t.n - n)
	t.n = n
}

// growTo takes more units until the request has n, or all of the caller's share. It doesn't wait,
// because others may wait for what the request has: that could be a deadlock.
func (t *permit) growTo(n int64) error {
	more := min(n, t.own.share) - t.n
	if more <= 0 {
		return nil
	}
	if err := t.gate.acquire(t.own, more, atOnce); err != nil {
		t.gate.refused.Add(1)
		return err
	}
	t.n += more
	return nil
}

// leave gives everything back. It may be called again.
func (t *permit) leave() {
	if t == nil || t.own == nil {
		return
	}
	t.shrinkTo(0)
	t.gate.mutex.Lock()
	defer t.gate.mutex.Unlock()
	t.gate.forget(t)
	t.own = nil
}

func tooManyOwn(detail string) *httpError {
	return &httpError{status: http.StatusTooManyRequests, detail: detail}
}

func busy(detail string) *httpError {
	return &httpError{status: http.StatusServiceUnavailable, detail: detail}
}
