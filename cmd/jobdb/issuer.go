package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// clientID is the OAuth client of all command lines of DiracX.
const clientID = "myDIRACClientID"

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// issuer is who makes the tokens that a server accepts, as the server's discovery document says.
type issuer struct {
	base string // of the server
	http *http.Client

	Name          string   `json:"issuer"`
	Token         string   `json:"token_endpoint"`
	Device        string   `json:"device_authorization_endpoint"`
	Authorization string   `json:"authorization_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	Grants        []string `json:"grant_types_supported"`
}

// maxTokenAnswer bounds the size of an issuer's answer, in bytes.
const maxTokenAnswer = 1 << 20

// discover reads a server's discovery document. Tokens are sent to the endpoints in it, so it
// refuses those that others could listen to; see safeForTokens.
func discover(ctx context.Context, base string) (*issuer, error) {
	found := &issuer{base: base, http: &http.Client{Timeout: 30 * time.Second, CheckRedirect: refuseRedirects}}
	status, body, err := found.get(ctx, base+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, found); err != nil || status != http.StatusOK || found.Token == "" {
		return nil, fmt.Errorf("%s/.well-known/openid-configuration is no discovery document (%d); is this the URL of jobdb or DiracX?", base, status)
	}
	for _, endpoint := range []string{found.Token, found.Device, found.Authorization, found.Revocation} {
		if endpoint != "" && !safeForTokens(base, endpoint) {
			return nil, fmt.Errorf("%s names %s to send tokens to, which is not on https", base, endpoint)
		}
	}
	return found, nil
}

// safeForTokens reports whether tokens may be sent to an endpoint: to one with https, or, if the
// server itself has only http, to its host and to this machine.
func safeForTokens(base, endpoint string) bool {
	server, err := url.Parse(base)
	if err != nil {
		return false
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.User != nil {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Scheme == "https" || at.Scheme == "http" && server.Scheme == "http" &&
		(at.Host == server.Host || at.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (i *issuer) hasDeviceFlow() bool { return slices.Contains(i.Grants, deviceGrant) }

func (i *issuer) get(ctx context.Context, address string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	return i.send(request)
}

func (i *issuer) post(ctx context.Context, address string, form url.Values) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return i.send(request)
}

func (i *issuer) send(request *http.Request) (status int, body []byte, err error) {
	request.Header.Set("Accept", "application/json")
	response, err := i.http.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", request.URL.Host, unwrapURL(err)) // the URL may hold a code
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s: %w", request.URL.Host, err)
	}
	return response.StatusCode, body, nil
}

func unwrapURL(err error) error {
	if with := (*url.Error)(nil); errors.As(err, &with) {
		return with.Err
	}
	return err
}

// organization is a VO in the server's well-known configuration.
type organization struct {
	Groups map[string]json.RawMessage `json:"groups"`
}

// vos are the VOs that the server knows.
func (i *issuer) vos(ctx context.Context) (map[string]organization, error) {
	status, body, err := i.get(ctx, i.base+"/.well-known/dirac-metadata")
	if err != nil {
		return nil, err
	}
	var known struct {
		VOs map[string]organization `json:"virtual_organizations"`
	}
	if err := json.Unmarshal(body, &known); err != nil || len(known.VOs) == 0 {
		return nil, fmt.Errorf("%s/.well-known/dirac-metadata names no VO (%d)", i.base, status)
	}
	return known.VOs, nil
}

// tokenAnswer are tokens as an issuer gives them (RFC 6749, 5.1), or why it doesn't.
type tokenAnswer struct {
	Access    string  `json:"access_token"`
	ExpiresIn int64   `json:"expires_in"` // seconds
	Refresh   *string `json:"refresh_token"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
	Detail      any    `json:"detail"`
}

// expiryMargin is how long before its token's end a login is noted to end, as in DiracX's own
// clients.
const expiryMargin = 15 * time.Second

func (t tokenAnswer) credentials(now time.Time) credentials {
	end := now.Add(time.Duration(t.ExpiresIn)*time.Second - expiryMargin)
	return credentials{AccessToken: t.Access, ExpiresOn: end.Unix(), RefreshToken: t.Refresh}
}

// reason returns the issuer's words on why it gives no tokens.
func (t tokenAnswer) reason() string {
	reason := cmp.Or(t.Description, t.Error)
	if reason == "" && t.Detail != nil {
		reason = describe(t.Detail)
	}
	return printable(cmp.Or(reason, "it gives no reason"))
}

