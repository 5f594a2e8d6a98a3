package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb/auth"
)

var errFull, errOwn = busy("full"), tooManyOwn("own")

func mustTake(t *testing.T, g *gate, name string, n int64) *permit {
	t.Helper()
	got, err := g.take(t.Context(), name, n)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// empty reports a gate that somebody forgot to leave.
func empty(t *testing.T, g *gate) {
	t.Helper()
	if !g.sem.tryTake(g.size) || len(g.callers) != 0 || g.waiting != 0 {
		t.Errorf("something was not given back: %d callers, %d wait", len(g.callers), g.waiting)
	}
}

// One caller has a share; who waits too long is told whose requests are in the way.
func TestGateShares(t *testing.T) {
	g := newGate(4, 2, 10, 20*time.Millisecond, errFull, errOwn)
	first, second := mustTake(t, g, "alice", 1), mustTake(t, g, "alice", 1)
	if _, err := g.take(t.Context(), "alice", 1); !errors.Is(err, errOwn) {
		t.Errorf("more than a share: %v", err)
	}
	bob := mustTake(t, g, "bob", 100) // all of a share
	if _, err := g.take(t.Context(), "carol", 1); !errors.Is(err, errFull) {
		t.Errorf("without room: %v", err)
	}
	if g.tryTake("carol", 1) != nil {
		t.Error("without room something was taken at once")
	}
	bob.shrinkTo(1)
	carol := g.tryTake("carol", 1)
	if carol == nil {
		t.Fatal("there is room again")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.take(gone, "dave", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("of a client that hung up: %v", err)
	}
	for _, got := range []*permit{first, second, bob, carol, carol, nil} { // twice does nothing
		got.leave()
	}
	empty(t, g)
}

// Of those that wait one caller may be half; who was let through before is never refused.
func TestGateQueue(t *testing.T) {
	g := newGate(2, 1, 4, time.Minute, errFull, errOwn)
	holds := []*permit{mustTake(t, g, "alice", 1), mustTake(t, g, "bob", 1)}
	var all sync.WaitGroup
	goOn := func(ctx context.Context, name string, _ int64) (*permit, error) { return g.takeAgain(ctx, name, nil) }
	wait := func(name string, take func(context.Context, string, int64) (*permit, error)) {
		before := g.requestsNow()
		all.Go(func() {
			got, err := take(t.Context(), name, 1)
			if err != nil {
				t.Error(err)
			}
			got.leave()
		})
		for g.requestsNow() == before {
			time.Sleep(time.Millisecond)
		}
	}
	for range 3 {
		wait("alice", g.take)
	}
	if _, err := g.take(t.Context(), "alice", 1); !errors.Is(err, errOwn) {
		t.Errorf("more than half of the queue: %v", err)
	}
	for _, name := range []string{"bob", "carol"} {
		wait(name, g.take)
	}
	if _, err := g.take(t.Context(), "dave", 1); !errors.Is(err, errFull) {
		t.Errorf("more than the queue: %v", err)
	}
	wait("alice", goOn)
	for _, held := range holds {
		held.leave()
	}
	all.Wait()
	empty(t, g)
}

// requestsNow is how many have room, or wait for it.
func (g *gate) requestsNow() (n int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, c := range g.callers {
		n += c.requests
	}
	return n
}

// Of those that wait the one that costs least goes first, of equal ones the first; who gives up, and
// who takes at once what is free, changes nothing in that.
func TestGateCheapestFirst(t *testing.T) {
	g := newGate(1, 1, 100, time.Minute, errFull, errOwn)
	held := mustTake(t, g, "holder", 1)
	var mutex sync.Mutex
	var order, asked []int64
	var all sync.WaitGroup
	gone, hangUp := context.WithCancel(t.Context())
	for n, cost := range []int64{5, 9, 1, 5, 0, 7, 1} {
		ctx := t.Context()
		if cost == 0 {
			ctx = gone
		}
		before := g.requestsNow()
		all.Go(func() {
			got, err := g.takeTurn(ctx, strconv.Itoa(n), func(context.Context) int64 {
				mutex.Lock()
				defer mutex.Unlock()
				asked = append(asked, cost)
				return cost
			})
			if err != nil {
				if cost != 0 || !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				return
			}
			mutex.Lock()
			order = append(order, 10*cost+int64(n))
			mutex.Unlock()
			got.leave()
		})
		for g.requestsNow() == before || g.sem.waits() == n {
			time.Sleep(time.Millisecond)
		}
	}
	hangUp()
	for g.sem.waits() > 6 {
		time.Sleep(time.Millisecond)
	}
	held.leave()
	all.Wait()
	if want := []int64{12, 16, 50, 53, 75, 91}; !slices.Equal(order, want) {
		t.Errorf("they went as %d, not %d", order, want)
	}
	mustTake(t, g, "holder", 1).leave()
	if len(asked) != 7 {
		t.Errorf("%d were asked what they cost", len(asked))
	}
	empty(t, g)
}

// waits is how many wait for room.
func (r *semaphore) waits() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.waiting)
}

