package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"time"
)

// Queries end with their contexts. These limits are for what has no context: connecting, the end of
// a transaction, and connections whose other side is gone without closing them.
const (
	connectTime = 10 * time.Second // until a server has let a connection in
	endTime     = 10 * time.Second // of a COMMIT or ROLLBACK
	silence     = 15 * time.Second // until a connection whose packets nobody acknowledges is given up
)

// dialer makes connections that notice when the other machine is gone.
var dialer = net.Dialer{
	Timeout:         connectTime,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 3, Count: 2},
	ControlContext:  giveUpSilent,
}

// boundedTx is a transaction whose COMMIT or ROLLBACK takes at most endTime. After a COMMIT that
// took longer nobody knows whether it was done; the connection is closed.
type boundedTx struct {
	driver.Tx
	conn net.Conn // of the transaction
}

// Commit commits. Without an answer the COMMIT may have been done. pgx then says that its
// connection is closed and that it is safe to try again, which would do all twice.
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

// dialed carries the connection that was dialed with a context back to whoever made the context.
type dialed struct{ conn net.Conn }

type dialedKey struct{}

// dialNoted dials, and stores the connection in the context's dialed.
func dialNoted(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, address)
	if d, ok := ctx.Value(dialedKey{}).(*dialed); ok {
		d.conn = conn
	}
	return conn, err
}