// askToken asks for tokens. pending is true if the user hasn't agreed yet.
func (i *issuer) askToken(ctx context.Context, form url.Values) (tokens tokenAnswer, pending bool, err error) {
	form.Set("client_id", clientID)
	status, body, err := i.post(ctx, i.Token, form)
	if err != nil {
		return tokens, false, err
	}
	if err := json.Unmarshal(body, &tokens); err != nil {
		return tokens, false, fmt.Errorf("the issuer's answer can't be read (%d)", status)
	}
	switch {
	case status == http.StatusOK && tokens.Access != "" && tokens.ExpiresIn > 0:
		return tokens, false, nil
	case tokens.Error == "authorization_pending", tokens.Error == "slow_down":
		return tokens, true, nil
	}
	return tokens, false, fmt.Errorf("the issuer gives no token: %s (%d)", tokens.reason(), status)
}

// device is an answer to the begin of a device flow (RFC 8628).
type device struct {
	UserCode   string `json:"user_code"`
	DeviceCode string `json:"device_code"`
	Address    string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
	Interval   int64  `json:"interval"`   // seconds between questions; DiracX says none
	Detail     any    `json:"detail"`
}

// deviceFlow logs in with the device flow: it prints a URL, and waits until the user has agreed
// there in a browser.
func deviceFlow(ctx context.Context, p *program, i *issuer, scope string) (tokenAnswer, error) {
	address := i.Device + "?" + url.Values{"client_id": {clientID}, "scope": {scope}}.Encode()
	status, body, err := i.post(ctx, address, nil)
	if err != nil {
		return tokenAnswer{}, err
	}
	var begun device
	if err := json.Unmarshal(body, &begun); err != nil || status != http.StatusOK || begun.DeviceCode == "" {
		return tokenAnswer{}, fmt.Errorf("the issuer begins no login: %s (%d)", printable(describe(cmp.Or[any](begun.Detail, "it gives no reason"))), status)
	}
	p.say("Open this address in a browser, on any device, within %v:\n\n  %s\n\nThe code is %s. Waiting for you there …",
		time.Duration(begun.ExpiresIn)*time.Second, printable(cmp.Or(begun.Complete, begun.Address)), printable(begun.UserCode))
	end := p.clock().Add(time.Duration(begun.ExpiresIn) * time.Second)
	pause := time.Duration(cmp.Or(begun.Interval, 2)) * time.Second
	for p.clock().Before(end) {
		tokens, pending, err := i.askToken(ctx, url.Values{"grant_type": {deviceGrant}, "device_code": {begun.DeviceCode}})
		if !pending {
			return tokens, err
		}
		if tokens.Error == "slow_down" {
			pause += 5 * time.Second // RFC 8628, 3.5
		}
		if err := sleep(ctx, pause); err != nil {
			return tokens, errors.New("interrupted: you are not logged in")
		}
	}
	return tokenAnswer{}, errors.New("nobody agreed in time: you are not logged in")
}

// codeFlow logs in at a server that signs its own tokens, for the user who runs it: it gives a code
// to whoever asks as that user, without a question.
func codeFlow(ctx context.Context, i *issuer, scope string) (tokenAnswer, error) {
	verifier := rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(verifier))
	state, back := rand.Text(), i.base+"/#authentication-callback"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.Authorization+"?"+url.Values{
		"response_type": {"code"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])},
		"client_id": {clientID}, "redirect_uri": {back}, "scope": {scope}, "state": {state},
	}.Encode(), nil)
	if err != nil {
		return tokenAnswer{}, err
	}
	response, err := i.http.Do(request)
	if err != nil {
		return tokenAnswer{}, fmt.Errorf("ask the server: %w", unwrapURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusFound {
		var refused tokenAnswer
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxTokenAnswer))
		_ = json.Unmarshal(body, &refused) // without JSON there is no reason
		return tokenAnswer{}, fmt.Errorf("the server logs nobody in: %s (%d)", refused.reason(), response.StatusCode)
	}
	_, query, _ := strings.Cut(response.Header.Get("Location"), "?")
	answered, err := url.ParseQuery(query)
	if err != nil || answered.Get("state") != state || answered.Get("code") == "" {
		return tokenAnswer{}, errors.New("the server's answer to the login can't be read")
	}
	tokens, _, err := i.askToken(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {answered.Get("code")}, "code_verifier": {verifier}, "redirect_uri": {back},
	})
	return tokens, err
}
