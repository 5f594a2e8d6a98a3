package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// httpError is an error with its answer.
type httpError struct {
	status    int
	detail    any    // a string, validation.Faults or an outcome
	challenge string // the header WWW-Authenticate; may be empty

	retryAfter time.Duration // of a 429 or 503; 0: 10 seconds
}

func (e *httpError) Error() string { return http.StatusText(e.status) }

// valueDetail says which value of which job can't be stored, and why. What the engine said stays
// out.
func valueDetail(value *jobdb.ValueError) string {
	detail := "column " + value.Column + ": " + value.Reason
	if value.Job != 0 {
		detail = "job " + idText(value.Job) + ", " + detail
	}
	return detail
}

func badRequest(detail string) error {
	return &httpError{status: http.StatusBadRequest, detail: detail}
}

const fullDetail = "the database's disk is full: nothing can be written until its operator makes room; what is there can be read"

// statusClientGone is nginx's status for a client that hung up. It is for the log: nobody reads the
// answer.
const statusClientGone = 499

// errorAnswer returns the answer for an error. The text of an error that isn't meant for clients
// stays inside: it could hold SQL, hosts or secrets.
func errorAnswer(err error) *httpError {
	var (
		answer *httpError
		faults validation.Faults
		value  *jobdb.ValueError
		large  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &faults):
		return &httpError{status: http.StatusUnprocessableEntity, detail: faults}
	case errors.Is(err, auth.ErrInvalidToken):
		return &httpError{status: http.StatusUnauthorized, detail: "Invalid JWT", challenge: `Bearer error="invalid_token"`}
	case errors.Is(err, auth.ErrForbidden):
		return &httpError{status: http.StatusForbidden, detail: auth.ErrForbidden.Error()}
	case errors.Is(err, wms.ErrNotOwner):
		return &httpError{status: http.StatusForbidden, detail: wms.ErrNotOwner.Error()}
	case errors.As(err, &large):
		return &httpError{status: http.StatusRequestEntityTooLarge, detail: "the body is too large: " + large.Error()}
	case errors.Is(err, wms.ErrQuota):
		return &httpError{status: http.StatusTooManyRequests, detail: err.Error(), retryAfter: time.Minute}
	case errors.Is(err, jobdb.ErrInvalidQuery), errors.Is(err, wms.ErrInvalidJob), errors.Is(err, wms.ErrInvalidMetadata):
		return &httpError{status: http.StatusBadRequest, detail: err.Error()}
	case errors.As(err, &value):
		return &httpError{status: http.StatusBadRequest, detail: valueDetail(value)}
	case errors.Is(err, jobdb.ErrNoAction):
		return &httpError{status: http.StatusNotFound, detail: "no such action, or no longer"}
	case errors.Is(err, jobdb.ErrTooManyActions), errors.Is(err, jobdb.ErrTooManyOwnActions):
		return tooManyOwn(err.Error())
	case errors.Is(err, jobdb.ErrNotFound):
		return &httpError{status: http.StatusNotFound, detail: err.Error()}
	case errors.Is(err, context.Canceled):
		return &httpError{status: statusClientGone, detail: "the client hung up"}
	case errors.Is(err, context.DeadlineExceeded):
		return &httpError{status: http.StatusServiceUnavailable, detail: "it took too long: the database is busy or can't be reached; try again later, or ask for less"}
	case errors.Is(err, jobdb.ErrFull):
		return &httpError{status: http.StatusInsufficientStorage, detail: fullDetail}
	case errors.Is(err, jobdb.ErrUnavailable):
		return &httpError{status: http.StatusServiceUnavailable, detail: "the database can't be reached or is too busy; try again later"}
	case errors.Is(err, jobdb.ErrSchema): // somebody changed it while the server runs
		return &httpError{status: http.StatusServiceUnavailable, detail: "the database doesn't fit this server; its operator must see to it"}
	case errors.Is(err, auth.ErrNoMetadata):
		return &httpError{status: http.StatusServiceUnavailable, detail: auth.ErrNoMetadata.Error() + "; try again later"}
	case errors.Is(err, jobdb.ErrConflict):
		return &httpError{status: http.StatusConflict, detail: "it exists already"}
	}
	return &httpError{status: http.StatusInternalServerError, detail: "Internal Server Error"}
}

func (s *service) writeError(w http.ResponseWriter, r *http.Request, err error) {
	answer := errorAnswer(err)
	switch {
	case stopping(r.Context()) && answer.status >= statusClientGone:
		answer = busy("the server is stopping; try again")
	case clientGone(r.Context()) && answer.status >= http.StatusInternalServerError:
		answer = errorAnswer(context.Canceled)
		addToLog(r, slog.String("error", err.Error()))
	}
	if answer.challenge != "" {
		w.Header().Set("WWW-Authenticate", answer.challenge)
	}
	switch answer.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInsufficientStorage:
		wait := math.Ceil(cmp.Or(answer.retryAfter, 10*time.Second).Seconds())
		w.Header().Set("Retry-After", strconv.Itoa(int(wait)))
	}
	if answer.status >= http.StatusInternalServerError || answer.status == http.StatusUnauthorized {
		addToLog(r, slog.String("error", err.Error()))
	}
	body, err := json.Marshal(struct {
		Detail any `json:"detail"`
	}{answer.detail})
	if err != nil {
		body = []byte(`{"detail":"Internal Server Error"}`)
	}
	writeJSON(w, answer.status, body)
}
