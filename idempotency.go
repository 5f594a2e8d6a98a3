package jobdb

import (
	"context"
	"errors"
	"time"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// ReplyLifetime is how long an [Answer] is kept.
const ReplyLifetime = 24 * time.Hour

// Reply is what was answered to a request, so that the same request, sent
// again by a client that doesn't know whether the first arrived, does nothing twice.
type Reply struct {
	Request string // tells the request from all others; at most 64 characters
	Content string // tells what it asked for; at most 64 characters
	Text    string // what was answered
}

// SaveReply keeps an answer for [ReplyLifetime]. A request that was answered
// already is a [ConflictError]. A live database has nowhere to keep it, which is a [SchemaError].
func (a access) SaveReply(ctx context.Context, answer Reply) error {
	if a.db.schema.Kind != schema.KindOurs {
		return errNoReplies
	}
	for i, text := range []string{answer.Request, answer.Content, answer.Text} {
		if err := checkLength(tables.Answers.Columns[i], text); err != nil {
			return &ValueError{Column: tables.Answers.Columns[i].Name, Reason: err.Error()}
		}
	}
	err := a.write(ctx, "keep an answer", func(s *session) error {
		now := s.time(s.db.now())
		if _, err := s.exec(ctx, `DELETE FROM "Answers" WHERE "AnswerTime" < ?`, s.db.dialect.TimeBound(now.Add(-ReplyLifetime))); err != nil {
			return err
		}
		return s.insert(ctx, tables.Answers, tables.Answers.Columns, [][]any{{answer.Request, answer.Content, answer.Text, now}}, "")
	})
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		conflict.What = "the answer to this request"
	}
	return err
}

// SavedReply returns the answer to a request that was answered within [ReplyLifetime].
func (a access) SavedReply(ctx context.Context, request string) (answer Reply, found bool, err error) {
	if a.db.schema.Kind != schema.KindOurs {
		return Reply{}, false, errNoReplies
	}
	saved := checkText(request) == nil // else PostgreSQL would refuse to look for it
	err = a.read(ctx, "look for an answer", func(s *session) error {
		if !saved {
			return nil
		}
		text := `SELECT "Request", "Content", "Answer" FROM "Answers" WHERE "Request" = ? AND "AnswerTime" >= ?`
		args := []any{request, s.db.dialect.TimeBound(s.time(s.db.now()).Add(-ReplyLifetime))}
		return s.query(ctx, text, args, scanRows(tables.Answers.Columns[:3], func(row []scanned) error {
			answer, found = Reply{row[0].text(), row[1].text(), row[2].text()}, true
			return nil
		}))
	})
	return answer, found, err
}

var errNoReplies = &SchemaError{Reason: "this database is not jobdb's own and has no table for answers to repeated requests"}
