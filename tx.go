package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
)

// Tx is a transaction, which [DB.Tx] hands to its function. It is for one goroutine. A method that
// fails in the database fails the transaction: later methods return the same error, and nothing of
// it is kept.
type Tx struct{ access }

// access is the access layer: every method, on a [DB] as a transaction of its own and on a [Tx] as
// a part of it.
type access struct {
	db *DB
	tx *session // nil on a DB
}

// session is where statements go: a pool, or one transaction.
type session struct {
	db          *DB
	task        string // what its statements are for
	q           engine.Querier
	inTx        bool
	failed      error    // the first error of a statement in a transaction
	gaveRow     bool     // the caller has received a row
	historyTx   *session // the transaction on the history's own database, once begun
	locked      map[JobID]bool
	wrote       bool            // a statement has changed rows
	lastNumbers map[JobID]int64 // by job: the last number of a history that only this transaction can write

	reusesRows bool // of a search, whose rows nobody keeps
}

// read runs one query.
func (a access) read(ctx context.Context, what string, fn func(*session) error) error {
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	return a.db.readOutside(ctx, what, func() (*session, error) {
		s := &session{db: a.db, task: what, q: a.db.engine.Reader}
		return s, fn(s)
	})
}

// readOutside runs what only reads, outside of any transaction of the caller's.
func (db *DB) readOutside(ctx context.Context, what string, run func() (*session, error)) error {
	if err := db.usable(ctx); err != nil {
		return err
	}
	return db.task(what, func() error {
		done, err := db.engine.Reading(ctx)
		if err != nil {
			return db.wrapError(what, err)
		}
		defer done()
		return db.wrapError(what, db.untilUninterrupted(ctx, run))
	})
}

// snapshot runs several queries that see one state of the database.
func (a access) snapshot(ctx context.Context, what string, fn func(*session) error) error {
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	return a.db.readOutside(ctx, what, func() (*session, error) {
		tx, err := a.db.engine.Reader.BeginTx(ctx, a.db.engine.Snapshot)
		if err != nil {
			return &session{}, err
		}
		defer tx.Rollback()
		s := &session{db: a.db, task: what, q: tx, inTx: true}
		return s, fn(s)
	})
}

// write runs fn in a transaction; all its changes are kept, or none.
func (a access) write(ctx context.Context, what string, fn func(*session) error) error {
	if a.db.options.ReadOnly {
		return a.db.wrapError(what, errReadOnly)
	}
	if a.tx != nil {
		return a.tx.run(what, fn)
	}
	return a.db.task(what, func() error {
		return a.db.transact(ctx, func(s *session) error {
			s.task = what
			return s.db.wrapError(what, fn(s))
		})
	})
}

// canAutocommit reports whether a single statement may be run without a transaction. It may not on
// a pool that was given: there the server goes on with a cancelled statement, and only a
// transaction undoes it.
func (a access) canAutocommit() bool {
	return a.tx == nil && !a.db.options.ReadOnly && a.db.dialect.LockWithin && !a.db.engine.Given
}

// writeAutocommit runs a single statement that does all of a small change, without the round trips
// of a transaction, and returns how many rows it wrote. Where that isn't possible, or another
// transaction is in its way, it writes none: the caller then does the same in a transaction.
func (a access) writeAutocommit(ctx context.Context, what, text string, args ...any) (int64, error) {
	if !a.canAutocommit() {
		return 0, nil
	}
	n := int64(0)
	refused, err := a.autocommit(ctx, what, func(s *session) (err error) {
		n, err = s.exec(ctx, text, args...)
		return err
	})
	if refused {
		n = 0
	}
	return n, err
}

// autocommit runs fn, which must send one statement only, without a transaction. refused reports
// that nothing was written, for a reason that may not stop a transaction.
func (a access) autocommit(ctx context.Context, what string, fn func(*session) error) (refused bool, err error) {
	if err := a.db.usable(ctx); err != nil {
		return false, err
	}
	err = a.db.task(what, func() error {
		s := &session{db: a.db, task: what, q: a.db.engine.Writer}
		err := fn(s)
		if s.wrote {
			a.db.full.Store(0)
		}
		switch a.db.classOf(err) {
		case engine.ClassDuplicate, engine.ClassRetry, engine.ClassInterrupted, engine.ClassBroken, engine.ClassFull, engine.ClassValue:
			refused, err = true, nil
		default:
		}
		return a.db.wrapError(what, withContext(ctx, err))
	})
	return refused, err
}

