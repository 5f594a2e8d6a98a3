package api

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
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
	// collectFrom is from how many bytes on what large requests leave behind is collected before the
	// memory of the last of them counts as free. Else their garbage stands beside the next one's trees.
	collectFrom = 4 << 20
	// memoryWait is how long a request waits for memory until it is told to come later.
	memoryWait = 5 * time.Second
	// memoryQueue is how many requests wait for memory.
	memoryQueue = 1000
)

// bodyGate is for the memory of large bodies. One caller may take half of it.
func bodyGate(size int64) *gate {
	return newGate(size, size/2, memoryQueue, memoryWait,
		busy("the server works on other large requests; try again later, or send a smaller one"),
		tooManyOwn("you have other large requests running; wait for their answers, or send smaller ones"))
}

// takeMemory waits for n bytes of memory, in turn with others. A small n is had at once: nil.
func takeMemory(ctx context.Context, g *gate, caller string, n int64) (*taken, error) {
	if n <= smallBody {
		return nil, nil //nolint:nilnil // it takes none
	}
	return g.take(ctx, caller, n)
}

// garbage is how many bytes requests have left behind since it was last collected.
var garbage atomic.Int64

// keepMemory gives all but n bytes of memory back, if there is any.
func keepMemory(t *taken, n int64) {
	if t == nil || n >= t.n {
		return
	}
	if garbage.Add(t.n-n) >= collectFrom {
		garbage.Store(0)
		runtime.GC()
	}
	t.shrinkTo(n)
}

func giveBack(t *taken) {
	keepMemory(t, 0)
	t.leave()
}

// bodyMemory is what working on a body takes. Once it is decoded only what is left of it counts, and
// nothing while its answer is read.
type bodyMemory struct {
	memory *taken // nil: little
	left   int64  // bytes of texts and values
}

func (m *bodyMemory) decoded() { keepMemory(m.memory, m.left) }

// giveBack may be called again.
func (m *bodyMemory) giveBack() { giveBack(m.memory) }
