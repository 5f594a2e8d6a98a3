package api

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// smallBody is how many bytes a body may have without taking a part of this memory, so that
	// heartbeats and kills don't wait behind large requests.
	smallBody = 16 << 10
	// uploadMemory and workMemory are how many bytes of large bodies may come in, and may be worked
	// on, at once. Working on one takes several times its size.
	uploadMemory = 32 << 20
	workMemory   = 20 << 20
	// valueMemory is how many bytes of a body one value counts as, beside its text: many short values
	// take as much memory as a few long ones.
	valueMemory = 64
	// collectFrom is how many bytes of garbage large requests may leave before the collector runs,
	// and only then their memory counts as free. Otherwise the garbage would still take memory
	// beside the next request's.
	collectFrom = 4 << 20
	// memoryWait is how long a request waits for memory before it is refused.
	memoryWait = 5 * time.Second
	// memoryQueue is how many requests wait for memory.
	memoryQueue = 1000
)

// bodyGate bounds the memory of large bodies. One caller may take half of it.
func bodyGate(size int64) *gate {
	return newGate(size, size/2, memoryQueue, memoryWait,
		busy("the server works on other large requests; try again later, or send a smaller one"),
		tooManyOwn("you have other large requests running; wait for their answers, or send smaller ones"))
}

// takeMemory waits for n bytes of memory. For a small n it takes none, and returns nil at once.
func takeMemory(ctx context.Context, g *gate, caller string, n int64) (*permit, error) {
	if n <= smallBody {
		return nil, nil //nolint:nilnil // it takes none
	}
	return g.take(ctx, caller, n)
}

// garbage is how many bytes large requests have left since the collector was last run here.
var garbage atomic.Int64

// keepMemory gives back all but n bytes of memory, if any is taken.
func keepMemory(t *permit, n int64) {
	if t == nil || n >= t.n {
		return
	}
	if garbage.Add(t.n-n) >= collectFrom {
		garbage.Store(0)
		runtime.GC()
	}
	t.shrinkTo(n)
}

func giveBack(t *permit) {
	keepMemory(t, 0)
	t.leave()
}

// bodyMemory is the memory that working on a body takes. Once the body is decoded only its texts
// and values count.
type bodyMemory struct {
	memory *permit // nil: little
	left   int64   // bytes of texts and values
}

func (m *bodyMemory) decoded() { keepMemory(m.memory, m.left) }

// giveBack may be called again.
func (m *bodyMemory) giveBack() { giveBack(m.memory) }
