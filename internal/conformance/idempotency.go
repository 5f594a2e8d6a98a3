package conformance

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file has requests come again.
var replyTests = []conformanceTest{
	{"Answers", testReplies},
	{"AnswersOnce", testRepliesOnce},
}

// An answer is kept for a day, once, and only on a database of our own.
func testReplies(f *fixture) {
	first := jobdb.Reply{Request: f.vo + " Key", Content: "c", Text: strings.Repeat("é", 40_000)}
	if f.Schema() != jobdb.SchemaOurs {
		f.refused(f.SaveReply(f.ctx, first), jobdb.ErrSchema, "no table for answers")
		_, _, err := f.SavedReply(f.ctx, first.Request)
		f.refused(err, jobdb.ErrSchema, "no table for answers")
		return
	}
	kept := func(request string) (jobdb.Reply, bool) {
		answer, found, err := f.SavedReply(f.ctx, request)
		f.ok(err)
		return answer, found
	}
	if _, found := kept(first.Request); found {
		f.t.Errorf("found what was never kept")
	}
	f.ok(f.SaveReply(f.ctx, first))
	answer, found := kept(first.Request)
	f.equal("the answer", answer, first)
	f.equal("found", found, true)
	if _, found := kept(f.vo + " key"); found {
		f.t.Errorf("another request, in small letters, was taken for this one")
	}
	f.refused(f.SaveReply(f.ctx, first), jobdb.ErrConflict, "answer")
	f.refused(f.SaveReply(f.ctx, jobdb.Reply{Request: strings.Repeat("x", 65)}), jobdb.ErrInvalidValue, "Request")
	failed := errors.New("no")
	err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		return errors.Join(tx.SaveReply(ctx, jobdb.Reply{Request: f.vo + " undone"}), failed)
	})
	f.refused(err, failed, "")
	if _, found := kept(f.vo + " undone"); found {
		f.t.Errorf("kept by a transaction that failed")
	}
	f.clock.set(noon.Add(jobdb.ReplyLifetime))
	if _, found := kept(first.Request); !found {
		f.t.Errorf("gone after %v", jobdb.ReplyLifetime)
	}
	f.clock.set(noon.Add(jobdb.ReplyLifetime + time.Microsecond))
	if _, found := kept(first.Request); found {
		f.t.Errorf("there after more than %v", jobdb.ReplyLifetime)
	}
	f.ok(f.SaveReply(f.ctx, jobdb.Reply{Request: first.Request, Content: "d"}))
	answer, _ = kept(first.Request)
	f.equal("the next day's answer", answer, jobdb.Reply{Request: first.Request, Content: "d"})
}

// Of callers that answer one request at once, one succeeds.
func testRepliesOnce(f *fixture) {
	if f.Schema() != jobdb.SchemaOurs {
		f.test.Skip("only a database of jobdb's own keeps replies; the other test shows that others refuse them")
	}
	var kept atomic.Int32
	f.together(8, func(int) error {
		err := f.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + " once"})
		if errors.Is(err, jobdb.ErrConflict) {
			return nil
		}
		kept.Add(1)
		return err
	})
	f.equal("callers that kept it", kept.Load(), int32(1))
}
