package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// refusing is a server that takes no connections while it is down.
type refusing struct {
	driver.Connector

	down     bool
	attempts atomic.Int64
}

var errDown = errors.New("the database system is starting up")

func (r *refusing) Connect(context.Context) (driver.Conn, error) {
	r.attempts.Add(1)
	if r.down {
		return nil, errDown
	}
	return nil, nil //nolint:nilnil // nothing is done with it
}

// A server that takes no connections is asked ten times a second, whoever wants one, and the first who
// wants one when it takes them gets it.
func TestPatientConnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &refusing{down: true}
		c := &patientConnector{Connector: server}
		for range 10_000 {
			if _, err := c.Connect(t.Context()); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := server.attempts.Load(); n < 90 || n > 110 {
			t.Errorf("%d attempts in 10 seconds", n)
		}
		server.down = false
		time.Sleep(attemptPause)
		for range 10 {
			if _, err := c.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		// Who gives up tells nothing of the server.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		server.down = true
		for range 10 {
			_, _ = c.Connect(gone)
		}
		server.down = false
		if _, err := c.Connect(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
