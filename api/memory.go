package api

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallBody is up to how many bytes are taken at once, whatever else runs: heartbeats and kills
	// don't wait behind large requests.
	smallBody = 16 << 10
	// uploadMemory and workMemory are how many bytes of large bodies may come in, and may be worked
	// on, at once. Working on one takes several times its size.
	uploadMemory = 32 << 20
	workMemory   = 20 << 20
	// valueMemory is how many bytes of a body one value counts as, beside its text: many short values
	// take as much memory as a few long ones.
	valueMemory = 64
	// collectFrom is from how many bytes on what a request leaves behind is collected before its memory
	// counts as free. Else the garbage of one stands beside the next one's trees.
	collectFrom = 1 << 20
	// memoryWait is how long a request waits for memory until it is told to come later.
	memoryWait = 5 * time.Second
)

// memory is what large bodies may take at once. One caller may take half of it.
type memory struct {
	size int64
	free *semaphore.Weighted

	mutex   sync.Mutex
	callers map[string]*share // by their subjects; those that have requests
}

// share is the memory of one caller.
type share struct {
	free     *semaphore.Weighted
	requests int // that take of it, or wait to
}

func newMemory(size int64) *memory {
	return &memory{size: size, free: semaphore.NewWeighted(size), callers: map[string]*share{}}
}

var (
	errTooManyLarge = &httpError{
		status: http.StatusTooManyRequests, detail: "you have other large requests running; wait for their answers, or send smaller ones",
	}
	errNoMemory = &httpError{
		status: http.StatusServiceUnavailable, detail: "the server works on other large requests; try again later, or send a smaller one",
	}
)

// take waits for n bytes of memory, in turn with others, and returns what gives them back. A small
// n is had at once.
func (m *memory) take(ctx context.Context, caller string, n int64) (giveBack func(), err error) {
	if n <= smallBody {
		return func() {}, nil
	}
	n = min(n, m.size/2)
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	own := m.enter(caller)
	if own.free.Acquire(ctx, n) != nil {
		m.leave(caller)
		return nil, errTooManyLarge
	}
	if m.free.Acquire(ctx, n) != nil {
		own.free.Release(n)
		m.leave(caller)
		return nil, errNoMemory
	}
	return func() {
		if n >= collectFrom {
			runtime.GC()
		}
		m.free.Release(n)
		own.free.Release(n)
		m.leave(caller)
	}, nil
}

func (m *memory) enter(caller string) *share {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	own := m.callers[caller]
	if own == nil {
		own = &share{free: semaphore.NewWeighted(m.size / 2)}
		m.callers[caller] = own
	}
	own.requests++
	return own
}

func (m *memory) leave(caller string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if own := m.callers[caller]; own.requests == 1 {
		delete(m.callers, caller)
	} else {
		own.requests--
	}
}
