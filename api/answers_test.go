package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/auth"
	"jobdb/jobdbtest"
	"jobdb/wms"
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

func ofSize(n int) func(context.Context, []byte, func(int64) error) (int, []byte, error) {
	return func(context.Context, []byte, func(int64) error) (int, []byte, error) {
		return http.StatusOK, make([]byte, n), nil
	}
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
			for left > 0 && !s.answers.sem.tryTake(left) {
				left -= 1 << 20
			}
			s.answers.sem.giveBack(left)
		}}, request, alice, q)
		if took := s.answers.size - left; err != nil || took != 8<<20 {
			t.Errorf("expected %d bytes: took %d of 8 MiB, error %v", expected, took, err)
		}
		empty(t, s.answers)
		s.answers.sem.giveBack(s.answers.size)
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
	holds := []*permit{mustTake(t, s.answers, "alice", 32<<20), mustTake(t, s.answers, "bob", 32<<20)}
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
	s.costly.sem.giveBack(s.costly.size)
	all.Wait()
	empty(t, s.answers)
}

// A request that panics gives everything back.
func TestAnswersThatPanic(t *testing.T) {
	s := answering()
	func() {
		defer func() { _ = recover() }()
		q := question{class: s.pages, size: 30 << 20, read: func(context.Context, []byte, func(int64) error) (int, []byte, error) { panic("x") }}
		_ = s.ask(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), auth.Principal{Subject: "alice"}, q)
	}()
	empty(t, s.answers)
	empty(t, s.pages)
}

// Summaries that find no memory for their rows are refused while they read them, and don't hold them
// until there is some.
func TestSummariesAreCountedWhileTheyAreRead(t *testing.T) {
	s := answering()
	s.answers.wait = 2 * time.Second
	s.DB, s.Visibility = jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{}), auth.VisibleVO
	fillDifferent(t, s.DB, 10_000)
	bob, carol := mustTake(t, s.answers, "bob", 32<<20), mustTake(t, s.answers, "carol", 31<<20)
	before := liveHeap()
	var all sync.WaitGroup
	for _, name := range []string{"alice", "dave", "erin", "frank", "grace", "heidi"} {
		all.Go(func() {
			p := auth.Principal{Subject: name, Username: name, VO: "lhcb", Properties: []string{auth.NormalUser}}
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			if err := s.summary(httptest.NewRecorder(), r, p, []byte(`{"grouping":["JobID","JobName","Owner"]}`), &bodyMemory{}); !errors.Is(err, s.answers.full) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	most := int64(0)
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-time.After(50 * time.Millisecond):
			most = max(most, liveHeap()-before)
		}
	}
	t.Logf("they held up to %d KiB", most>>10)
	if most > 4<<20 {
		t.Errorf("summaries without memory for their rows hold %d bytes", most)
	}
	bob.leave()
	carol.leave()
	empty(t, s.answers)
}

// What details of a job are expected to take is as much as they are, whatever there is most of.
func TestDetailsAreCountedWhole(t *testing.T) {
	for name, job := range map[string]wms.Details{
		"history":    {History: make([]jobdb.HistoryRecord, 10_000)},
		"heartbeats": {Heartbeats: make([]jobdb.Heartbeat, 7000)},
		"commands":   {Commands: make([]jobdb.CommandRecord, 1000)},
		"input data": {InputData: slices.Repeat([]jobdb.InputFile{{LFN: "/lhcb/" + strings.Repeat("x", 100)}}, 10_000)},
	} {
		if answer, err := json.Marshal(detailsOf(job)); err != nil || sizeOf(job) < int64(len(answer)) {
			t.Errorf("%s: %d bytes are expected, %d are sent (error: %v)", name, sizeOf(job), len(answer), err)
		}
	}
}

// fillDifferent makes jobs each of which is a group of its own.
func fillDifferent(t *testing.T, db *jobdb.DB, n int) {
	t.Helper()
	ids, err := db.CreateJobs(t.Context(), make([]string, n))
	if err != nil {
		t.Fatal(err)
	}
	jobs := make(map[jobdb.JobID]jobdb.Attributes, n)
	for _, id := range ids {
		jobs[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "JobName": fmt.Sprint(strings.Repeat("x", 100), id)}
	}
	if err := db.InsertJobAttributes(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
