package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"jobdb"
)

// server is one that runs, and what may be asked of it.
type server struct {
	url       string
	tokens    []string      // one a connection
	jobs      []jobdb.JobID // of the VO that asks
	submitted []jobdb.JobID
	client    *http.Client
	turn      int
	profiles  string // address where it answers with profiles
	stop      func()
}

// profile keeps a server under load and fetches profiles from it. Those of allocations count from its start on, so
// there is one of before.
func (s *server) profile(ctx context.Context, r route, budget time.Duration, prefix string) error {
	name := strings.Trim(regexp.MustCompile(`[^A-Za-z]+`).ReplaceAllString(r.name, "-"), "-")
	fetch := func(what, suffix string) error { return s.fetch(ctx, what, prefix+"-"+name+suffix) }
	if err := fetch("allocs", "-before.pprof"); err != nil {
		return err
	}
	fetched := make(chan error, 1)
	go func() {
		fetched <- fetch(fmt.Sprintf("profile?seconds=%d", int(max(budget.Seconds(), 1))), "-cpu.pprof")
	}()
	_, err := s.load(ctx, r, max(budget, time.Second))
	return errors.Join(err, <-fetched, fetch("allocs", "-allocs.pprof"))
}

func (s *server) fetch(ctx context.Context, what, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.profiles+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}

// outcome is what came of a load.
type outcome struct {
	good, failed int64
	took         time.Duration
	why          string // the first failure
}

func (o outcome) rate() float64 { return float64(o.good) / max(o.took, 1).Seconds() }

func newClient() *http.Client {
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true},
	}
}

// load asks on all connections until the time is over, each its own jobs.
func (s *server) load(ctx context.Context, r route, budget time.Duration) (outcome, error) {
	if s == nil { // no reference
		return outcome{}, nil
	}
	var all outcome
	var mutex sync.Mutex
	var clients sync.WaitGroup
	start := time.Now()
	for i := range connections {
		clients.Go(func() {
			var mine outcome
			for turn := s.turn; time.Since(start) < budget && ctx.Err() == nil; turn++ {
				number := turn*connections + i
				t := target{job: s.jobs[number%len(s.jobs)]}
				if len(s.submitted) > 0 {
					t.submitted = s.submitted[number%len(s.submitted)]
				}
				if err := s.ask(ctx, r, t, s.tokens[i]); err != nil {
					mine.failed++
					mine.why = err.Error()
					continue
				}
				mine.good++
			}
			mutex.Lock()
			defer mutex.Unlock()
			all.good, all.failed = all.good+mine.good, all.failed+mine.failed
			if mine.why != "" {
				all.why = mine.why
			}
		})
	}
	clients.Wait()
	all.took = time.Since(start)
	s.turn += int(all.good)/connections + 1 // the next load begins with other jobs
	return all, ctx.Err()
}

// ask makes one request, with the headers of DiracX's own client.
func (s *server) ask(ctx context.Context, r route, t target, token string) error {
	var body io.Reader
	if r.body != nil {
		body = strings.NewReader(r.body(t))
	}
	request, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept-Encoding", "gzip, deflate")
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != r.status {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return fmt.Errorf("%s: %.300s", response.Status, text)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
