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

// gate lets requests through while there is room for what they take: in the order in which they come,
// unless it is told what they cost. One caller may take a share of the room, and of the queue.
type gate struct {
	size, share int64         // units of what is taken: bytes, or connections
	queue       int           // how many requests may wait
	wait        time.Duration // how long a request may
	room        *room
	full        *httpError // told when the queue is, or after the wait
	ownFull     *httpError // the same, where the caller's own requests are in the way

	refused atomic.Int64 // requests, so far

	mutex   sync.Mutex
	waiting int                // in the queue
	callers map[string]*caller // by their subjects; those that have requests
}

// caller has requests that take room, or wait to.
type caller struct {
	share    int64
	room     *room
	full     *httpError // told when the caller's own requests are in the way
	requests int
	waiting  int // in the queue
}

func newGate(size, share int64, queue int, wait time.Duration, full, ownFull *httpError) *gate {
	return &gate{
		size: size, share: share, queue: queue, wait: wait, room: newRoom(size),
		full: full, ownFull: ownFull, callers: map[string]*caller{},
	}
}

// taken is room that a request has.
type taken struct {
	gate *gate
	name string
	own  *caller
	n    int64
}

// take waits for n of the room, or all of the caller's share when n is more.
func (g *gate) take(ctx context.Context, name string, n int64) (*taken, error) {
	return g.takeShare(ctx, name, g.share, n, nil)
}

// costOf says what a request costs, in any unit. It is asked when the request has to wait, and those
// that cost less go first; nil: nothing.
type costOf func(context.Context) int64

// takeTurn is take for one request that has a cost.
func (g *gate) takeTurn(ctx context.Context, name string, cost costOf) (*taken, error) {
	return g.takeShare(ctx, name, g.share, 1, cost)
}

// takeShare is take for a caller with another share, and a request that has a cost.
func (g *gate) takeShare(ctx context.Context, name string, share, n int64, cost costOf) (*taken, error) {
	if t, err := g.enter(name, share, n, false, atOnce); err == nil {
		return t, nil // mostly; a wait has a timer
	}
	limited, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	t, err := g.enter(name, share, n, true, until(limited, cost))
	if err != nil {
		if ctx.Err() == nil {
			g.refused.Add(1)
		}
		return nil, cmp.Or(ctx.Err(), err) // a client that hung up isn't told
	}
	return t, nil
}

// takeOn is take for a request that was let through before and goes on: however many others wait,
// and however long it takes. It has no place in the queue.
func (g *gate) takeOn(ctx context.Context, name string, cost costOf) (*taken, error) {
	return g.enter(name, g.share, 1, false, until(ctx, cost))
}

// tryTake is take for a request that can do with less: nil when there isn't room at once.
func (g *gate) tryTake(name string, n int64) *taken {
	t, err := g.enter(name, g.share, n, false, atOnce)
	if err != nil {
		return nil
	}
	return t
}

func (g *gate) enter(name string, share, n int64, queues bool, acquire acquirer) (*taken, error) {
	own, refused := g.come(name, share, queues)
	if refused != nil {
		return nil, refused
	}
	t := &taken{gate: g, name: name, own: own, n: min(n, own.share)}
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

// come counts a request among its caller's, and among those in the queue if there is a place.
func (g *gate) come(name string, share int64, queues bool) (*caller, *httpError) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	own := g.callers[name]
	if own == nil {
		own = &caller{share: share, room: newRoom(share), full: g.ownFull}
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

// acquirer takes room, and reports whether it could.
type acquirer func(r *room, n int64) bool

func until(ctx context.Context, cost costOf) acquirer {
	known := int64(-1)
	return func(r *room, n int64) bool {
		if r.tryTake(n) {
			return true
		}
		if known < 0 && cost != nil {
			known = cost(ctx)
		}
		return r.take(ctx, n, max(0, known))
	}
}

func atOnce(r *room, n int64) bool { return r.tryTake(n) }

func (g *gate) acquire(own *caller, n int64, acquire acquirer) error {
	if !acquire(own.room, n) {
		return own.full
	}
	if !acquire(g.room, n) {
		own.room.giveBack(n)
		return g.full
	}
	return nil
}

// numbers are what metrics tell of the gate.
func (g *gate) numbers() metrics.Class {
	g.room.mutex.Lock()
	taken := g.size - g.room.free
	g.room.mutex.Unlock()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return metrics.Class{Size: g.size, Taken: taken, Waiting: int64(g.waiting), Refused: g.refused.Load()}
}

// forget is called with the mutex.
func (g *gate) forget(t *taken) {
	if t.own.requests--; t.own.requests == 0 {
		delete(g.callers, t.name)
	}
}

// shrinkTo gives all but n back, if the request has more.
func (t *taken) shrinkTo(n int64) {
	if n >= t.n {
		return
	}
	t.gate.room.giveBack(t.n - n)
	t.own.room.giveBack(t.n - n)
	t.n = n
}

// growTo takes more until it is n, or all of the caller's share. It doesn't wait: others may wait
// for what the request has.
func (t *taken) growTo(n int64) error {
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
func (t *taken) leave() {
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