// writeOne is write for an fn that sends one statement only. It runs without a transaction where it
// can.
func (a access) writeOne(ctx context.Context, what string, fn func(*session) error) error {
	if !a.canAutocommit() {
		return a.write(ctx, what, fn)
	}
	refused, err := a.autocommit(ctx, what, fn)
	if refused {
		return a.write(ctx, what, fn)
	}
	return err
}

// Tx runs fn in a transaction: all that it does through tx is kept when it
// returns nil, nothing when it returns an error, which Tx returns. A
// transaction that loses against another (deadlock, serialization or
// certification failure, lock wait, SQLITE_BUSY) is run again, at most 30 times with growing
// pauses, so fn must be safe to run again. Whether a transaction was kept whose
// connection broke during the commit can't be known; it is [ErrUnavailable].
//
// fn is called with ctx, marked as one of this transaction: the DB's own methods, which would wait
// for the transaction to end or not see what it did, return [ErrInTx] to it. Other DBs may be used.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	inside := context.WithValue(ctx, txMark{db}, true)
	if db.history != db {
		inside = context.WithValue(inside, txMark{db.history}, true)
	}
	return db.task(taskTransaction, func() error {
		return db.transact(ctx, func(s *session) error {
			err := fn(inside, &Tx{access{db: db, tx: s}})
			if err == nil {
				return s.failed
			}
			return err
		})
	})
}

// txMark is the key of the context that a transaction of a DB gives to its function.
type txMark struct{ db *DB }

// misused returns an error for mistakes of the program: a DB that is closed, or a context of its
// own transaction.
func (db *DB) misused(ctx context.Context) error {
	if db.closed.Load() {
		return ErrClosed
	}
	if ctx.Value(txMark{db}) != nil {
		return ErrInTx
	}
	return nil
}

// usable refuses a misused DB, and a database that this program can't work on.
func (db *DB) usable(ctx context.Context) error {
	if err := db.misused(ctx); err != nil {
		return err
	}
	if err := db.refusal(); err != nil {
		return err
	}
	switch db.schema.Kind {
	case schema.KindEmpty:
		return &SchemaError{Reason: `the database has no tables yet; run "jobdb migrate"`}
	case schema.KindUnknown:
		return &SchemaError{Reason: `this is not a job database that jobdb can work on; "jobdb schema check" says why`}
	case schema.KindOurs, schema.KindDiracX, schema.KindLegacy:
	}
	return nil
}

// errReadOnly stands for the engines' different errors. On a pool that was given the engine
// wouldn't even refuse.
var errReadOnly = &UnavailableError{Err: errors.New("it was opened to be read only")}

// withContext adds the context's error when the context has ended: engines and drivers report that
// in their own words.
func withContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

// commitError is an error of COMMIT. The transaction may have been committed all the same.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }

func (e *commitError) Unwrap() error { return e.err }

func commit(tx *sql.Tx) error {
	if err := tx.Commit(); err != nil {
		return &commitError{err}
	}
	return nil
}

// runOnce runs fn in a transaction, which may share its commit with others on SQLite.
func (db *DB) runOnce(ctx context.Context, fn func(*session) error) (err error) {
	wrote := false
	defer func() {
		if err == nil && wrote {
			db.full.Store(0)
		}
	}()
	run := func(q engine.Querier) error {
		s := &session{db: db, task: taskTransaction, q: q, inTx: true}
		defer s.rollbackHistoryTx()
		err := s.commitHistoryTx(fn(s))
		wrote = s.wrote
		return err
	}
	if db.groups != nil {
		return db.groups.Run(ctx, run)
	}
	tx, err := db.engine.Writer.BeginTx(ctx, &db.engine.WriteOptions)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := run(tx); err != nil {
		return err
	}
	return commit(tx)
}

// beginHistoryTx returns the transaction on the history's own database that belongs to this one.
func (s *session) beginHistoryTx(ctx context.Context) (*session, error) {
	if s.historyTx == nil {
		h := s.db.history
		tx, err := h.engine.Writer.BeginTx(ctx, &h.engine.WriteOptions)
		if err != nil {
			return nil, h.publicError(fmt.Errorf("begin a transaction on the history: %w", err))
		}
		s.historyTx = &session{db: h, task: s.task, q: tx, inTx: true}
	}
	return s.historyTx, nil
}

// commitHistoryTx commits history before the rest: history without the change it tells of is
// harmless, a change without history is not.
func (s *session) commitHistoryTx(err error) error {
	if s.historyTx == nil || err != nil {
		return err
	}
	return commit(s.historyTx.q.(*sql.Tx)) //nolint:forcetypeassert // begun by beginHistoryTx
}

