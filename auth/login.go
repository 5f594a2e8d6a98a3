package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

// How long the parts of a login last.
const (
	codeLifetime    = time.Minute      // until the page must have asked for its tokens
	accessLifetime  = 20 * time.Minute // as in DiracX
	sessionLifetime = 12 * time.Hour   // since the last renewal
)

// maxLogins is how many codes, and how many sessions, are kept. The oldest are dropped first.
const maxLogins = 1000

// The reasons why there are no tokens.
var (
	ErrInvalidCode    = errors.New("the code is unknown, was used before, has ended, or isn't this client's: log in again")
	ErrInvalidSession = errors.New("the login is unknown, has ended, or its refresh token was used twice: log in again")
)

// Logins are the logins of web pages at a server that signs its own tokens: OAuth's authorization
// code flow with PKCE (RFC 6749, RFC 7636), for the one user of the server. They are kept in
// memory: a restart ends them. The caller of Begin must make sure that it is this user who asks.
// The methods are safe for concurrent use.
type Logins struct {
	key    *Key
	issuer string
	user   Principal
	clock  func() time.Time

	mutex    sync.Mutex
	codes    map[string]pendingLogin
	sessions map[string]session // by the first half of their refresh tokens
}

// pendingLogin is a login whose page hasn't asked for its tokens yet.
type pendingLogin struct {
	challenge, redirectURI string
	end                    time.Time
}

// session is a login that may renew its tokens.
type session struct {
	secret string // the second half of its refresh token; a new one with each renewal
	end    time.Time
}

// NewLogins returns logins of a user, with tokens of the issuer that are signed with the key.
func NewLogins(key *Key, issuer string, user Principal, clock func() time.Time) *Logins {
	return &Logins{
		key: key, issuer: issuer, user: user, clock: clock,
		codes: map[string]pendingLogin{}, sessions: map[string]session{},
	}
}

// User returns the user that the tokens are for.
func (l *Logins) User() Principal { return l.user }

// Tokens are what a page gets.
type Tokens struct {
	Access   string        // a JWT
	Lifetime time.Duration // of Access
	Refresh  string        // opaque, for Renew; can be used once
}

// Begin starts a login and returns its code, which can be used once, within a minute. challenge is
// the SHA-256 of the verifier that [Logins.Redeem] must get, in base64url without padding.
func (l *Logins) Begin(challenge, redirectURI string) string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now, code := l.clock(), rand.Text()
	makeRoom(l.codes, now, func(p pendingLogin) time.Time { return p.end })
	l.codes[code] = pendingLogin{challenge: challenge, redirectURI: redirectURI, end: now.Add(codeLifetime)}
	return code
}

// Redeem returns tokens for a code, or [ErrInvalidCode]. The code is used up in any case.
// redirectURI must be that of Begin.
func (l *Logins) Redeem(code, verifier, redirectURI string) (Tokens, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	pending, ok := l.codes[code]
	delete(l.codes, code)
	hash := sha256.Sum256([]byte(verifier))
	if !ok || !l.clock().Before(pending.end) || redirectURI != pending.redirectURI ||
		!same(base64url.EncodeToString(hash[:]), pending.challenge) {
		return Tokens{}, ErrInvalidCode
	}
	makeRoom(l.sessions, l.clock(), func(s session) time.Time { return s.end })
	return l.tokens(rand.Text())
}

// Renew returns new tokens for a refresh token, or [ErrInvalidSession]. A refresh token that comes a
// second time was stolen, before or after it was used: it ends the session (RFC 9700, 4.14).
func (l *Logins) Renew(refresh string) (Tokens, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	id, secret, _ := strings.Cut(refresh, ".")
	s, ok := l.sessions[id]
	if !ok || !l.clock().Before(s.end) || !same(secret, s.secret) {
		delete(l.sessions, id)
		return Tokens{}, ErrInvalidSession
	}
	return l.tokens(id)
}

// End ends the session of a refresh token, if there is one. Its access token stays valid until it
// expires.
func (l *Logins) End(refresh string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	id, _, _ := strings.Cut(refresh, ".")
	delete(l.sessions, id)
}

// tokens makes the tokens of a session, and gives it a new secret.
func (l *Logins) tokens(id string) (Tokens, error) {
	now := l.clock()
	access, err := l.key.Mint(l.issuer, l.user, now, accessLifetime)
	if err != nil {
		return Tokens{}, err
	}
	s := session{secret: rand.Text(), end: now.Add(sessionLifetime)}
	l.sessions[id] = s
	return Tokens{Access: access, Lifetime: accessLifetime, Refresh: id + "." + s.secret}, nil
}

// makeRoom removes logins that have ended, and the oldest one if there is still no room for
// another.
func makeRoom[V any](logins map[string]V, now time.Time, end func(V) time.Time) {
	maps.DeleteFunc(logins, func(_ string, v V) bool { return !now.Before(end(v)) })
	if len(logins) < maxLogins {
		return
	}
	oldest := ""
	for id, v := range logins {
		if oldest == "" || end(v).Before(end(logins[oldest])) {
			oldest = id
		}
	}
	delete(logins, oldest)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
