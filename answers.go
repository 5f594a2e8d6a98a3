package jobdb

import (
	"context"
	"errors"
	"time"
)

// answers is a table of our own schema only.
var answers = &table{
	name: "Answers",
	columns: []column{
		{name: "Request", kind: Text, length: 64},
		{name: "Content", kind: Text, length: 64},
		{name: "Answer", kind: Text},
		{name: "AnswerTime", kind: Time},
	},
	key: []string{"Request"},
}

// AnswerLife is how long an [Answer] is kept.
const AnswerLife = 24 * time.Hour

// Answer is what was answered to a request, so that the same request, sent
// again by a client that doesn't know whether the first arrived, does nothing twice.
type Answer struct {
	Request string // tells the request from all others; at most 64 characters
	Content string // tells what it asked for; at most 64 characters
	Text    string // what was answered
}

// KeepAnswer keeps an answer for [AnswerLife]. A request that was answered
// already is a [ConflictError]. A live database has nowhere to keep it, which is a [SchemaError].
func (a access) KeepAnswer(ctx context.Context, answer Answer) error {
	if a.db.schema.kind != SchemaOurs {
		return errNoAnswers
	}
	for i, text := range []string{answer.Request, answer.Content, answer.Text} {
		if err := textFits(answers.columns[i], text); err != nil {
			return &ValueError{Column: answers.columns[i].name, Reason: err.Error()}
		}
	}
	err := a.write(ctx, "keep an answer", func(s *session) error {
		now := s.time(s.db.now())
		if _, err := s.exec(ctx, `DELETE FROM "Answers" WHERE "AnswerTime" < ?`, s.db.dialect.bound(now.Add(-AnswerLife))); err != nil {
			return err
		}
		return s.insert(ctx, answers, answers.columns, [][]any{{answer.Request, answer.Content, answer.Text, now}}, "")
	})
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		conflict.What = "the answer to this request"
	}
	return err
}

// KeptAnswer returns the answer to a request that was answered within [AnswerLife].
func (a access) KeptAnswer(ctx context.Context, request string) (answer Answer, found bool, err error) {
	if a.db.schema.kind != SchemaOurs {
		return Answer{}, false, errNoAnswers
	}
	err = a.read("look for an answer", func(s *session) error {
		text := `SELECT "Request", "Content", "Answer" FROM "Answers" WHERE "Request" = ? AND "AnswerTime" >= ?`
		args := []any{request, s.db.dialect.bound(s.time(s.db.now()).Add(-AnswerLife))}
		return s.query(ctx, text, args, scanRows(answers.columns[:3], func(row []cell) error {
			answer, found = Answer{row[0].text(), row[1].text(), row[2].text()}, true
			return nil
		}))
	})
	return answer, found, err
}

var errNoAnswers = &SchemaError{Reason: "this database is not jobdb's own and has no table for answers to repeated requests"}
