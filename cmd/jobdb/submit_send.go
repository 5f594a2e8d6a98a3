package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
)

// sender submits lists of JDLs, each with an idempotency key. It tries again where that can't make
// a job twice.
type sender struct {
	server  *client
	noKeys  bool // the server keeps no keys
	unknown bool // an answer was lost, so nobody knows whether the jobs were made
}

// madeJob is a job that a submission made.
type madeJob struct {
	JobID  int64
	Status string
}

// submit makes jobs of JDLs, and returns them.
func (s *sender) submit(ctx context.Context, key string, texts []string) (jobs []madeJob, err error) {
	for try := 1; ; try++ {
		jobs, err = s.once(ctx, key, texts)
		if err == nil {
			return jobs, nil
		}
		if s.refusesKeys(err) {
			s.noKeys = true
			continue
		}
		if try == tries || !s.mayTryAgain(err) {
			return nil, err
		}
		if !didNothing(err) && !s.keepsKeys(ctx) {
			s.unknown = true
			return nil, fmt.Errorf("%w\nWhether these jobs were made is not known, because this server keeps no keys: "+
				"look with jobdb search before you submit them again", err)
		}
		if s.server.pause(ctx, try, err) != nil {
			return nil, err
		}
	}
}

const idempotencyKey = "Idempotency-Key"

// once sends the JDLs once. Ctrl-C doesn't interrupt it: the answer comes soon, and says which jobs
// were made.
func (s *sender) once(ctx context.Context, key string, texts []string) (jobs []madeJob, err error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.server.timeout, fmt.Errorf("no answer after %v", s.server.timeout))
	defer cancel()
	body, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.base+"/api/jobs/jdl", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.GetBody = nil // with it net/http repeats a request that has a key by itself, but DiracX ignores keys
	if !s.noKeys {
		request.Header.Set(idempotencyKey, key)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.server.do(request)
	if err != nil {
		return nil, withCause(ctx, err)
	}
	defer response.Body.Close()
	a, err := s.server.read(response)
	s.server.answered = true
	if err != nil {
		return nil, withCause(ctx, err)
	}
	if err := json.Unmarshal(a.body, &jobs); err != nil {
		return nil, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return jobs, nil
}

// refusesKeys reports whether jobdb refused a key because it runs on a database of DiracX or DIRAC,
// which has no table for keys.
func (s *sender) refusesKeys(err error) bool {
	refused := (*refusalError)(nil)
	return !s.noKeys && errors.As(err, &refused) && refused.status == http.StatusBadRequest && strings.Contains(refused.text, idempotencyKey)
}

// mayTryAgain reports whether another try may succeed. It may after a 500, too, which DiracX sends
// for passing faults.
func (s *sender) mayTryAgain(err error) bool {
	refused := (*refusalError)(nil)
	return s.server.mayAskAgain(err) || errors.As(err, &refused) && refused.status == http.StatusInternalServerError
}

// didNothing reports whether a failed try certainly made no jobs.
func didNothing(err error) bool {
	refused := (*refusalError)(nil)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &refused) && refused.status == http.StatusTooManyRequests
}

// keepsKeys reports whether the server keeps keys. It does if it has a route that only jobdb has.
func (s *sender) keepsKeys(ctx context.Context) bool {
	if s.noKeys {
		return false
	}
	_, err := s.server.ask(ctx, http.MethodGet, "/api/jobdb/values", nil)
	refused := (*refusalError)(nil)
	return errors.As(err, &refused) && refused.status == http.StatusMethodNotAllowed
}
