package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// Every class of errors has its status, wrapped or not, and what the engine said stays inside.
func TestErrorAnswer(t *testing.T) {
	engine := errors.New("s3cret SQL")
	for _, test := range []struct {
		err    error
		status int
		detail string
	}{
		{&jobdb.QueryError{Field: "page", Reason: "counts from 1"}, 400, "invalid query: page: counts from 1"},
		{&jobdb.ValueError{Job: 7, Column: "Site", Reason: "too long", Err: engine}, 400, "column Site: too long"},
		{&jobdb.NotFoundError{Jobs: []jobdb.JobID{3, 4}}, 404, "job not found: 3, 4"},
		{&jobdb.ConflictError{What: "the row", Err: engine}, 409, "it exists already"},
		{&jobdb.UnavailableError{Err: engine, Full: true}, 507, "disk is full"},
		{&jobdb.UnavailableError{Err: engine}, 503, "the database can't be reached"},
		{&jobdb.SchemaError{Reason: "it is from the future"}, 503, "operator"},
		{fmt.Errorf("search jobs: %w", context.DeadlineExceeded), 503, "took too long"},
		{errors.Join(context.Canceled, engine), statusClientGone, "hung up"},
		{&jobdb.UnavailableError{Err: errors.Join(context.Canceled, engine)}, statusClientGone, "hung up"},
		{&wms.JobError{Reason: "no JDL"}, 400, "no JDL"},
		{fmt.Errorf("%w: %w", auth.ErrInvalidToken, engine), 401, "Invalid JWT"},
		{auth.ErrForbidden, 403, "properties"},
		{validation.Faults{{Type: "missing", Location: validation.Body}}, 422, "the request is not valid"},
		{engine, 500, "Internal Server Error"},
	} {
		for _, err := range []error{test.err, fmt.Errorf("more: %w", test.err)} {
			got := errorAnswer(err)
			if detail := fmt.Sprint(got.detail); got.status != test.status || !strings.Contains(detail, test.detail) || strings.Contains(detail, "s3cret") {
				t.Errorf("%v: %d %s", err, got.status, detail)
			}
		}
	}
}
