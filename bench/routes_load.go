package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"jobdb"
)

// server is a server that runs, and what requests to it are about.
type server struct {
	url       string
	tokens    []string      // one a connection
	jobs      []jobdb.JobID // of the VO that asks
	submitted []jobdb.JobID
	turn      int
	profiles  string // address where it answers with profiles
	pid       int
	stop      func()
}

// profile fetches profiles from a server under load. Profiles of allocations count from its start,
// so there is one from before the load, too.
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
	response, err := http.DefaultClient.Do(request)
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

// outcome is how a load went.
type outcome struct {
	good, failed int64
	took         time.Duration
	why          string // the first failure
}

func (o outcome) rate() float64 { return float64(o.good) / max(o.took, 1).Seconds() }

// connection is a lasting connection to a server. net/http's client does more, and would take more
// of the processors than the servers.
type connection struct {
	address string
	net     net.Conn
	reader  *bufio.Reader
}

// roundTrip sends a request and reads the answer to its end. After a failure the next call connects
// again.
func (c *connection) roundTrip(ctx context.Context, request string) (err error) {
	defer func() {
		if err != nil && c.net != nil {
			_ = c.net.Close()
			c.net = nil
		}
	}()
	if c.net == nil {
		if c.net, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.address); err != nil {
			return err
		}
		c.reader = bufio.NewReaderSize(c.net, 64<<10)
	}
	if err := c.net.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.net, request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		return fmt.Errorf("%s: %.300s", response.Status, text)
	}
	if _, err = io.Copy(io.Discard, response.Body); err == nil && response.Close {
		err = errors.Join(c.net.Close())
		c.net = nil
	}
	return err
}

// load sends requests over all connections until the time is over, each about jobs of its own.
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
			c := connection{address: s.address()}
			for turn := s.turn; time.Since(start) < budget && ctx.Err() == nil; turn++ {
				number := turn*connections + i
				t := target{job: s.jobs[number%len(s.jobs)]}
				if len(s.submitted) > 0 {
					t.submitted = s.submitted[number%len(s.submitted)]
				}
				if err := c.roundTrip(ctx, s.text(r, t, s.tokens[i])); err != nil {
					mine.failed++
					mine.why = err.Error()
					continue
				}
				mine.good++
			}
			if c.net != nil {
				_ = c.net.Close()
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

// text is a request with the headers of DiracX's own client.
func (s *server) text(r route, t target, token string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\n",
		r.method, r.path, s.address(), token)
	if r.body == nil {
		b.WriteString("\r\n")
		return b.String()
	}
	body := r.body(t)
	fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }
