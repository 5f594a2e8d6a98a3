package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// claims are what a token says of itself. Nothing of it is verified: it is for messages, and to know
// when to ask for a new one.
type claims struct {
	Issuer   string  `json:"iss"`
	Username string  `json:"preferred_username"`
	VO       string  `json:"vo"`
	Group    string  `json:"dirac_group"`
	Expiry   float64 `json:"exp"` // Unix time, seconds
}

func (c claims) end() time.Time { return time.Unix(int64(c.Expiry), 0) }

// readClaims reads a token; ok is false if it isn't one that says when it ends.
func readClaims(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &c) != nil {
		return c, false
	}
	return c, c.Expiry > 0
}

// renewBefore is how long before its end a token is renewed: as long as a request may be under way.
const renewBefore = 30 * time.Second

// ended reports whether a token is no good any more, or won't be in a moment.
func ended(token string, now time.Time) bool {
	c, ok := readClaims(token)
	return ok && now.Add(renewBefore).After(c.end())
}

// endedError says that a token is no good any more.
func endedError(token, origin, next string, now time.Time) error {
	c, _ := readClaims(token)
	ago := now.Sub(c.end()).Round(time.Second)
	if ago < 0 {
		return fmt.Errorf("the token (from %s) ends in %v; %s", origin, -ago, next)
	}
	return fmt.Errorf("the token (from %s) ended %v ago, at %s; %s", origin, ago, c.end().In(now.Location()).Format(time.DateTime+" MST"), next)
}

// renewLogin gets a new token for a login that has ended, and stores it. Several processes may try
// that at once, but a refresh token is good once only: one does it while the others wait.
func renewLogin(ctx context.Context, base, path string, now time.Time) (credentials, error) {
	release, err := lockFile(path)
	if err != nil {
		return credentials{}, fmt.Errorf("lock the credentials: %w", err)
	}
	defer release()
	saved, found, err := readCredentials(path)
	switch {
	case err != nil:
		return saved, err
	case !found:
		return saved, errors.New("the login is gone")
	case saved.isGood(now): // another process was faster
		return saved, nil
	case saved.RefreshToken == nil:
		return saved, errors.New("it can't be renewed")
	case hasEnded(*saved.RefreshToken, now):
		return saved, errors.New("it can't be renewed any more")
	}
	issuer, err := issuerOf(ctx, base, saved)
	if err != nil {
		return saved, err
	}
	tokens, _, err := issuer.askToken(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {*saved.RefreshToken}})
	if err != nil {
		return saved, err
	}
	if tokens.Refresh == nil {
		tokens.Refresh = saved.RefreshToken
	}
	renewed := tokens.credentials(now)
	if err := writeCredentials(path, renewed); err != nil {
		return saved, fmt.Errorf("write the credentials: %w", err)
	}
	return renewed, nil
}

func hasEnded(token string, now time.Time) bool {
	c, ok := readClaims(token)
	return ok && now.After(c.end())
}

// isGood reports whether the access token can be used.
func (c credentials) isGood(now time.Time) bool {
	return c.AccessToken != "" && c.ExpiresOn > now.Unix() && !ended(c.AccessToken, now)
}

// issuerOf is the issuer that a server names, if it is the one of a login: no other gets the refresh token.
func issuerOf(ctx context.Context, base string, saved credentials) (*issuer, error) {
	issuer, err := discover(ctx, base)
	if err != nil {
		return nil, err
	}
	if c, ok := readClaims(saved.AccessToken); !ok || c.Issuer != issuer.Name {
		return nil, fmt.Errorf("the login is of %q, but the server at %s takes tokens of %q", printable(c.Issuer), base, printable(issuer.Name))
	}
	return issuer, nil
}

// revoke has the issuer end a login.
func revoke(ctx context.Context, base string, saved credentials) error {
	issuer, err := issuerOf(ctx, base, saved)
	if err != nil {
		return err
	}
	status, _, err := issuer.post(ctx, issuer.Revocation, url.Values{
		"token": {*saved.RefreshToken}, "token_type_hint": {"refresh_token"}, "client_id": {clientID},
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("it answers %d", status)
	}
	return err
}

// lockFile locks a file against other processes that lock it, as DiracX's own clients do.
func lockFile(path string) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // which unlocks it
}
