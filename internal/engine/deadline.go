package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"time"
)

// Queries end with their contexts. What no context reaches has limits here: connecting, the end of a
// transaction, and connections whose other side is gone without a word.
const (
	connectTime = 10 * time.Second // until a server has let a connection in
	endTime     = 10 * time.Second // of a COMMIT or ROLLBACK
	silence     = 15 * time.Second // until a connection whose packets nobody acknowledges is given up
)

// dialer connects so that a connection to a machine that is gone is noticed.
var dialer = net.Dialer{
	Timeout:         connectTime,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 3, Count: 2},
	ControlContext:  giveUpSilent,
}

// boundedTx is a transaction whose end takes no longer than endTime. One that took longer may have
// been committed or not; its connection is given up.
type boundedTx struct {
	driver.Tx
	conn net.Conn // of the transaction
}

// Commit commits. Where no answer came, what was sent may have been done: pgx then says that its
// connection is closed and that it is safe to run all again, which would do it twice.
func (t *boundedTx) Commit() error {
	err := t.within(t.Tx.Commit)
	var unsent interface{ SafeToRetry() bool }
	if errors.As(err, &unsent) {
		return fmt.Errorf("%w during a COMMIT: %v", driver.ErrBadConn, err) //nolint:errorlint // on purpose: it isn't safe
	}
	return err
}

// Rollback rolls back.
func (t *boundedTx) Rollback() error { return t.within(t.Tx.Rollback) }

func (t *boundedTx) within(end func() error) error {
	if err := t.conn.SetDeadline(time.Now().Add(endTime)); err != nil { //nolint:forbidigo // the system keeps this deadline, by its own clock
		return errors.Join(driver.ErrBadConn, err)
	}
	defer t.conn.SetDeadline(time.Time{}) //nolint:errcheck // fails on a closed one only, which the pool gives up
	return end()
}

// dialed is where a context carries the connection that was dialed with it.
type dialed struct{ conn net.Conn }

type dialedKey struct{}

// dialNoted dials, and notes the connection in the context's dialed.
func dialNoted(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if d, ok := ctx.Value(dialedKey{}).(*dialed); ok {
		d.conn = conn
	}
	return conn, err
}
