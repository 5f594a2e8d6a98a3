package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"jobdb/auth"
)

// answering is what questions need of a service. Who waits for memory gives up soon.
func answering() *service {
	s := &service{answers: answerGate(), classes: newClasses(32, 64)}
	s.answers.wait = 20 * time.Millisecond
	return s
}

// looking is an answer that looks at the service while it is written.
type looking struct {
	discardedAnswer
	look func()
}

type discardedAnswer struct{ http.ResponseWriter }

func (discardedAnswer) Header() http.Header { return http.Header{} }
func (discardedAnswer) WriteHeader(int)     {}

func (l looking) Write(b []byte) (int, error) {
	l.look()
	return len(b), nil
}

func ofSize(n int) func(context.Context, []byte) (int, []byte, error) {
	return func(context.Context, []byte) (int, []byte, error) { return http.StatusOK, make([]byte, n), nil }
}

// An answer has memory for all of its bytes while it is sent, whatever it was expected to be, and is
// refused where there is none.
func TestAnswersAreCountedWhole(t *testing.T) {
	s := answering()
	alice, request := auth.Principal{Subject: "alice"}, httptest.NewRequest(http.MethodGet, "/", nil)
	for _, expected := range []int64{0, smallAnswer + 1, 20 << 20} {
		left, q := int64(0), question{class: s.pages, size: expected, read: ofSize(8 << 20)}
		err := s.ask(looking{look: func() {
			left = s.answers.size
			for left > 0 && !s.answers.room.tryTake(left) {
				left -= 1 << 20
			}
			s.answers.room.giveBack(left)
		}}, request, alice, q)
		if took := s.answers.size - left; err != nil || took != 8<<20 {
			t.Errorf("expected %d bytes: took %d of 8 MiB, error %v", expected, took, err)
		}
		empty(t, s.answers)
		s.answers.room.giveBack(s.answers.size)
	}
	bob := mustTake(t, s.answers, "bob", 32<<20)
	carol := mustTake(t, s.answers, "carol", 31<<20)
	q := question{class: s.pages, size: smallAnswer + 1, read: ofSize(8 << 20)}
	if err := s.ask(httptest.NewRecorder(), request, alice, q); !errors.Is(err, s.answers.full) {
		t.Errorf("larger than what there is: %v", err)
	}
	bob.leave()
	carol.leave()
	empty(t, s.answers)
}

// Who waits for memory has no turn meanwhile.
func TestAnswersWaitForMemoryFirst(t *testing.T) {
	s := answering()
	s.answers.wait = time.Minute
	holds := []*taken{mustTake(t, s.answers, "alice", 32<<20), mustTake(t, s.answers, "bob", 32<<20)}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	var all sync.WaitGroup
	for _, name := range []string{"carol", "carol", "dave", "dave"} {
		all.Go(func() {
			q := question{class: s.costly, size: 1 << 20, read: ofSize(1)}
			if err := s.ask(httptest.NewRecorder(), request, auth.Principal{Subject: name}, q); err != nil {
				t.Error(err)
			}
		})
	}
	for s.answers.requestsNow() < 6 {
		time.Sleep(time.Millisecond)
	}
	empty(t, s.costly)
	for _, held := range holds {
		held.leave()
	}
	s.costly.room.giveBack(s.costly.size)
	all.Wait()
	empty(t, s.answers)
}

// A request that panics gives everything back.
func TestAnswersThatPanic(t *testing.T) {
	s := answering()
	func() {
		defer func() { _ = recover() }()
		q := question{class: s.pages, size: 30 << 20, read: func(context.Context, []byte) (int, []byte, error) { panic("x") }}
		_ = s.ask(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), auth.Principal{Subject: "alice"}, q)
	}()
	empty(t, s.answers)
	empty(t, s.pages)
}
