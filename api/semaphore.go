package api

import (
	"context"
	"slices"
	"sync"
)

// semaphore is a weighted semaphore with priorities. Waiters are served in the order of their cost,
// the least first, and equal ones in the order in which they came. Those behind the first wait even
// if there would be enough for them.
type semaphore struct {
	mutex   sync.Mutex
	free    int64
	waiting []*waiter
}

type waiter struct {
	n, cost int64
	ready   chan struct{} // closed when it has got its n
}

func newSemaphore(size int64) *semaphore { return &semaphore{free: size} }

// tryTake takes n if that much is free and nobody waits.
func (r *semaphore) tryTake(n int64) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.waiting) > 0 || r.free < n {
		return false
	}
	r.free -= n
	return true
}

// take waits for n until the context ends, and reports whether it got it.
func (r *semaphore) take(ctx context.Context, n, cost int64) bool {
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

// forget removes a waiter that gave up, and reports whether it was still waiting.
func (r *semaphore) forget(w *waiter) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	i := slices.Index(r.waiting, w)
	if i < 0 {
		return false
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	r.admit() // the next one may want less than it did
	return true
}

func (r *semaphore) giveBack(n int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.free += n
	r.admit()
}

// admit serves waiters as far as there is enough. The mutex must be held.
func (r *semaphore) admit() {
	for len(r.waiting) > 0 && r.waiting[0].n <= r.free {
		r.free -= r.waiting[0].n
		close(r.waiting[0].ready)
		r.waiting = r.waiting[1:]
	}
}
