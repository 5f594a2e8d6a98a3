package shadow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Service is one of the two that are compared.
type Service struct {
	URL   string
	Token func() (string, error) // asked before each request, as tokens end
}

// Options say who is asked, and how fast.
type Options struct {
	Ours, Theirs Service
	Rate         float64       // requests a second to each service; 0: as fast as they answer
	Concurrency  int           // requests at the same time
	Patience     time.Duration // before a request is asked once more whose answers disagree
	VO           string        // that of the token; "": unknown
}

// patience is how often a request is asked again whose answers disagree: between two answers a job
// may have changed.
const patience = 2

// Replay asks both services all requests, and reports what they answered. It ends with the context,
// whose cause it then returns beside what it found so far.
func (o Options) Replay(ctx context.Context, reads iter.Seq[Read]) (*Report, error) {
	report := newReport()
	todo := make(chan Read)
	var workers sync.WaitGroup
	for range max(o.Concurrency, 1) {
		workers.Go(func() {
			for r := range todo {
				f, err := o.compare(ctx, r)
				if ctx.Err() == nil { // else it was not to be answered any more
					report.add(f, err)
				}
			}
		})
	}
	err := o.feed(ctx, reads, todo)
	close(todo)
	workers.Wait()
	report.sort()
	return report, err
}

// feed hands requests out, no faster than it may.
func (o Options) feed(ctx context.Context, reads iter.Seq[Read], todo chan<- Read) error {
	var tick <-chan time.Time
	if o.Rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / o.Rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for r := range reads {
		select {
		case todo <- r:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if tick == nil {
			continue
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// finding is what came of one request.
type finding struct {
	read    Read
	x       Exchange
	name    string // of a difference that is on purpose; "" for none
	problem string // how the answers differ; "" when they don't
}

func (o Options) compare(ctx context.Context, r Read) (finding, error) {
	for try := 0; ; try++ {
		f, err := o.once(ctx, r)
		if err != nil || f.problem == "" || f.name != "" {
			return f, err
		}
		if f.name, err = o.nameByAsking(ctx, f); err != nil || f.name != "" || try == patience {
			return f, err
		}
		select {
		case <-time.After(o.Patience):
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
}

// once asks both at the same time.
func (o Options) once(ctx context.Context, r Read) (finding, error) {
	f := finding{read: r, x: Exchange{Method: r.method, Path: r.path, Body: r.body, Unordered: r.isUnordered()}}
	var (
		theirsErr, oursErr error
		both               sync.WaitGroup
	)
	both.Go(func() { f.x.Theirs, theirsErr = o.Theirs.Ask(ctx, r) })
	both.Go(func() { f.x.Ours, oursErr = o.Ours.Ask(ctx, r) })
	both.Wait()
	if theirsErr != nil {
		theirsErr = fmt.Errorf("theirs: %w", theirsErr)
	}
	if oursErr != nil {
		oursErr = fmt.Errorf("ours: %w", oursErr)
	}
	if err := errors.Join(theirsErr, oursErr); err != nil {
		return f, err
	}
	f.problem = Comparison{SameTime: sameInstant, Sorted: sortedRows}.Disagreement(f.x)
	if f.problem != "" {
		f.name = nameOf(f.x)
	}
	return f, nil
}

var client = &http.Client{
	Timeout:       5 * time.Minute,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is meant for this server
}

// Ask sends a request.
func (s Service) Ask(ctx context.Context, r Read) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.method, strings.TrimRight(s.URL, "/")+r.path, strings.NewReader(r.body))
	if err != nil {
		return Answer{}, err
	}
	token, err := s.Token()
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/json")
	if r.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Close = true // the reference's server closes connections without saying so
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	return NewAnswer(response.StatusCode, response.Header, string(text)), nil
}

// Ready returns why a service can't be compared: it doesn't answer, or refuses the token.
func (s Service) Ready(ctx context.Context) error {
	a, err := s.Ask(ctx, summaryBy("Status"))
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return fmt.Errorf("it refuses the token (%d): %s", a.Status, cmp.Or(Shortened(a.Text), "without a word"))
	case a.Status != http.StatusOK:
		return fmt.Errorf("it can't count jobs (%d): %s", a.Status, Shortened(a.Text))
	}
	return nil
}
