package engine

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
)

// GroupCommit lets transactions that wait for SQLite's one writer share a commit, which is most of
// the cost of a small transaction. Each is a savepoint. The last in the queue commits for all, and
// nobody returns before that.
type GroupCommit struct {
	writer  *sql.DB
	turn    chan struct{} // holds one token: the right to use the writer
	waiting atomic.Int64
	group   *commitGroup // whose members' savepoints are released; used only with the token
	turns   turns        // among processes; as above

	committed func() // called after each commit

	commits, members atomic.Int64 // so far; the transactions that shared them
}

// Commits is how many commits there were so far, and how many transactions shared them.
func (g *GroupCommit) Commits() (commits, transactions int64) {
	return g.commits.Load(), g.members.Load()
}

type commitGroup struct {
	tx      *sql.Tx
	members int
	done    chan struct{}
	err     error // read after done is closed
}

// maxMembers bounds how long the first of a group waits.
const maxMembers = 64

// NewGroupCommit takes the pool whose only connection writes.
func NewGroupCommit(writer *sql.DB) *GroupCommit {
	g := &GroupCommit{writer: writer, turn: make(chan struct{}, 1), committed: func() {}}
	g.turn <- struct{}{}
	return g
}

// Run runs fn in a transaction and returns after its commit.
func (g *GroupCommit) Run(ctx context.Context, fn func(Querier) error) error {
	g.waiting.Add(1)
	select {
	case <-g.turn:
		g.waiting.Add(-1)
	case <-ctx.Done():
		g.leave()
		return ctx.Err()
	}
	group, err := g.member(ctx, fn)
	if group == nil || err != nil {
		g.pass()
		return err
	}
	g.pass()
	<-group.done
	return group.err
}

// leave ends waiting for the token without getting it. If others counted on this one to commit for
// them, it makes that happen.
func (g *GroupCommit) leave() {
	g.waiting.Add(-1)
	select {
	case <-g.turn:
		g.pass()
	default: // whoever has the token sees that nobody waits
	}
}

// pass commits unless another transaction is waiting to join, and gives the token back.
func (g *GroupCommit) pass() {
	if g.group != nil && (g.waiting.Load() == 0 || g.group.members >= maxMembers) {
		g.commit()
	}
	g.turn <- struct{}{}
	// A waiting one may have given up since waiting was read, when it saw no token.
	if g.waiting.Load() == 0 {
		select {
		case <-g.turn:
			if g.group != nil {
				g.commit()
			}
			g.turn <- struct{}{}
		default:
		}
	}
}

func (g *GroupCommit) commit() {
	g.commits.Add(1)
	g.members.Add(int64(g.group.members))
	g.end(g.group.tx.Commit())
	g.committed()
}

// alone runs fn with the writer's connection, between two transactions.
func (g *GroupCommit) alone(ctx context.Context, fn func(*sql.Conn) error) error {
	g.waiting.Add(1)
	select {
	case <-g.turn:
		g.waiting.Add(-1)
	case <-ctx.Done():
		g.leave()
		return ctx.Err()
	}
	defer g.pass()
	if g.group != nil {
		g.commit()
	}
	conn, err := g.writer.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close())
}

func (g *GroupCommit) end(err error) {
	g.turns.end()
	g.group.err = err
	close(g.group.done)
	g.group = nil
}

// member runs fn in the open group or in a new one.
func (g *GroupCommit) member(ctx context.Context, fn func(Querier) error) (*commitGroup, error) {
	if g.group == nil {
		tx, err := g.turns.begin(context.WithoutCancel(ctx), g.writer, nil)
		if err != nil {
			return nil, err
		}
		g.group = &commitGroup{tx: tx, done: make(chan struct{})}
	}
	group := g.group
	ended := false
	defer func() {
		if !ended { // fn panicked
			g.abandon()
			g.turn <- struct{}{}
		}
	}()
	err := g.try(context.WithoutCancel(ctx), fn)
	ended = true
	if err != nil {
		return nil, err
	}
	group.members++
	return group, nil
}

// try runs fn so that it can be undone by itself. The first of a group needs no savepoint for that,
// which would make SQLite copy every page that fn changes.
func (g *GroupCommit) try(ctx context.Context, fn func(Querier) error) error {
	if g.group.members == 0 {
		err := fn(g.group.tx)
		if err != nil {
			g.rollback()
		}
		return err
	}
	if _, err := g.group.tx.ExecContext(ctx, "SAVEPOINT member"); err != nil {
		g.abandon()
		return errors.Join(ErrLost, err)
	}
	err := fn(g.group.tx)
	if err != nil {
		// Running out of space, an I/O error or an interrupted statement can have ended the whole
		// transaction; then there is no savepoint left.
		if _, undo := g.group.tx.ExecContext(ctx, "ROLLBACK TO member"); undo != nil {
			g.abandon()
			return err
		}
	}
	if _, release := g.group.tx.ExecContext(ctx, "RELEASE member"); release != nil {
		g.abandon()
		return errors.Join(ErrLost, err, release)
	}
	return err
}

// abandon rolls the group back, and its members get ErrLost.
func (g *GroupCommit) abandon() {
	err := g.group.tx.Rollback()
	g.end(errors.Join(ErrLost, err))
}

// rollback ends a group that has no members yet.
func (g *GroupCommit) rollback() {
	g.end(g.group.tx.Rollback())
}
