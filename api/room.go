package api

import (
	"context"
	"slices"
	"sync"
)

// room is what requests take of a gate. Those that wait for some get it in the order of their costs,
// the least first, and equal ones in the order in which they came. Those behind the first wait, even
// if there is enough for them.
type room struct {
	mutex   sync.Mutex
	free    int64
	waiting []*waiter
}

type waiter struct {
	n, cost int64
	ready   chan struct{} // closed when it has got its room
}

func newRoom(size int64) *room { return &room{free: size} }

// tryTake takes n if there is so much now and nobody waits.
func (r *room) tryTake(n int64) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.waiting) > 0 || r.free < n {
		return false
	}
	r.free -= n
	return true
}

// take waits for n until the context ends, and reports whether it got it.
func (r *room) take(ctx context.Context, n, cost int64) bool {
	w := &waiter{n: n, cost: cost, ready: make(chan struct{})}
	r.mutex.Lock()
	at := len(r.waiting)
	for at > 0 && r.waiting[at-1].cost > cost {
		at--
	}
	r.waiting = slices.Insert(r.waiting, at, w)
	r.admit()
	r.mutex.Unlock()
	select {
	case <-w.ready:
		return true
	case <-ctx.Done():
		return !r.forget(w)
	}
}

// forget takes one who gave up out of those that wait, and reports whether it was among them.
func (r *room) forget(w *waiter) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	i := slices.Index(r.waiting, w)
	if i < 0 {
		return false
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	r.admit() // it may have been the first, and have wanted more than the next
	return true
}

func (r *room) giveBack(n int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.free += n
	r.admit()
}

// admit is called with the mutex.
func (r *room) admit() {
	for len(r.waiting) > 0 && r.waiting[0].n <= r.free {
		r.free -= r.waiting[0].n
		close(r.waiting[0].ready)
		r.waiting = r.waiting[1:]
	}
}
