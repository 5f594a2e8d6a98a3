package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// What a remote key set may cost.
const (
	mostRedirects = 5
	mostBytes     = 1 << 20 // of a document; a key has some hundred
)

// remote is a key set that is fetched by HTTP.
type remote struct {
	client *http.Client
	keys   *url.URL // nil: the issuer's discovery document says
	issuer string
}

func newRemote(c KeysConfig) (*remote, error) {
	r := &remote{issuer: c.Issuer, client: &http.Client{Transport: c.Transport, CheckRedirect: followed}}
	if c.Source == "" {
		_, err := webURL(c.Issuer)
		return r, err
	}
	var err error
	r.keys, err = webURL(c.Source)
	return r, err
}

// String says where the keys come from, without passwords.
func (r *remote) String() string {
	if r.keys == nil {
		return "the issuer's discovery document"
	}
	return shown(r.keys)
}

func (r *remote) read(ctx context.Context) ([]byte, error) {
	keys := r.keys
	if keys == nil {
		var err error
		if keys, err = r.discover(ctx); err != nil {
			return nil, err
		}
	}
	return r.get(ctx, keys)
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0, 4).
func (r *remote) discover(ctx context.Context) (*url.URL, error) {
	at, err := webURL(strings.TrimSuffix(r.issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	text, err := r.get(ctx, at)
	if err != nil {
		return nil, err
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s is not a discovery document in JSON", shown(at))
	}
	if document.Issuer != r.issuer {
		return nil, fmt.Errorf("%s is of the issuer %q, not of %q; set the issuer exactly so, to the last slash", shown(at), document.Issuer, r.issuer)
	}
	keys, err := webURL(document.Keys)
	if err != nil || !mayLead(at, keys) {
		return nil, fmt.Errorf("%s sends us to keys at a place that isn't safe, %q; name the URL of the keys yourself", shown(at), document.Keys)
	}
	return keys, nil
}

func (r *remote) get(ctx context.Context, from *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: not a URL that can be fetched", shown(from))
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", shown(from), reason(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: it answers with status %d", shown(from), response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch %s: %w", shown(from), err)
	case len(text) > mostBytes:
		return nil, fmt.Errorf("fetch %s: it answers with more than %d bytes", shown(from), mostBytes)
	}
	return text, nil
}

// followed says which redirections are followed.
func followed(request *http.Request, via []*http.Request) error {
	switch {
	case len(via) > mostRedirects:
		return errors.New("too many redirections")
	case !mayLead(via[len(via)-1].URL, request.URL):
		return fmt.Errorf("a redirection to %s isn't followed", shown(request.URL))
	}
	return nil
}

// mayLead says whether one place may send us to another: from https only to
// https, or else anyone on the way could put keys there; from http, which
// the operator chose, only to the same machine.
func mayLead(from, to *url.URL) bool {
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return false
	case from.Scheme == "https":
		return to.Scheme == "https"
	}
	return from.Hostname() == to.Hostname() || loopback(from) && loopback(to)
}

func loopback(u *url.URL) bool {
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

func webURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || !isWeb(text) || u.Host == "" {
		return nil, errors.New("not an http or https URL") // it may have a password in it
	}
	return u, nil
}

// isWeb tells a URL of the web from all else that a setting may be.
func isWeb(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// shown is a URL without what may be secret.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// reason is an error of an HTTP client without the URL, which may have a password in it.
func reason(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