// rollbackHistoryTx undoes what was not committed, also when the function panicked.
func (s *session) rollbackHistoryTx() {
	if s.historyTx != nil {
		_ = s.historyTx.q.(*sql.Tx).Rollback() //nolint:forcetypeassert // begun by beginHistoryTx
	}
}

// run is one method in a transaction.
func (s *session) run(what string, fn func(*session) error) error {
	if s.failed != nil {
		return s.failed
	}
	outer := s.task
	s.task = what
	defer func() { s.task = outer }()
	return s.db.task(what, func() error { return s.db.wrapError(what, fn(s)) })
}

// query runs one query and calls each for every row.
func (s *session) query(ctx context.Context, text string, args []any, each func(*sql.Rows) error) error {
	end := s.began(ctx, text)
	rows, err := s.q.QueryContext(ctx, s.db.dialect.Rebind(text), args...) //nolint:sqlclosecheck // it is closed below, which the linter misses since a deferred function uses it
	if err != nil {
		end(err)
		return s.fail(ctx, err)
	}
	defer rows.Close()
	defer func() { end(rows.Err()) }()
	for rows.Next() {
		s.gaveRow = true
		if err := each(rows); err != nil {
			return err
		}
	}
	return s.fail(ctx, rows.Err())
}

// exec runs one statement and returns how many rows it matched.
func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	end := s.began(ctx, text)
	result, err := s.q.ExecContext(ctx, s.db.dialect.Rebind(text), args...)
	end(err)
	return s.affected(ctx)(result, err)
}

// affected returns a function that reads from a statement's result how many rows it matched.
func (s *session) affected(ctx context.Context) func(sql.Result, error) (int64, error) {
	return func(result sql.Result, err error) (int64, error) {
		if err != nil {
			return 0, s.fail(ctx, err)
		}
		n, err := result.RowsAffected()
		s.wrote = s.wrote || n > 0
		return n, s.fail(ctx, err)
	}
}

// fail records the first error of a transaction, and returns the error with that of the context.
func (s *session) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = withContext(ctx, err)
	if s.inTx && s.failed == nil {
		s.failed = err
	}
	return err
}

func (db *DB) classOf(err error) engine.ErrClass { return db.engine.ClassOf(err) }

// wrapError turns an error into one of this package's. It adds what was being done, unless the
// error is of a class that tells callers enough.
func (db *DB) wrapError(what string, err error) error {
	if err == nil || isPublic(err) {
		return err
	}
	return db.publicError(fmt.Errorf("%s: %w", what, err))
}

func isPublic(err error) bool {
	for _, class := range []error{ErrInvalidQuery, ErrInvalidValue, ErrNotFound, ErrConflict, ErrSchema} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// publicError turns an engine's error into one of this package's.
func (db *DB) publicError(err error) error {
	if err == nil || isPublic(err) || errors.Is(err, ErrUnavailable) {
		return err
	}
	if refused := (*schema.RefusedError)(nil); errors.As(err, &refused) {
		return &SchemaError{Reason: refused.Reason}
	}
	switch db.classOf(err) {
	case engine.ClassUnavailable, engine.ClassRetry:
		return &UnavailableError{Err: err}
	case engine.ClassFull:
		return &UnavailableError{Err: err, Full: true}
	case engine.ClassTimeout:
		return &UnavailableError{Err: fmt.Errorf("the statement took too long: %w", err)}
	case engine.ClassInterrupted:
		return &UnavailableError{Err: fmt.Errorf("the statement was ended in the database: %w", err)}
	case engine.ClassBroken:
		return &UnavailableError{Err: fmt.Errorf("the database server keeps half of a trigger: %w", err)}
	case engine.ClassDuplicate:
		return &ConflictError{What: "the row", Err: err}
	case engine.ClassValue:
		return valueError(err)
	case engine.ClassOther, engine.ClassForeignKey:
	}
	if db.closed.Load() { // by another goroutine, while this one was at work
		return errors.Join(ErrClosed, err)
	}
	return err
}

// valueError is an error of [engine.ClassValue], which slipped through our own checks: a live
// column is shorter or knows fewer characters.
func valueError(err error) *ValueError {
	column := "unknown"
	if m := columnInMessage.FindStringSubmatch(err.Error()); m != nil {
		column = m[1]
	}
	return &ValueError{Column: column, Reason: "the database can't hold the value", Err: err}
}

var columnInMessage = regexp.MustCompile("column ['`\"](?:[^'`\"]+['`\"][.]['`\"])*([A-Za-z]+)['`\"]")
