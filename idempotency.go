package jobdb

import (
	"context"
	"errors"
	"time"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// ReplyLifetime is how long a [Reply] is kept; longer if a clock was wrong meanwhile.
const ReplyLifetime = 24 * time.Hour

// Reply is the answer to a request. A client that doesn't know whether its request arrived can send
// it again and gets the same reply, instead of doing twice what it asked for.
type Reply struct {
	Request string // identifies the request; at most 64 characters
	Content string // identifies what it asked for, such as a hash of its body; at most 64 characters
	Text    string // the reply itself
}

// SaveReply stores a reply for [ReplyLifetime], and deletes older ones. A request that has a reply
// already is a [ConflictError], a text that is too long a [ValueError]. A database of DiracX or
// DIRAC has no table for replies, which is a [SchemaError].
func (a access) SaveReply(ctx context.Context, reply Reply) error {
	if a.db.schema.Kind != schema.KindOurs {
		return errNoReplies
	}
	for i, text := range []string{reply.Request, reply.Content, reply.Text} {
		if err := checkLength(tables.Answers.Columns[i], text); err != nil {
			return &ValueError{Column: tables.Answers.Columns[i].Name, Reason: err.Error()}
		}
	}
	err := a.write(ctx, "keep an answer", func(s *session) error {
		now := s.time(s.db.now())
		if _, err := s.exec(ctx, `DELETE FROM "Answers" WHERE "AnswerTime" < ?`, s.oldestReply(now)); err != nil {
			return err
		}
		return s.insert(ctx, tables.Answers, tables.Answers.Columns, [][]any{{reply.Request, reply.Content, reply.Text, now}}, "")
	})
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		conflict.What = "the answer to this request"
	}
	return err
}

// oldestReply is the time before which replies are deleted. A clock that is ahead, even for a
// while, must not make replies look old. So the earlier of two times counts: the database's without
// the steps by which it was set ahead, and the machine's, because a server that has just started
// knows of no steps.
func (s *session) oldestReply(now time.Time) any {
	c := &s.db.clock
	if s.db.options.CorrectClock && c.measured.Load() == nil {
		c.noteMachineStep() // its time may have been set this moment
	}
	now = now.Add(-c.maxStepAhead())
	if machine := c.machine(); machine.Before(now) {
		now = machine
	}
	return s.db.dialect.TimeBound(now.Add(-ReplyLifetime))
}

// SavedReply returns the reply to a request, and whether there is one that is not older than
// [ReplyLifetime]. A database of DiracX or DIRAC has no table for replies, which is a
// [SchemaError].
func (a access) SavedReply(ctx context.Context, request string) (reply Reply, found bool, err error) {
	if a.db.schema.Kind != schema.KindOurs {
		return Reply{}, false, errNoReplies
	}
	saved := checkText(request) == nil // else PostgreSQL would refuse to look for it
	err = a.read(ctx, "look for an answer", func(s *session) error {
		if !saved {
			return nil
		}
		text := `SELECT "Request", "Content", "Answer" FROM "Answers" WHERE "Request" = ? AND "AnswerTime" >= ?`
		args := []any{request, s.oldestReply(s.time(s.db.now()))}
		return s.query(ctx, text, args, scanRows(tables.Answers.Columns[:3], func(row []scanned) error {
			reply, found = Reply{row[0].text(), row[1].text(), row[2].text()}, true
			return nil
		}))
	})
	return reply, found, err
}

var errNoReplies = &SchemaError{Reason: "this database is not jobdb's own and has no table for answers to repeated requests"}
