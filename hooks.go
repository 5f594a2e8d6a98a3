package jobdb

import (
	"context"
	"time"
)

// Hooks are functions that a [DB] calls while it works, for metrics and traces. Nil functions are
// not called. Many goroutines may call the others at once, and wait for them to return.
type Hooks struct {
	// Done is called after each task, with how long it took and with the error that it returned. A
	// task is a method of the DB or of a [Tx], named as in errors: "search jobs". The whole of a
	// [DB.Tx] is the task "transaction", which its methods are part of. There are some dozens of names.
	Done func(task string, took time.Duration, err error)

	// Statement is called before each statement, with the task that it is for and its text, which
	// has placeholders where values go. The function that it returns is called when the statement
	// ends; for a query that is after its last row.
	Statement func(ctx context.Context, task, text string) (end func(error))
}

// taskTransaction is what [DB.Tx] as a whole is called.
const taskTransaction = "transaction"

// task runs do and reports it to the hook Done.
func (db *DB) task(what string, do func() error) error {
	if db.options.Hooks.Done == nil {
		return do()
	}
	began := systemClock()
	err := do()
	db.options.Hooks.Done(what, systemClock().Sub(began), err)
	return err
}

func noEnd(error) {}

// began reports a statement to the hook, and returns the function to call with the statement's
// error.
func (s *session) began(ctx context.Context, text string) (end func(error)) {
	if s.db.options.Hooks.Statement == nil {
		return noEnd
	}
	return s.db.options.Hooks.Statement(ctx, s.task, text)
}
