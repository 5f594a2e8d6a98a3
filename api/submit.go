package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// idempotencyKey is the header that identifies a request, so that it is recognized when it is sent
// again.
const (
	idempotencyKey    = "Idempotency-Key"
	maxIdempotencyKey = 255
)

// submit makes jobs of a list of JDLs and answers with them. A request that is sent again with the
// same Idempotency-Key gets the first answer.
func (s *service) submit(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var in validation.Reader
	list, ok, err := readJSON(&in, body)
	if err != nil {
		return err
	}
	var jdls []string
	if ok {
		jdls = in.Texts(list, validation.Body)
	}
	if err := in.Err(); err != nil {
		return err
	}
	if _, err := auth.Allow(p, auth.Create, s.Visibility); err != nil {
		return err
	}
	owner := wms.Owner{Name: p.Username, Group: p.Group, VO: p.VO}
	key, err := s.readIdempotencyKey(r)
	if err != nil {
		return err
	}
	jobs, err := change(r.Context(), s, p, memory, func(ctx context.Context) ([]wms.Submitted, error) {
		if key == "" {
			return s.Jobs.Submit(ctx, owner, jdls)
		}
		return s.Jobs.SubmitOnce(ctx, owner, key, jdls)
	})
	if errors.Is(err, wms.ErrOtherSubmission) {
		return usedKey(err)
	}
	if err != nil {
		return err
	}
	memory.giveBack()
	addJobs(r, len(jobs), 0)
	writeJSON(w, http.StatusCreated, appendSubmitted(nil, jobs))
	return nil
}

// readIdempotencyKey returns the key of a request; "": it has none.
func (s *service) readIdempotencyKey(r *http.Request) (string, error) {
	switch keys := r.Header.Values(idempotencyKey); {
	case len(keys) == 0:
		return "", nil
	case len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxIdempotencyKey:
		return "", badRequest(idempotencyKey + " must be one text of 1 to " + strconv.Itoa(maxIdempotencyKey) + " characters")
	case s.DB.Schema() != jobdb.SchemaOurs:
		return "", badRequest("this server runs on a database that has nowhere to keep an " + idempotencyKey + "; send none")
	default:
		return keys[0], nil
	}
}

// usedKey is the error for a key that was used before, for something else.
func usedKey(err error) error {
	return validation.Faults{{Type: "value_error", Location: validation.Location{"header", idempotencyKey}, Message: err.Error()}}
}
