package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
)

// withBody lets requests with a valid token through, and reads their bodies. A large body is read
// only if the token allows the action at all and there is memory for it.
func (s *service) withBody(action auth.Action, handle func(http.ResponseWriter, *http.Request, auth.Principal, []byte, *bodyMemory) error) handler {
	return s.authenticated(func(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
		size := r.ContentLength // negative where the client doesn't say
		if size < 0 || size > s.MaxBody {
			size = s.MaxBody
		}
		if size > smallBody {
			if _, err := auth.Allow(p, action, s.Visibility); err != nil {
				return err
			}
		}
		body, memory, err := s.readBody(r, p, size)
		if err != nil {
			return err
		}
		defer memory.giveBack()
		return handle(w, r, p, body, memory)
	})
}

// readBody reads a body of up to size bytes, and takes the memory that working on it needs. While
// it comes in, perhaps slowly, it takes memory only from other bodies that come in.
func (s *service) readBody(r *http.Request, p auth.Principal, size int64) ([]byte, *bodyMemory, error) {
	upload, err := takeMemory(r.Context(), s.uploads, p.Subject, size)
	if err != nil {
		return nil, nil, err
	}
	defer giveBack(upload)
	body, values, blanks, err := readBody(r, s.MaxBody)
	if err != nil {
		return nil, nil, err
	}
	all := int64(len(body) + values*valueMemory)
	work, err := takeMemory(r.Context(), s.work, p.Subject, all)
	return body, &bodyMemory{work, all - int64(blanks)}, err
}

// readBody returns the body of a request, trimmed as [validation.Trim] does: empty where there is
// none, and how many values and blanks it has, see [validation.CountValues]. JSON is UTF-8 and
// nothing else; what isn't is a 400, as in DiracX.
func readBody(r *http.Request, limit int64) (body []byte, values, blanks int, err error) {
	var read bytes.Buffer
	if r.ContentLength > 0 {
		read.Grow(int(min(r.ContentLength, limit)) + bytes.MinRead)
	}
	_, err = io.Copy(&read, r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, 0, 0, err
	}
	body, notJSON := validation.Trim(read.Bytes())
	values, blanks = validation.CountValues(body)
	switch {
	case err != nil:
		return nil, 0, 0, badRequest("the body can't be read to its end")
	case !utf8.Valid(body):
		return nil, 0, 0, badRequest("the body isn't UTF-8")
	case values > maxValues:
		return nil, 0, 0, validation.Faults{{
			Type: "too_long", Location: validation.Body,
			Message: "must have at most " + strconv.Itoa(maxValues) + " values; send fewer jobs, or shorter lists, in a request",
		}}
	}
	return body, values, blanks, notJSON
}

// maxValues is how many values a body may have, keys and members of lists and objects. It bounds
// the memory that a body takes once it is read.
const maxValues = 100_000

// readJSON returns the body as one JSON value. Without a body that is a fault, and ok is false.
func readJSON(in *validation.Reader, body []byte) (value any, ok bool, err error) {
	if len(body) == 0 {
		in.Fault("missing", validation.Body, "a body is required", nil)
		return nil, false, nil
	}
	value, err = validation.Decode(body)
	return value, err == nil, err
}

// readByJob reads a body that is an object whose keys are IDs of jobs, and calls read with each of
// its values. The error has all faults of the request.
func readByJob(in *validation.Reader, body []byte, read func(id jobdb.JobID, value any, at validation.Location)) error {
	value, ok, err := readJSON(in, body)
	if err != nil {
		return err
	}
	if !ok {
		return in.Err()
	}
	if o, ok := in.Dict(value, validation.Body); ok {
		for key, value := range o.All() {
			id, _ := in.Integer(key, validation.Body.At(key, "[key]"))
			read(jobdb.JobID(id), value, validation.Body.At(key))
		}
	}
	return in.Err()
}
