package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// galeraNode is what is known of a node of a Galera cluster. A node that isn't in step with the
// others answers, but reads and writes on it may wait for as long as it sends all its data to
// another node, or receives what it has missed.
type galeraNode struct {
	asking sync.Mutex
	asked  time.Time // under asking
	inStep atomic.Bool
}

// nodePause is how long a node's state is used before it is asked for again.
const nodePause = time.Second

// synced is the wsrep_local_state of a node that is in step.
const synced = "4"

// nodeAt returns the node of a host, nil if it isn't one of a cluster. Each host is asked once.
func (c *mysqlConnector) nodeAt(ctx context.Context, host driver.Connector, conn driver.QueryerContext) (*galeraNode, error) {
	if known, found := c.nodes.Load(host); found {
		return known.(*galeraNode), nil //nolint:forcetypeassert // nothing else is stored
	}
	values, err := oneRow(ctx, conn, "SHOW VARIABLES LIKE 'wsrep_on'")
	if err != nil && !errors.Is(err, io.EOF) { // there is no such variable
		return nil, err
	}
	var node *galeraNode
	if err == nil && values[1] == "ON" {
		node = &galeraNode{}
		node.inStep.Store(true)
	}
	known, _ := c.nodes.LoadOrStore(host, node)
	return known.(*galeraNode), nil //nolint:forcetypeassert // as above
}

// inStep reports whether the connection works and its node is in step with its cluster. One
// connection at a time asks the node, at most once in nodePause; the others use its last answer.
func (c *mysqlConn) inStep(ctx context.Context) bool {
	if c.node == nil {
		return true
	}
	if !c.node.asking.TryLock() {
		return c.node.inStep.Load()
	}
	defer c.node.asking.Unlock()
	if time.Since(c.node.asked) >= nodePause {
		values, err := oneRow(ctx, c.mysqlDriverConn, "SHOW STATUS LIKE 'wsrep_local_state'")
		if err != nil {
			return false
		}
		c.node.inStep.Store(values[1] == synced)
		c.node.asked = time.Now() //nolint:forbidigo // the pause goes by the system's clock
	}
	return c.node.inStep.Load()
}

// discard closes a connection, if there is one.
func (c *mysqlConn) discard() {
	if c != nil {
		_ = c.Close()
	}
}
