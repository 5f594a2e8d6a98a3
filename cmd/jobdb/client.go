package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jobdb/auth"
)

// clientSettings are shared by the commands that send requests to a server.
type clientSettings struct {
	folderSettings
	issuerSettings
	directSettings

	Timeout time.Duration `help:"How long to wait for an answer. What was not answered is asked again, up to five times." default:"2m" env:"JOBDB_TIMEOUT" placeholder:"TIME"`
	Server  string        `help:"URL of the server. Default: ${default}." default:"http://127.0.0.1:8000" env:"JOBDB_URL,DIRACX_URL" placeholder:"URL"`
}

const whoHelp = `

The token comes from JOBDB_TOKEN, else from a login (jobdb login, jobdb token --login or dirac login). Without either, one is made with
the signing key in the data folder, which only the user who runs the server can read.`

// client sends requests to one server.
type client struct {
	http   *http.Client
	base   string
	token  string
	origin string // where the token comes from, for messages

	renewal *renewal // of the token when it ends; may be nil

	program  *program
	timeout  time.Duration                             // of one try; see ask
	answered bool                                      // the server has answered at least once
	mint     func(vo string) (token string, err error) // with --db only: see actFor
	ahead    time.Duration                             // of the server's clock, against this machine's; 0 if they agree
}

// defaultServer is where jobdb serve listens by default.
const defaultServer = "http://127.0.0.1:8000"

// client makes a client with a token. ctx bounds the renewal of an expired login.
func (s clientSettings) client(ctx context.Context, p *program) (*client, error) {
	if s.Timeout < 0 {
		return nil, usageError{errors.New("--timeout can't be negative")}
	}
	if s.Database != "" {
		c, err := s.onDatabase(ctx, p)
		if err == nil {
			c.timeout = cmp.Or(s.Timeout, 2*time.Minute)
		}
		return c, err
	}
	base, err := serverURL("--server", s.Server)
	if err != nil {
		return nil, err
	}
	c := &client{
		http: &http.Client{Timeout: 5 * time.Minute, CheckRedirect: refuseRedirects}, base: base, program: p,
		timeout: cmp.Or(s.Timeout, 2*time.Minute),
	}
	c.renewal = &renewal{
		clock: p.clock,
		find:  func(ctx context.Context) (token, origin string, err error) { return s.findToken(ctx, p, base) },
	}
	c.token, c.origin, err = c.renewal.find(ctx)
	return c, err
}

// serverURL checks the URL of a server that a flag gave, and removes a slash at its end. The error
// doesn't quote the URL: it may hold a password.
func serverURL(flag, text string) (string, error) {
	base, err := url.Parse(text)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return "", usageError{errors.New(flag + ": write a URL such as http://127.0.0.1:8000, without a user")}
	}
	return strings.TrimRight(text, "/"), nil
}

// refuseRedirects is a CheckRedirect that follows none: the token is for the named server only.
func refuseRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// findToken looks for a token in all places where one may be. origin says where it was. An expired
// login is renewed.
func (s clientSettings) findToken(ctx context.Context, p *program, base string) (token, origin string, err error) {
	now := p.clock()
	if token := strings.TrimSpace(os.Getenv("JOBDB_TOKEN")); token != "" {
		return token, "JOBDB_TOKEN", checkExpiry(token, "JOBDB_TOKEN", now)
	}
	path := credentialsPath()
	saved, found, err := readCredentials(path)
	if err != nil {
		return "", "", err
	}
	var notRenewed error
	if found && !saved.isGood(now) {
		saved, notRenewed = renewLogin(ctx, base, path, now)
	}
	if found && notRenewed == nil {
		return saved.AccessToken, path, nil
	}
	key, err := auth.ReadKey(s.DataDir)
	switch {
	case err == nil:
		token, err := key.Mint(s.issuer(), tokenDefaults().principal(), now, 10*time.Minute)
		return token, "the key in " + s.DataDir, err
	case found:
		return "", "", fmt.Errorf("the login in %s has ended; log in again with jobdb login (%w)", path, notRenewed)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "", "", errors.New("no token: set JOBDB_TOKEN to one that jobdb token prints, log in with jobdb login or jobdb token --login, " +
			"or say with --data-dir where the server's data folder is")
	}
	return "", "", err
}