// Streams that go on after a piece have no places in the queue: however many of them wait, others
// find theirs.
func TestGateGoingOnTakesNoPlaces(t *testing.T) {
	g := newGate(2, 1, 4, time.Minute, errFull, errOwn)
	first, second := mustTake(t, g, "alice", 1), mustTake(t, g, "bob", 1)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			got, err := g.takeAgain(t.Context(), "alice", nil)
			if err != nil {
				t.Error(err)
			}
			got.leave()
		})
	}
	for g.requestsNow() < 12 {
		time.Sleep(time.Millisecond)
	}
	for _, name := range []string{"alice", "carol"} {
		all.Go(func() {
			got, err := g.take(t.Context(), name, 1)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got.leave()
		})
	}
	for g.requestsNow() < 14 && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	first.leave()
	second.leave()
	all.Wait()
	empty(t, g)
}

// However many come, no more are let through at once than there is room for, and all get their turn.
func TestGateUnderLoad(t *testing.T) {
	g := newGate(5, 3, 1000, time.Minute, errFull, errOwn)
	var all sync.WaitGroup
	var inside, most, done atomic.Int64
	for n := range 200 {
		all.Go(func() {
			got, err := g.take(t.Context(), strconv.Itoa(n%4), 1)
			if err != nil {
				t.Error(err)
				return
			}
			if now := inside.Add(1); now > most.Load() {
				most.Store(now)
			}
			time.Sleep(time.Millisecond)
			inside.Add(-1)
			done.Add(1)
			got.leave()
		})
	}
	all.Wait()
	if most.Load() > 5 || done.Load() != 200 {
		t.Errorf("%d at once, %d got their turn", most.Load(), done.Load())
	}
	empty(t, g)
}

// Questions leave at least one connection to actions, where there are more than four.
func TestClassesLeaveConnections(t *testing.T) {
	for _, n := range []int{0, 1, 2, 4, 5, 8, 9, 16, 32, 100} {
		c := newClasses(n, 64)
		if n == 0 {
			n = 32
		}
		sum := c.pages.size + c.costly.size + c.lines.size
		if n > 4 && sum >= int64(n) || c.actions.size < int64(n) {
			t.Errorf("%d connections: %d pages, %d costly, %d lines, %d actions", n, c.pages.size, c.costly.size, c.lines.size, c.actions.size)
		}
	}
	for processors, want := range map[int]int64{1: 1, 2: 1, 3: 2, 64: 2} {
		if n := newClasses(8, processors).costly.size; n != want {
			t.Errorf("%d processors: %d costly questions at once, want %d", processors, n, want)
		}
	}
	if status := newClasses(1, 64).costly.full.status; status != http.StatusServiceUnavailable {
		t.Errorf("a full class is a %d", status)
	}
}

// One caller, however many come, leaves half of the room and of the queue of actions to others, and
// who hangs up leaves the queue at once. Pilots may have all: those of a VO may be one caller.
func TestActionsLeavePlaces(t *testing.T) {
	s := &service{classes: newClasses(4, 64)}
	g := s.actions
	mallory, pilots := auth.Principal{Subject: "mallory"}, auth.Principal{Subject: "pilots", Properties: []string{auth.GenericPilot}}
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	hold := func(ctx context.Context, p auth.Principal, n int64) {
		before := g.requestsNow()
		for range n {
			all.Go(func() {
				_, _ = change(ctx, s, p, &bodyMemory{}, func(context.Context) (int, error) { <-t.Context().Done(); return 0, nil })
			})
		}
		for g.requestsNow() < before+int(n) {
			time.Sleep(time.Millisecond)
		}
	}
	hold(ctx, mallory, g.share+10)
	hold(t.Context(), pilots, g.size-g.share-1)
	if _, err := act(t.Context(), s, auth.Principal{Subject: "alice"}, &bodyMemory{}, func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Errorf("beside one caller's many: %v", err)
	}
	hold(ctx, mallory, actionQueue/2+1-10)
	if _, err := change(ctx, s, mallory, &bodyMemory{}, func(context.Context) (int, error) { return 0, nil }); !errors.Is(err, g.ownFull) {
		t.Errorf("more than half of the queue: %v", err)
	}
	end() // those that wait hang up; those whose turn it is go on
	for g.requestsNow() > int(g.size)-1 {
		time.Sleep(time.Millisecond)
	}
}
