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

	gocmp "github.com/google/go-cmp/cmp"
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
	return text + "\n  " + shortened(r.body)
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

// reply is what a service answers.
type reply struct {
	status int
	header http.Header
	text   string
	body   any // of JSON; numbers are json.Number
}

func (r reply) String() string {
	text := fmt.Sprintf("%d %s", r.status, shortened(r.text))
	for _, name := range comparedHeaders {
		if value := r.header.Get(name); value != "" {
			text += " " + name + ": " + value
		}
	}
	return text
}

func shortened(text string) string {
	if len(text) > 1500 {
		return text[:1500] + "…"
	}
	return text
}

// comparedHeaders are those that existing clients look at.
var comparedHeaders = []string{"Content-Range", "WWW-Authenticate", "Allow"}

// exchange is a request with the answers of both.
type exchange struct {
	request
	theirs, ours reply
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
	return x
}

func send(t *testing.T, service string, r request, token string) (answer reply) {
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
	answer = reply{status: got.StatusCode, header: got.Header, text: string(text)}
	if answer.body, err = decode(answer.text); err != nil {
		answer.body = string(text)
	}
	return answer
}

// disagreement says how the answers differ, "" when they don't.
func (p *pair) disagreement(x exchange) string {
	if x.ours.status >= http.StatusInternalServerError {
		return "we fail"
	}
	if x.ours.status != x.theirs.status {
		return "other status"
	}
	for _, name := range comparedHeaders {
		if theirs := x.theirs.header.Get(name); !strings.Contains(x.ours.header.Get(name), theirs) {
			return "other " + name
		}
	}
	switch theirs, ours := x.theirs.body, x.ours.body; {
	case x.ours.status == http.StatusUnprocessableEntity:
		return gocmp.Diff(faultsOf(theirs), faultsOf(ours))
	case x.ours.status >= http.StatusBadRequest:
		return gocmp.Diff(wordless(detailOf(theirs)), wordless(detailOf(ours)))
	case x.unordered:
		return gocmp.Diff(p.sorted(theirs), p.sorted(ours), p.sameTimes())
	default:
		return gocmp.Diff(theirs, ours, p.sameTimes())
	}
}

func (p *pair) sameTimes() gocmp.Option {
	return gocmp.Comparer(func(a, b string) bool { return a == b || p.sent.sameTime(a, b) || p.sent.sameTime(b, a) })
}

func detailOf(body any) any {
	o, ok := body.(object)
	if !ok {
		return body
	}
	return o["detail"]
}

// faultsOf is the types and places that a 422 lists. Where in a text JSON ends to be JSON is
// nobody's business.
func faultsOf(body any) []string {
	list, ok := detailOf(body).([]any)
	if !ok {
		return []string{fmt.Sprint("no list: ", body)}
	}
	faults := []string{}
	for _, item := range list {
		o, _ := item.(object)
		if o["type"] == "json_invalid" {
			o["loc"] = []any{"body"}
		}
		faults = append(faults, fmt.Sprintf("%v %s", o["type"], marshal(o["loc"])))
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

// wordless is the detail of an error without what is said in words.
func wordless(detail any) any {
	switch v := detail.(type) {
	case string:
		return "words"
	case object:
		plain := object{}
		for key, value := range v {
			plain[key] = wordless(value)
		}
		return plain
	}
	return detail
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
