package api

import (
	"context"
	"time"

	"jobdb/auth"
	"jobdb/metrics"
)

// Each request belongs to one of four classes, which share the database's connections. So
// questions, however many and however costly, leave connections for the work of pilots and users.
// Each class has a queue, of which one caller gets at most half.
type classes struct {
	actions *gate // of pilots and users: submissions, heartbeats, statuses …: all connections; see act
	pages   *gate // questions that take milliseconds: half of the connections
	costly  *gate // other questions, see [jobdb.DB.CostlySearch]: an eighth, because each keeps a processor busy; the cheapest first
	lines   *gate // pieces of answers of any length: an eighth

	estimates *semaphore // of the cost of questions that wait among the costly: one at a time

	openLines   *gate // answers of any length whose clients are still reading
	listeners   *gate // readers of changes, by their callers
	voListeners *gate // the same, by VOs
}

const (
	// queueWait is how long a request waits for its turn. Together with the time limit of its query
	// that is less than clients wait for an answer.
	queueWait = 30 * time.Second
	// minActions is how many actions run at once, however few connections there are: on SQLite
	// those that run at the same time share a commit.
	minActions  = 64
	actionQueue = 4096
	pageQueue   = 1024
	costlyQueue = 128
	lineQueue   = 512
	maxLines    = 1000
)

// newClasses divides the connections among the classes; 0 is any number. Costly questions leave one
// of this machine's processors free: making their answers keeps a processor busy, and on SQLite all
// of their work does.
func newClasses(connections, processors int) classes {
	if connections == 0 {
		connections = 32
	}
	n := int64(connections)
	full := busy("the server answers too many other requests of this kind; try again later")
	own := busy("you have too many other requests of this kind running; try again later")
	part := func(size int64, queue int) *gate {
		size = max(1, size)
		return newGate(size, max(1, size/2), queue, queueWait, full, own)
	}
	all, costly := max(minActions, n), min(max(2, n/8), n/4, int64(processors)-1)
	return classes{
		actions: newGate(all, all/2, actionQueue, queueWait, full, own),
		pages:   part(n/2, pageQueue), costly: part(costly, costlyQueue), lines: part(n/8, lineQueue),
		estimates: newSemaphore(1),
		listeners: newGate(maxReaders, maxOwnReaders, 0, time.Second, full,
			tooManyOwn("you listen to changes in too many places; close some")),
		voListeners: newGate(maxReaders, maxVOReaders, 0, time.Second, full,
			busy("too many of your VO listen to changes; try again later")),
		openLines: newGate(maxLines, maxLines/2, 0, time.Second, full, own),
	}
}

// classNumbers returns the numbers of the gates for metrics, by their names.
func (s *service) classNumbers() map[string]metrics.Class {
	return map[string]metrics.Class{
		"actions": s.actions.numbers(), "pages": s.pages.numbers(), "costly": s.costly.numbers(), "lines": s.lines.numbers(),
		"open_lines": s.openLines.numbers(), "upload_memory": s.uploads.numbers(), "work_memory": s.work.numbers(), "answer_memory": s.answers.numbers(),
	}
}

// inTurn runs do when it is the caller's turn in a class.
func inTurn[T any](ctx context.Context, class *gate, p auth.Principal, cost costOf, do func(context.Context) (T, error)) (result T, err error) {
	turn, err := class.takeTurn(ctx, p.Subject, cost)
	if err != nil {
		return result, err
	}
	defer turn.leave()
	return do(ctx)
}

// act is inTurn for the class of actions. All pilots of a VO may be a single caller, so a pilot may
// take the whole class and its queue. Meanwhile only what is left of the body takes memory.
func act[T any](ctx context.Context, s *service, p auth.Principal, memory *bodyMemory, do func(context.Context) (T, error)) (result T, err error) {
	memory.decoded()
	share := s.actions.share
	if p.Has(auth.GenericPilot) {
		share = s.actions.size
	}
	turn, err := s.actions.takeShare(ctx, p.Subject, share, 1, nil)
	if err != nil {
		return result, err
	}
	defer turn.leave()
	return do(ctx)
}

// change is act for work that goes on for a while if the client hangs up once its turn has begun;
// see outlive. A client that hangs up before gets no turn.
func change[T any](ctx context.Context, s *service, p auth.Principal, memory *bodyMemory, do func(context.Context) (T, error)) (T, error) {
	return act(ctx, s, p, memory, func(ctx context.Context) (T, error) {
		ctx, cancel := outlive(ctx, writeGrace)
		defer cancel()
		return do(ctx)
	})
}
