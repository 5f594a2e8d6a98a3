package api

import (
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"jobdb"
	"jobdb/api/internal/validation"
)

// readBody returns the body of a request, trimmed as [validation.Trim] does: empty where there is
// none. JSON is UTF-8 and nothing else; what isn't is a 400, as in DiracX.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, err
	}
	if err != nil {
		return nil, badRequest("the body can't be read to its end")
	}
	if !utf8.Valid(body) {
		return nil, badRequest("the body isn't UTF-8")
	}
	return validation.Trim(body)
}

// readJSON returns the body as one JSON value. Without a body that is a fault, and ok is false.
func readJSON(in *validation.Reader, r *http.Request) (value any, ok bool, err error) {
	body, err := readBody(r)
	if err != nil {
		return nil, false, err
	}
	if len(body) == 0 {
		in.Fault("missing", validation.Body, "a body is required", nil)
		return nil, false, nil
	}
	value, err = validation.Decode(body)
	return value, err == nil, err
}

// readByJob reads a body that is an object whose keys are IDs of jobs, and calls read with each of
// its values. The error has all faults of the request.
func readByJob(in *validation.Reader, r *http.Request, read func(id jobdb.JobID, value any, at validation.Location)) error {
	body, ok, err := readJSON(in, r)
	if err != nil {
		return err
	}
	if !ok {
		return in.Err()
	}
	if o, ok := in.Dict(body, validation.Body); ok {
		for key, value := range o.All() {
			id, _ := in.Integer(key, validation.Body.At(key, "[key]"))
			read(jobdb.JobID(id), value, validation.Body.At(key))
		}
	}
	return in.Err()
}
