package conformance

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file has requests come again.
var answerTests = []conformanceTest{
	{"Answers", testAnswers},
	{"AnswersOnce", testAnswersOnce},
}

// An answer is kept for a day, once, and only on a database of our own.
func testAnswers(f *fixture) {
	first := jobdb.Answer{Request: f.vo + " Key", Content: "c", Text: strings.Repeat("é", 40_000)}
	if f.Schema() != jobdb.SchemaOurs {
		f.refused(f.KeepAnswer(f.ctx, first), jobdb.ErrSchema, "no table for answers")
		_, _, err := f.KeptAnswer(f.ctx, first.Request)
		f.refused(err, jobdb.ErrSchema, "no table for answers")
		return
	}
	kept := func(request string) (jobdb.Answer, bool) {
		answer, found, err := f.KeptAnswer(f.ctx, request)
		f.ok(err)
		return answer, found
	}
	if _, found := kept(first.Request); found {
		f.t.Errorf("found what was never kept")
	}
	f.ok(f.KeepAnswer(f.ctx, first))
	answer, found := kept(first.Request)
	f.equal("the answer", answer, first)
	f.equal("found", found, true)
	if _, found := kept(f.vo + " key"); found {
		f.t.Errorf("another request, in small letters, was taken for this one")
	}
	f.refused(f.KeepAnswer(f.ctx, first), jobdb.ErrConflict, "answer")
	f.refused(f.KeepAnswer(f.ctx, jobdb.Answer{Request: strings.Repeat("x", 65)}), jobdb.ErrInvalidValue, "Request")
	failed := errors.New("no")
	err := f.Tx(f.ctx, func(tx *jobdb.Tx) error {
		return errors.Join(tx.KeepAnswer(f.ctx, jobdb.Answer{Request: f.vo + " undone"}), failed)
	})
	f.refused(err, failed, "")
	if _, found := kept(f.vo + " undone"); found {
		f.t.Errorf("kept by a transaction that failed")
	}
	f.clock.set(noon.Add(jobdb.AnswerLife))
	if _, found := kept(first.Request); !found {
		f.t.Errorf("gone after %v", jobdb.AnswerLife)
	}
	f.clock.set(noon.Add(jobdb.AnswerLife + time.Microsecond))
	if _, found := kept(first.Request); found {
		f.t.Errorf("there after more than %v", jobdb.AnswerLife)
	}
	f.ok(f.KeepAnswer(f.ctx, jobdb.Answer{Request: first.Request, Content: "d"}))
	answer, _ = kept(first.Request)
	f.equal("the next day's answer", answer, jobdb.Answer{Request: first.Request, Content: "d"})
}

// Of callers that answer one request at once, one succeeds.
func testAnswersOnce(f *fixture) {
	if f.Schema() != jobdb.SchemaOurs {
		return
	}
	var kept atomic.Int32
	f.together(8, func(int) error {
		err := f.KeepAnswer(f.ctx, jobdb.Answer{Request: f.vo + " once"})
		if errors.Is(err, jobdb.ErrConflict) {
			return nil
		}
		kept.Add(1)
		return err
	})
	f.equal("callers that kept it", kept.Load(), int32(1))
}
