package engine

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"
)

// patientConnector spares a server that takes no connections: attempts of each request would cost
// it the processor time that it needs to recover from a crash. After some failures one attempt is
// made every attemptPause, and the others get the error of the last one.
type patientConnector struct {
	driver.Connector

	mutex    sync.Mutex
	failures int // since the last connection was made
	next     time.Time
	err      error // of the last failure
}

const (
	freeFailures = 3
	attemptPause = 100 * time.Millisecond
)

// Connect makes a connection, or returns the error of an attempt that failed just before.
func (c *patientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.tooEarly(); err != nil {
		return nil, err
	}
	conn, err := c.Connector.Connect(ctx)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case err == nil:
		c.failures = 0
	case ctx.Err() == nil: // else it was the caller who gave up
		c.failures++
		c.err = err
	}
	return conn, err
}

// tooEarly returns the error of the last attempt until it is time for the next. With nil the caller
// makes it.
func (c *patientConnector) tooEarly() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := time.Now() //nolint:forbidigo // the pause goes by the system's clock
	if c.failures >= freeFailures && now.Before(c.next) {
		return c.err
	}
	c.next = now.Add(attemptPause)
	return nil
}
