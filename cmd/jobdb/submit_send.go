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

// sender submits lists of JDLs, each with a key of its own, and tries again where that makes no job
// twice.
type sender struct {
	server  *client
	noKeys  bool // the server keeps no keys
	unknown bool // an answer was lost, and with it whether there are jobs
}

// madeJob is a job that a submission made.
type madeJob struct {
	JobID  int64
	Status string
}

// submit returns the jobs that became of the JDLs.
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

// once sends the JDLs once. A Ctrl-C doesn't end it: it is answered soon, and then it is known what
// became of it.
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
	request.GetBody = nil // net/http would send a request with a key again by itself, also to DiracX
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

// refusesKeys reports whether a server of ours runs on a database of DiracX or DIRAC, which has
// nowhere to keep keys.
func (s *sender) refusesKeys(err error) bool {
	refused := (*refusalError)(nil)
	return !s.noKeys && errors.As(err, &refused) && refused.status == http.StatusBadRequest && strings.Contains(refused.text, idempotencyKey)
}

// mayTryAgain reports whether another try could go better. A DiracX server that fails may do better, too.
func (s *sender) mayTryAgain(err error) bool {
	refused := (*refusalError)(nil)
	return s.server.mayAskAgain(err) || errors.As(err, &refused) && refused.status == http.StatusInternalServerError
}

// didNothing reports whether a try that failed made no jobs for certain.
func didNothing(err error) bool {
	refused := (*refusalError)(nil)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &refused) && refused.status == http.StatusTooManyRequests
}

// keepsKeys reports whether the server keeps keys: jobdb does, and only jobdb has its routes.
func (s *sender) keepsKeys(ctx context.Context) bool {
	if s.noKeys {
		return false
	}
	_, err := s.server.ask(ctx, http.MethodGet, "/api/jobdb/values", nil)
	refused := (*refusalError)(nil)
	return errors.As(err, &refused) && refused.status == http.StatusMethodNotAllowed
}
