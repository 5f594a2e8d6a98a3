package api

import (
	"context"
	"time"

	"jobdb/auth"
	"jobdb/metrics"
)

// Requests are of four classes, each with a part of the database's connections, so that questions,
// however many and however costly, leave some for what pilots and users do. Each class has a queue,
// in which one caller has at most half of the places.
type classes struct {
	actions *gate // of pilots and users: submissions, heartbeats, statuses … may have all connections; see act
	pages   *gate // questions that are answered in milliseconds: half of the connections
	costly  *gate // the others, see [jobdb.DB.CostlySearch]: an eighth, since each keeps a processor busy; the cheapest first
	lines   *gate // pieces of answers of any length: an eighth

	estimates *room // one at a time, of what waits among the costly

	openLines   *gate // answers of any length that clients read, in pieces or not at all
	listeners   *gate // readers of changes, by their callers
	voListeners *gate // the same, by VOs
}

const (
	// queueWait is how long a request waits for its turn. With the time limit of its query it is less
	// than a client waits.
	queueWait = 30 * time.Second
	// minActions is how many actions are let through however few connections there are: on SQLite
	// those that come at the same time share a commit.
	minActions  = 64
	actionQueue = 4096
	pageQueue   = 1024
	costlyQueue = 128
	lineQueue   = 512
	maxLines    = 1000
)

// newClasses divides so many connections; 0 is any number. Costly questions leave one of this machine's
// processors to others: their answers keep one busy here, and on SQLite all of their work does.
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
		estimates: newRoom(1),
		listeners: newGate(maxReaders, maxOwnReaders, 0, time.Second, full,
			tooManyOwn("you listen to changes in too many places; close some")),
		voListeners: newGate(maxReaders, maxVOReaders, 0, time.Second, full,
			busy("too many of your VO listen to changes; try again later")),
		openLines: newGate(maxLines, maxLines/2, 0, time.Second, full, own),
	}
}

// classNumbers are what metrics tell of the gates, by their names.
func (s *service) classNumbers() map[string]metrics.Class {
	return map[string]metrics.Class{
		"actions": s.actions.numbers(), "pages": s.pages.numbers(), "costly": s.costly.numbers(), "lines": s.lines.numbers(),
		"open_lines": s.openLines.numbers(), "upload_memory": s.uploads.numbers(), "work_memory": s.work.numbers(), "answer_memory": s.answers.numbers(),
	}
}

// inTurn asks the database something when it is the caller's turn.
func inTurn[T any](ctx context.Context, class *gate, p auth.Principal, cost costOf, do func(context.Context) (T, error)) (result T, err error) {
	turn, err := class.takeTurn(ctx, p.Subject, cost)
	if err != nil {
		return result, err
	}
	defer turn.leave()
	return do(ctx)
}

// act does something of the class of actions when it is the caller's turn. All pilots of a VO may be
// one caller, so they may have all of the room and the queue. Meanwhile what is left of the body
// counts.
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

// change is act for what goes on for a while when the client hangs up after its turn began. Who
// hangs up before has no turn.
func change[T any](ctx context.Context, s *service, p auth.Principal, memory *bodyMemory, do func(context.Context) (T, error)) (T, error) {
	return act(ctx, s, p, memory, func(ctx context.Context) (T, error) {
		ctx, cancel := outlive(ctx, writeGrace)
		defer cancel()
		return do(ctx)
	})
}
