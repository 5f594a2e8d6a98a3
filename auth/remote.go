package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

const maxRedirects = 5

// remote is a key set that is fetched by HTTP.
type remote struct {
	client *http.Client
	keys   *url.URL // nil: the issuer's discovery document names it
	issuer string
}

func newRemote(c KeysConfig) (*remote, error) {
	r := &remote{issuer: c.Issuer, client: &http.Client{Transport: c.Transport, CheckRedirect: checkRedirect}}
	if c.Source == "" {
		_, err := parseWebURL(c.Issuer)
		return r, err
	}
	var err error
	r.keys, err = parseWebURL(c.Source)
	return r, err
}

// String says where the keys come from, without secrets.
func (r *remote) String() string {
	if r.keys == nil {
		return "the issuer's discovery document"
	}
	return redacted(r.keys)
}

// read fetches the key set. Its errors hold no secrets.
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

// discover asks the issuer for the URL of its keys (OpenID Connect Discovery 1.0, section 4).
func (r *remote) discover(ctx context.Context) (*url.URL, error) {
	at, err := parseWebURL(strings.TrimSuffix(r.issuer, "/") + "/.well-known/openid-configuration")
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
		return nil, fmt.Errorf("%s is not a discovery document in JSON", redacted(at))
	}
	if document.Issuer != r.issuer {
		return nil, fmt.Errorf("%s is of the issuer %q, not of %q; set the issuer exactly so, to the last slash",
			redacted(at), document.Issuer, r.issuer)
	}
	keys, err := parseWebURL(document.Keys)
	if err != nil || !safeStep(at, keys) {
		return nil, fmt.Errorf("%s sends us to keys at a place that isn't safe, %q; name the URL of the keys yourself",
			redacted(at), document.Keys)
	}
	return keys, nil
}

func (r *remote) get(ctx context.Context, from *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: not a URL that can be fetched", redacted(from))
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", redacted(from), withoutURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: it answers with status %d", redacted(from), response.StatusCode)
	}
	text, tooLong, err := readDocument(response.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch %s: %w", redacted(from), err)
	case tooLong:
		return nil, fmt.Errorf("fetch %s: it answers with more than %d bytes", redacted(from), maxDocumentBytes)
	}
	return text, nil
}

// checkRedirect is an [http.Client]'s CheckRedirect: an error ends the request.
func checkRedirect(request *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirections")
	case !safeStep(via[len(via)-1].URL, request.URL):
		return fmt.Errorf("a redirection to %s isn't followed", redacted(request.URL))
	}
	return nil
}

// safeStep reports whether one URL may send us to another. From https only to https, or anyone on
// the way could replace the keys. From http, which the operator chose, to the same host only, by
// http or https, or from loopback to loopback.
func safeStep(from, to *url.URL) bool {
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return false
	case from.Scheme == "https":
		return to.Scheme == "https"
	}
	return from.Hostname() == to.Hostname() || isLoopback(from) && isLoopback(to)
}

func isLoopback(u *url.URL) bool {
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}

func parseWebURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || !isWebURL(text) || u.Host == "" {
		return nil, errors.New("not an http or https URL") // without it: it may hold a password
	}
	return u, nil
}

// isWebURL reports whether a setting is a URL, and not a file or a JWK set.
func isWebURL(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

// redacted writes a URL without its user, password and query.
func redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// withoutURL strips an HTTP client's error of the URL, which may hold a password.
func withoutURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
