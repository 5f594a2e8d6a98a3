package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
)

// ErrClass is what an engine's error means for the caller.
type ErrClass uint8

// The classes of errors.
const (
	ClassOther       ErrClass = iota
	ClassRetry                // lost against another transaction: run it again
	ClassDuplicate            // a key is there already
	ClassForeignKey           // a row that is referred to is missing, or one is deleted that others refer to
	ClassValue                // a column can't hold the value
	ClassUnavailable          // the server can't be reached, or refuses this user
	ClassFull                 // there is no room left to write
	ClassTimeout              // took too long
	ClassInterrupted          // was ended by somebody else
	ClassBroken               // the server keeps a table with half of a trigger, see [Engine.Mend]
)

// ErrLost is the error of members of a group commit whose transaction failed through no fault of
// their own. They can run again.
var ErrLost = errors.New("the transaction was lost")

// ErrUnreachable is the class of errors of a database that isn't where its URL says.
var ErrUnreachable = errors.New("can't be reached")

// ErrGaveUp is the class of errors of a wait that took too long.
var ErrGaveUp = errors.New("gave up waiting")

// ClassOf returns what an error means. A context that has ended is no fault of the engine:
// ClassOther.
func (e *Engine) ClassOf(err error) ErrClass {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ClassOther
	}
	if errors.Is(err, ErrGaveUp) {
		return ClassUnavailable
	}
	return e.classify(err)
}

// JobInError returns the job of a foreign key or key error, if the engine's error names it.
func (e *Engine) JobInError(err error) (int64, bool) { return e.jobInError(err) }

// firstNumber is what the pattern's group matches.
func firstNumber(pattern *regexp.Regexp, text string) (int64, bool) {
	groups := pattern.FindStringSubmatch(text)
	if groups == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(groups[1], 10, 64)
	return n, err == nil
}

// networkClass tells errors of the connection from others.
func networkClass(err error) ErrClass {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return ClassUnavailable
	}
	return ClassOther
}
