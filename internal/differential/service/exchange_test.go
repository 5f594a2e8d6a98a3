package service_test

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/internal/shadow"
)

// request is what both services are asked.
type request struct {
	method, path string // with its query
	who          string // a principal, "" for no token
	header       http.Header
	body         string
	unordered    bool   // the order of the rows means nothing
	jobs         []*job // those that are to be changed
}

func (r request) String() string {
	text := fmt.Sprintf("%s %s as %q", r.method, r.path, r.who)
	for name, values := range r.header {
		if name != "Authorization" {
			text += fmt.Sprintf(" %s: %q", name, values)
		}
	}
	return text + "\n  " + shadow.Shortened(r.body)
}

// route is the method and the path without the query.
func (r request) route() string {
	path, _, _ := strings.Cut(r.path, "?")
	return r.method + " " + path
}

// with is a request with a JSON body.
func with(who, method, path string, body any) request {
	return request{method: method, path: path, who: who, body: string(marshal(body))}
}

// exchange is a request with the answers of both.
type exchange struct {
	request
	theirs, ours shadow.Answer
}

// ask asks both services at the same time.
func (p *pair) ask(t *testing.T, r request) exchange {
	t.Helper()
	x, token := exchange{request: r}, ""
	if r.who != "" {
		token = p.issuer.token(r.who, nil)
	}
	var both sync.WaitGroup
	both.Go(func() { x.theirs = send(t, p.reference, r, token) })
	both.Go(func() { x.ours = send(t, p.ours, r, token) })
	both.Wait()
	if x.theirs.Status == http.StatusInternalServerError && x.ours.Status != x.theirs.Status {
		p.askAgain(t, &x, token)
	}
	return x
}

// maxPassing is how many faults of the reference may pass by themselves in one run.
const maxPassing = 3

// askAgain asks the reference once more after a 500, from which nothing is kept. One that comes from a slow
// machine passes: two beats of a job in the same second by the reference's clock, a database file that is
// locked. One that is the reference's answer comes again.
func (p *pair) askAgain(t *testing.T, x *exchange, token string) {
	t.Helper()
	time.Sleep(1100 * time.Millisecond)
	again := send(t, p.reference, x.request, token)
	if again.Status == http.StatusInternalServerError {
		return
	}
	x.theirs = again
	t.Logf("%s\nthe reference answered 500 once only", x)
	if p.passed++; p.passed > maxPassing {
		t.Errorf("%d answers of 500 were passing ones: the reference is not well", p.passed)
	}
}

func send(t *testing.T, service string, r request, token string) (answer shadow.Answer) {
	t.Helper()
	asked, err := http.NewRequestWithContext(t.Context(), r.method, service+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Errorf("%s: %v", r, err)
		return answer
	}
	if token != "" {
		asked.Header.Set("Authorization", "Bearer "+token)
	}
	if r.body != "" {
		asked.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(asked.Header, r.header)
	asked.Close = true                                 // the reference's server closes connections without saying so
	got, err := http.DefaultTransport.RoundTrip(asked) // follows no redirection
	if err != nil {
		t.Errorf("%s: %v", r, err)
		return answer
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Errorf("%s: %v", r, err)
	}
	return shadow.NewAnswer(got.StatusCode, got.Header, string(text))
}

// disagreement says how the answers differ, "" when they don't.
func (p *pair) disagreement(x exchange) string {
	same := func(theirs, ours string) bool { return p.sent.sameTime(theirs, ours) }
	return shadow.Comparison{SameTime: same, Sorted: p.sorted}.Disagreement(x.plain())
}

// plain is the exchange as a replay sees it, which knows no jobs.
func (x exchange) plain() shadow.Exchange {
	return shadow.Exchange{Method: x.method, Path: x.path, Body: x.body, Unordered: x.unordered, Theirs: x.theirs, Ours: x.ours}
}

// sorted brings a list into an order that depends on nothing but its items, the servers' times left
// out.
func (p *pair) sorted(body any) any {
	list, ok := body.([]any)
	if !ok {
		return body
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return cmp.Compare(p.sortKey(a), p.sortKey(b)) })
	return list
}

func (p *pair) sortKey(item any) string {
	row, ok := item.(object)
	if !ok {
		return string(marshal(item))
	}
	row = maps.Clone(row)
	for name, value := range row {
		text, _ := value.(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && !p.sent.has(at) {
			row[name] = "a server's time"
		}
	}
	return string(marshal(row))
}
