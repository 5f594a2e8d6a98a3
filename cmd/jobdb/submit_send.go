package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sender submits lists of JDLs, each with a key of its own, and tries again where that makes no job
// twice.
type sender struct {
	server *client
	wait   func(ctx context.Context, try int, atLeast time.Duration) error

	sent    bool // a request was answered
	noKeys  bool // the server keeps no keys
	unknown bool // an answer was lost, and with it whether there are jobs
}

// madeJob is a job that a submission made.
type madeJob struct {
	JobID  int64
	Status string
}

const (
	submitTries   = 6
	submitTimeout = 2 * time.Minute // of one try
)

// submit returns the jobs that became of the JDLs.
func (s *sender) submit(ctx context.Context, key string, texts []string) (jobs []madeJob, err error) {
	for try := 1; ; try++ {
		var retryAfter time.Duration
		if jobs, retryAfter, err = s.once(ctx, key, texts); err == nil {
			s.sent = true
			return jobs, nil
		}
		refused := (*refusalError)(nil)
		if errors.As(err, &refused) {
			s.sent = true
			if refused.status == http.StatusBadRequest && strings.Contains(refused.text, idempotencyKey) && !s.noKeys {
				s.noKeys = true // a database of DiracX or DIRAC has nowhere to keep them
				continue
			}
		}
		again, safe := s.mayRetry(err)
		if !again || try == submitTries {
			return nil, err
		}
		if !safe && !s.keepsKeys(ctx) {
			s.unknown = true
			return nil, fmt.Errorf("%w\nWhether these jobs were made is not known, because this server keeps no keys: "+
				"look with jobdb search before you submit them again", err)
		}
		if stopped := s.wait(ctx, try, retryAfter); stopped != nil {
			return nil, err
		}
	}
}

const idempotencyKey = "Idempotency-Key"

// once sends the JDLs once. A Ctrl-C doesn't end it: it is answered soon, and then it is known what
// became of it.
func (s *sender) once(ctx context.Context, key string, texts []string) (jobs []madeJob, retryAfter time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitTimeout)
	defer cancel()
	body, err := json.Marshal(texts)
	if err != nil {
		return nil, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.base+"/api/jobs/jdl", bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	if !s.noKeys {
		request.Header.Set(idempotencyKey, key)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.server.do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	retryAfter = time.Duration(seconds) * time.Second
	a, err := s.server.read(response)
	if err != nil {
		return nil, retryAfter, err
	}
	if err := json.Unmarshal(a.body, &jobs); err != nil {
		return nil, 0, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return jobs, 0, nil
}

// mayRetry reports whether a failed try is worth another, and whether that is safe, since the failed
// one did nothing.
func (s *sender) mayRetry(err error) (again, safe bool) {
	refused := (*refusalError)(nil)
	if errors.As(err, &refused) {
		switch refused.status {
		case http.StatusTooManyRequests:
			return true, true
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true, false
		}
		return false, false
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return s.sent, true // one that never answered is no server, or another one
	}
	return true, false
}

// keepsKeys reports whether the server keeps keys: jobdb does, and only jobdb has its routes.
func (s *sender) keepsKeys(ctx context.Context) bool {
	if s.noKeys {
		return false
	}
	for try := 1; try < submitTries; try++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server.base+"/api/jobdb/values", nil)
		if err != nil {
			return false
		}
		response, err := s.server.do(request)
		if err == nil {
			_ = response.Body.Close()
			return response.StatusCode == http.StatusMethodNotAllowed
		}
		if s.wait(ctx, try, 0) != nil {
			return false
		}
	}
	return false
}

// waitBetweenTries waits 0.5 s, and with each try twice as long, at least as long as the server asks for.
func waitBetweenTries(ctx context.Context, try int, atLeast time.Duration) error {
	return sleep(ctx, min(max(500*time.Millisecond<<(try-1), atLeast), time.Minute))
}
