package faults_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"

	"jobdb"
	"jobdb/wms"
)

// jobState is what clients can see of a job, in the model.
type jobState struct {
	exists      bool
	status      jobdb.Status
	application string
	killed      bool // a Kill waits for the next heartbeat
	counter     int64
}

// question is what a client asks for about one job.
type question struct {
	kind  kind
	to    jobdb.Status // setStatus, kill, remove
	force bool
	mark  string // the new ApplicationStatus
}

// look is a kind that changes nothing: a search.
const look kind = "look"

// response is what the client was told.
type response struct {
	known   bool // else it wasn't told anything: it may have been done, now or later or never
	late    bool // the update was older than another one, and changed nothing
	status  jobdb.Status
	kills   int
	seen    jobState // by a search
	counter int64    // of a job that was rescheduled
	refused bool     // to reschedule
}

// jobModel is one job as if all requests came one after the other, by the rules of wms. Whether an
// update is late depends on clocks: here only what follows from that is checked.
var jobModel = porcupine.Model{
	Init: func() any { return jobState{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(jobState).step(input.(question), output.(response)) //nolint:forcetypeassert // the histories have no others
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// step does what a client asked for, and tells whether that can have been the answer.
func (s jobState) step(q question, r response) (possible bool, after jobState) {
	switch q.kind {
	case submit:
		return !s.exists, jobState{exists: true, status: jobdb.StatusReceived, application: "Unknown"}
	case heartbeat:
		waiting := s.killed
		if s.status == jobdb.StatusMatched || s.status == jobdb.StatusStalled {
			s.status = jobdb.StatusRunning
		}
		s.killed = false
		return !r.known || (r.kills == 1) == waiting && r.kills <= 1, s
	case look:
		seen := s
		seen.killed = false
		return !r.known || r.seen == seen, s
	case reschedule:
		return s.reschedule(r)
	default:
		if r.late {
			return true, s
		}
		s = s.update(q)
		return !r.known || r.status == s.status, s
	}
}

// update is a change of status that isn't late.
func (s jobState) update(q question) jobState {
	before := s.status
	from := before
	if from == jobdb.StatusStalled {
		from = jobdb.StatusRunning
	}
	s.status, s.application = q.to, q.mark
	if !q.force {
		s.status = wms.NextStatus(from, q.to)
	}
	ends := func(status jobdb.Status) bool { return status == jobdb.StatusKilled || status == jobdb.StatusDeleted }
	if ends(s.status) && (s.status != before || ends(q.to)) {
		s.killed = true
	}
	return s
}

func (s jobState) reschedule(r response) (possible bool, after jobState) {
	switch {
	case !wms.MayReschedule(s.status):
		return !r.known || r.refused, s
	case s.counter >= wms.DefaultRules.Default.MaxReschedulings:
		return !r.known || r.refused, s.update(question{to: jobdb.StatusFailed, mark: "Unknown"})
	}
	after = jobState{exists: true, status: jobdb.StatusReceived, application: "Unknown", counter: s.counter + 1}
	return !r.known || !r.refused && r.counter == after.counter, after
}

// history makes one of questions and answers: each begins and ends at given times, never where it
// ends at 0.
type history []porcupine.Operation

func (h *history) add(began, ended int64, q question, r response) {
	if !r.known {
		ended = math.MaxInt64
	}
	*h = append(*h, porcupine.Operation{Input: q, Call: began, Output: r, Return: ended})
}

// The check of histories finds what is wrong, and lets pass what isn't.
func TestModel(t *testing.T) {
	made := question{kind: submit}
	running := question{kind: setStatus, to: jobdb.StatusRunning, force: true, mark: "a"}
	ended := question{kind: kill, to: jobdb.StatusKilled, mark: "b"}
	is := func(status jobdb.Status) response { return response{known: true, status: status} }
	sees := func(status jobdb.Status, mark string) response {
		return response{known: true, seen: jobState{exists: true, status: status, application: mark}}
	}
	for name, c := range map[string]struct {
		possible bool
		add      func(h *history)
	}{
		"one after the other": {true, func(h *history) {
			h.add(2, 3, running, is("Running"))
			h.add(4, 5, question{kind: look}, sees("Running", "a"))
		}},
		"a lost update": {false, func(h *history) {
			h.add(2, 3, running, is("Running"))
			h.add(4, 5, question{kind: look}, sees("Received", "Unknown"))
		}},
		"a search beside an update sees either": {true, func(h *history) {
			h.add(2, 9, running, is("Running"))
			h.add(3, 4, question{kind: look}, sees("Received", "Unknown"))
			h.add(5, 6, question{kind: look}, sees("Running", "a"))
		}},
		"an update that comes and goes": {false, func(h *history) {
			h.add(2, 9, running, is("Running"))
			h.add(3, 4, question{kind: look}, sees("Running", "a"))
			h.add(5, 6, question{kind: look}, sees("Received", "Unknown"))
		}},
		"no answer, and done later": {true, func(h *history) {
			h.add(2, 0, running, response{})
			h.add(3, 4, question{kind: look}, sees("Received", "Unknown"))
			h.add(5, 6, question{kind: look}, sees("Running", "a"))
		}},
		"a late update that counted": {false, func(h *history) {
			h.add(2, 3, running, response{known: true, late: true})
			h.add(4, 5, question{kind: look}, sees("Running", "a"))
		}},
		"a Kill for two heartbeats": {false, func(h *history) {
			h.add(2, 3, ended, is("Killed"))
			h.add(4, 7, question{kind: heartbeat}, response{known: true, kills: 1})
			h.add(5, 6, question{kind: heartbeat}, response{known: true, kills: 1})
		}},
		"a Kill that nobody got": {false, func(h *history) {
			h.add(2, 3, ended, is("Killed"))
			h.add(4, 5, question{kind: heartbeat}, response{known: true})
		}},
		"a killed job that runs again": {false, func(h *history) {
			h.add(2, 3, ended, is("Killed"))
			h.add(4, 5, question{kind: reschedule}, response{known: true, counter: 1})
		}},
		"rescheduled twice, counted once": {false, func(h *history) {
			h.add(2, 5, question{kind: reschedule}, response{known: true, counter: 1})
			h.add(3, 6, question{kind: reschedule}, response{known: true, counter: 1})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{}
			h.add(0, 1, made, response{known: true})
			c.add(&h)
			if porcupine.CheckOperations(jobModel, h) != c.possible {
				t.Errorf("possible: want %t", c.possible)
			}
		})
	}
}
