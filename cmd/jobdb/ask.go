package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// tries is how often ask sends a request.
const tries = 6

// ask sends an idempotent request, and returns the answer. body is sent as JSON; nil sends none.
// Each try may take the client's timeout. It tries again if the server asks for it or the
// connection is lost. Any status but success and 416 is an error.
func (c *client) ask(ctx context.Context, method, path string, body any) (answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	for try := 1; ; try++ {
		a, err := c.askOnce(ctx, method, path, text)
		if err == nil || try == tries || ctx.Err() != nil || !c.mayAskAgain(err) {
			return a, err
		}
		if try > 1 {
			c.program.say("jobdb: %v; trying again", err)
		}
		if c.pause(ctx, try, err) != nil {
			return answer{}, err
		}
	}
}

// search asks for rows of jobs or for numbers of them.
func (c *client) search(ctx context.Context, path string, body any) (answer, error) {
	return c.ask(ctx, http.MethodPost, path, body)
}

func (c *client) askOnce(ctx context.Context, method, path string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer after %v", c.timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.do(request)
	if err != nil {
		return answer{}, withCause(ctx, err)
	}
	defer response.Body.Close()
	a, err := c.read(response)
	c.answered = true
	c.setClock(c.program.clock(), response.Header)
	return a, withCause(ctx, err)
}

// withCause replaces the error of a context that ended with the cause of that, such as a timeout.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("ask the server: %w", cause)
	}
	return err
}

// mayAskAgain reports whether a request that failed with err may succeed when it is sent again.
func (c *client) mayAskAgain(err error) bool {
	refused, unknown := (*refusalError)(nil), (*net.DNSError)(nil)
	switch {
	case errors.As(err, &refused):
		return refused.retryAfter <= maxPause && slices.Contains([]int{
			http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, refused.status)
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &unknown) && unknown.IsNotFound:
		return c.answered // if nobody answered so far, the URL is likely wrong
	}
	return true
}

// firstPause is the time before the second try. Tests make it shorter.
var firstPause = 500 * time.Millisecond

// maxPause is the longest time before another try. If the server asks for more, it is an error at
// once.
const maxPause = time.Minute

// pause waits before another try: each time twice as long, and at least as long as the server asks.
func (c *client) pause(ctx context.Context, try int, err error) error {
	wait := firstPause << (try - 1)
	if refused := (*refusalError)(nil); errors.As(err, &refused) {
		wait = max(wait, refused.retryAfter)
	}
	timer := time.NewTimer(min(wait, maxPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lines copies all rows of a search to out as they arrive. kind is linesType or csvType. The
// timeout is for each read: as long as something arrives, the whole may take any time.
func (c *client) lines(ctx context.Context, body any, kind string, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(c.timeout, func() { cancel(fmt.Errorf("nothing came for %v", c.timeout)) })
	defer silence.Stop()
	from, ours := c.http.Transport.(*http.Transport)
	if !ours {
		from = http.DefaultTransport.(*http.Transport) //nolint:forcetypeassert // net/http says so
	}
	transport := from.Clone()
	transport.DisableCompression = c.isHere()
	defer transport.CloseIdleConnections()
	unlimited := *c
	unlimited.http = &http.Client{CheckRedirect: refuseRedirects, Transport: transport}
	response, err := unlimited.send(ctx, "/api/jobs/search", kind, body)
	if err != nil {
		return withCause(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		_, err := c.read(response)
		return cmp.Or(err, errNoLines)
	}
	if response.Header.Get("Content-Type") != kind { // DiracX sends a page
		return errNoLines
	}
	if _, err := io.Copy(out, resetting{response.Body, silence, c.timeout}); err != nil {
		return fmt.Errorf("not all jobs were printed: %w", withCause(ctx, err))
	}
	return nil
}

// resetting is a reader that restarts a timer with each read.
type resetting struct {
	from  io.Reader
	timer *time.Timer
	wait  time.Duration
}

func (r resetting) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.timer.Reset(r.wait)
	return n, err
}