// answer is a response of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends a JSON body and returns the answer. Any other status than success and 416 is an error.
func (c *client) post(ctx context.Context, path string, body any) (answer, error) {
	response, err := c.send(ctx, path, "application/json", body)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	return c.read(response)
}

// The forms in which a server sends all rows of a search.
const (
	linesType = "application/x-ndjson"
	csvType   = "text/csv"
)

var errNoLines = errors.New("this server sends pages only")

// isHere reports whether the server is on this machine. Then compressing an answer would take
// longer than sending it.
func (c *client) isHere() bool {
	base, err := url.Parse(c.base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(base.Hostname())
	return base.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *client) send(ctx context.Context, path, accept string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	return c.do(request)
}

// do sends a request with the token.
func (c *client) do(request *http.Request) (*http.Response, error) {
	token, err := c.bearer(request.Context())
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no server answers at %s; start one with jobdb serve, or say where it is with --server (%w)", c.base, syscall.ECONNREFUSED)
	}
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, fmt.Errorf("there is no host %s; say where the server is with --server (%w)", unknown.Name, unknown)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	return response, nil
}

func (c *client) read(response *http.Response) (answer, error) {
	a := answer{status: response.StatusCode, header: response.Header}
	var err error
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}, fmt.Errorf("read the server's answer: %w", err)
	}
	if a.status >= 300 && a.status != http.StatusRequestedRangeNotSatisfiable {
		return answer{}, c.refusal(a)
	}
	return a, nil
}

// refusalError says why the server refused a request.
type refusalError struct {
	status     int
	text       string
	retryAfter time.Duration // how long the server asks to wait
	detail     json.RawMessage
}

func (e *refusalError) Error() string { return e.text }

// isOfBody reports whether the reason is the body, so that another one may be accepted.
func (e *refusalError) isOfBody() bool {
	return slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, e.status)
}

// refusal is the error for an answer that refuses a request.
func (c *client) refusal(a answer) error {
	var said struct {
		Detail json.RawMessage `json:"detail"`
	}
	text := http.StatusText(a.status)
	var detail any
	if json.Unmarshal(a.body, &said) == nil && json.Unmarshal(said.Detail, &detail) == nil && detail != nil {
		text = printable(describe(detail))
	}
	seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
	refused := &refusalError{a.status, fmt.Sprintf("the server says: %s (%d)", text, a.status), time.Duration(seconds) * time.Second, said.Detail}
	if refused.retryAfter > maxPause {
		refused.text += fmt.Sprintf("; it wants you to wait for %v", refused.retryAfter)
	}
	if a.status == http.StatusUnauthorized {
		refused.text = "the server doesn't accept the token (from " + c.origin + "): " + text
	}
	return refused
}

// describe makes one line of an error's detail, which is a text or FastAPI's list of faults.
func describe(detail any) string {
	faults, ok := detail.([]any)
	if !ok {
		return fmt.Sprint(detail)
	}
	lines := make([]string, len(faults))
	for i, fault := range faults {
		lines[i] = fmt.Sprint(fault)
		if f, ok := fault.(map[string]any); ok {
			lines[i] = fmt.Sprintf("%v: %v", f["loc"], f["msg"])
		}
	}
	return strings.Join(lines, "; ")
}

// now returns the time by the server's clock. A change of status that is older than the last one of
// its job would have no effect.
func (c *client) now(p *program) time.Time { return p.clock().Add(c.ahead).UTC() }

// setClock notes how much the server's clock is ahead of this machine's, from the header Date.
func (c *client) setClock(now time.Time, header http.Header) {
	const precision = 2 * time.Second // the header has whole seconds, and the answer took time
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		if c.ahead = at.Sub(now); c.ahead.Abs() <= precision {
			c.ahead = 0
		}
	}
}
