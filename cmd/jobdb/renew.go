package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// renewal finds a new token before the last one expires.
type renewal struct {
	mutex sync.Mutex // held while a token is looked for, so that this is done once
	token string     // the last that was found
	find  func(context.Context) (token, origin string, err error)
	clock func() time.Time
}

// bearer returns the token to send, a new one if the last one is about to expire.
func (c *client) bearer(ctx context.Context) (string, error) {
	if c.renewal == nil {
		return c.token, nil
	}
	c.renewal.mutex.Lock()
	defer c.renewal.mutex.Unlock()
	now := c.renewal.clock()
	if c.renewal.token == "" {
		c.renewal.token = c.token
	}
	if !endsBefore(c.renewal.token, now.Add(renewBefore)) {
		return c.renewal.token, nil
	}
	token, _, err := c.renewal.find(ctx)
	if err == nil {
		c.renewal.token = token
	}
	return c.renewal.token, err
}

// renewBefore is how long before its end a token is renewed: a request may take so long.
const renewBefore = 30 * time.Second

// endsBefore reports whether a token expires before a time.
func endsBefore(token string, at time.Time) bool {
	c, ok := readClaims(token)
	return ok && c.ExpiresAt != nil && at.After(c.ExpiresAt.Time)
}

// renewLogin gets new tokens for an expired login, and stores them. A refresh token can be used
// once only, so a lock on the file lets one process do it while others wait.
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
	case endsBefore(*saved.RefreshToken, now):
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

// isGood reports whether the access token can be used.
func (c credentials) isGood(now time.Time) bool {
	return c.AccessToken != "" && c.ExpiresOn > now.Unix() && !endsBefore(c.AccessToken, now.Add(renewBefore))
}

// issuerOf returns a server's issuer. It must be the login's: no other may get the refresh token.
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
	return func() { _ = file.Close() }, nil // closing unlocks
}
