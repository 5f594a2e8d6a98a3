package jobdb

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// The classes of errors that callers act on, to be told apart with errors.Is. An error of no class
// says what was being done and wraps the engine's error.
var (
	// ErrInvalidQuery: the search, summary or filter makes no sense; see [QueryError].
	ErrInvalidQuery = errors.New("invalid query")
	// ErrInvalidValue: a value can't be stored in its column; see [ValueError].
	ErrInvalidValue = errors.New("invalid value")
	// ErrTooLarge: a job would have more of something than a job may have, such as [MaxParameters].
	// It is an [ErrInvalidValue], too.
	ErrTooLarge = errors.New("too large")
	// ErrNotFound: jobs named by the call don't exist; see [NotFoundError].
	ErrNotFound = errors.New("job not found")
	// ErrConflict: the row exists already; see [ConflictError].
	ErrConflict = errors.New("conflict")
	// ErrUnavailable: the database can't be reached or was busy for too long; worth another try
	// later; see [UnavailableError].
	ErrUnavailable = errors.New("database unavailable")
	// ErrFull: the database has no room left to write; its operator must make some. It is an
	// [ErrUnavailable], too.
	ErrFull = errors.New("database full")
	// ErrSchema: the database is not one that this program can work on; see [SchemaError].
	ErrSchema = errors.New("unusable schema")
	// ErrClosed: a program's mistake: the database was closed before.
	ErrClosed = errors.New("the database is closed")
	// ErrInTx: a program's mistake: in the function of [DB.Tx], with its context, a method of the DB
	// itself was called, which would wait for that transaction. Call the method of the [Tx].
	ErrInTx = errors.New("the database was used inside its own transaction; use the Tx")
)

// QueryError says which field of a query is wrong and why. The reason is meant for the person who
// asked: it holds no SQL.
type QueryError struct {
	Field  string // the parameter, or the part of the query: "page", "sort"
	Reason string
}

func (e *QueryError) Error() string { return "invalid query: " + e.Field + ": " + e.Reason }

// Is reports whether target is [ErrInvalidQuery].
func (e *QueryError) Is(target error) bool { return target == ErrInvalidQuery }

// ValueError says which value of which job can't be stored.
type ValueError struct {
	Job    JobID // 0 when the value belongs to no job yet
	Column string
	Reason string
	Err    error // what the engine said, if it was the one to refuse; not for remote callers

	TooLarge []JobID // those with too much, see [ErrTooLarge]; Reason is about the first
}

func (e *ValueError) Error() string {
	return "invalid value: " + jobPrefix(e.Job) + "column " + e.Column + ": " + e.Reason
}

// Is reports whether target is [ErrInvalidValue] or, if it is, [ErrTooLarge].
func (e *ValueError) Is(target error) bool {
	return target == ErrInvalidValue || len(e.TooLarge) > 0 && target == ErrTooLarge
}

// Unwrap gives the engine's own error, if there is one.
func (e *ValueError) Unwrap() error { return e.Err }

// NotFoundError lists the jobs that don't exist, in ascending order.
type NotFoundError struct{ Jobs []JobID }

func (e *NotFoundError) Error() string {
	const shown = 10
	names := make([]string, 0, shown)
	for i, id := range e.Jobs {
		if i == shown {
			names = append(names, "and "+strconv.Itoa(len(e.Jobs)-shown)+" more")
			break
		}
		names = append(names, strconv.FormatInt(int64(id), 10))
	}
	return "job not found: " + strings.Join(names, ", ")
}

// Is reports whether target is [ErrNotFound].
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ConflictError says which row exists already.
type ConflictError struct {
	Job  JobID  // 0 when the engine doesn't tell
	What string // "attributes", "input data"
	Err  error  // what the engine said; not for remote callers
}

func (e *ConflictError) Error() string {
	return "conflict: " + jobPrefix(e.Job) + e.What + " exists already"
}

// Is reports whether target is [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Unwrap gives the engine's own error.
func (e *ConflictError) Unwrap() error { return e.Err }

// UnavailableError wraps the engine's or the network's error.
type UnavailableError struct {
	Err  error
	Full bool // see [ErrFull]
}

func (e *UnavailableError) Error() string {
	if e.Full {
		return "database full: " + e.Err.Error()
	}
	return "database unavailable: " + e.Err.Error()
}

// Is reports whether target is [ErrUnavailable] or, if it is, [ErrFull].
func (e *UnavailableError) Is(target error) bool {
	return target == ErrUnavailable || e.Full && target == ErrFull
}

// Unwrap gives the engine's or the network's own error.
func (e *UnavailableError) Unwrap() error { return e.Err }

// SchemaError says why a database can't be used and what to do about it.
type SchemaError struct{ Reason string }

func (e *SchemaError) Error() string { return "unusable schema: " + e.Reason }

// Is reports whether target is [ErrSchema].
func (e *SchemaError) Is(target error) bool { return target == ErrSchema }

func jobPrefix(id JobID) string {
	if id == 0 {
		return ""
	}
	return "job " + strconv.FormatInt(int64(id), 10) + ": "
}

// quoteShort quotes a text for a message, whatever a client sent: control characters are escaped,
// and a long text is cut.
func quoteShort(s string) string {
	const maxRunes = 60
	if r := []rune(s); len(r) > maxRunes {
		s = string(r[:maxRunes]) + "…"
	}
	return strconv.Quote(s)
}

// errReason is a reason for a QueryError or a ValueError that names no column yet.
type errReason string

func (e errReason) Error() string { return string(e) }

func wrongType(want string, value any) error {
	return errReason(fmt.Sprint("wants ", want, ", not ", reflect.TypeOf(value)))
}

func itoa(n int) string { return strconv.Itoa(n) }
