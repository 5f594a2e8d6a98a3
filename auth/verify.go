package auth

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrInvalidToken means that this server doesn't accept the token.
var ErrInvalidToken = errors.New("invalid token")

// maxTokenBytes is the length above which a token is refused unread.
const maxTokenBytes = 16 << 10

// Verifier checks tokens. Its methods are safe for concurrent use.
type Verifier struct {
	issuer string
	keys   *Keys
	clock  func() time.Time
	parser *jwt.Parser
	cache  tokenCache
}

// NewVerifier returns a verifier of tokens that name exactly this issuer and are signed with one of
// the keys. The clock decides whether a token has expired or isn't valid yet, with no leeway.
func NewVerifier(issuer string, keys *Keys, clock func() time.Time) *Verifier {
	return &Verifier{issuer: issuer, keys: keys, clock: clock, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{"Ed25519", "EdDSA", "RS256"}),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(clock), jwt.WithStrictDecoding(),
	)}
}

// Verify returns the principal that a token stands for. Every error is [ErrInvalidToken]; its
// reason is for the log, not for the sender of the token. Verify may wait up to 2 seconds for the
// keys to be fetched, or until ctx ends. A token that was verified before, with the keys as they
// are now, is only checked for its times. The principal's Properties are shared between callers.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	p, _, err := v.VerifyUntil(ctx, token)
	return p, err
}

// VerifyUntil is [Verifier.Verify], and tells when the token expires.
func (v *Verifier) VerifyUntil(ctx context.Context, token string) (Principal, time.Time, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, time.Time{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, maxTokenBytes)
	}
	keys, hash := v.keys.set.Load(), sha256.Sum256([]byte(token))
	if t, ok := v.cache.get(hash); ok && t.keys == keys && t.validity.contains(v.clock()) {
		return t.principal, t.validity.until, nil
	}
	p, c, err := v.parse(ctx, token)
	if err != nil {
		return Principal{}, time.Time{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	valid := c.validity()
	if v.keys.set.Load() == keys { // else we can't tell which of the two sets verified the token
		v.cache.add(hash, cachedToken{p, keys, valid})
	}
	return p, valid.until, nil
}

// parse checks everything about a token, beginning with its signature and times.
func (v *Verifier) parse(ctx context.Context, token string) (Principal, claims, error) {
	c := claims{} // a map: with a struct, encoding/json would accept "VO" for "vo"
	key := func(t *jwt.Token) (any, error) { return v.key(ctx, t) }
	if _, err := v.parser.ParseWithClaims(token, jwt.MapClaims(c), key); err != nil {
		return Principal{}, nil, err
	}
	if err := c.checkTimes(); err != nil {
		return Principal{}, nil, err
	}
	p, err := v.principal(c)
	if err != nil {
		return Principal{}, nil, err
	}
	if err := v.refuseDuplicates(token); err != nil {
		return Principal{}, nil, err
	}
	return p, c, nil
}

// key returns the key that the token's header names. Its type must fit the algorithm, or else a
// public key could be misused as a secret. Keys that the token itself carries or points to (jwk,
// jku, x5c, x5u) are ignored: the sender chose them.
func (v *Verifier) key(ctx context.Context, token *jwt.Token) (any, error) {
	if _, critical := token.Header["crit"]; critical {
		return nil, errors.New("it needs extensions that aren't known here") // RFC 7515, 4.1.11
	}
	name, named := token.Header["kid"]
	id, ok := name.(string)
	if named && !ok {
		return nil, errors.New("the ID of its key is no text")
	}
	key, ok := v.keys.find(ctx, id)
	if !ok {
		return nil, errors.New("signed with a key that isn't known here")
	}
	if _, isRSA := key.(*rsa.PublicKey); isRSA != (token.Method.Alg() == "RS256") {
		return nil, errors.New("the algorithm is not that of the key")
	}
	return key, nil
}

// claims are a token's, by the names that DiracX gives them.
type claims map[string]any

// principal reads the claims of a token whose signature and times have been checked.
func (v *Verifier) principal(c claims) (Principal, error) {
	if issuer, _ := c["iss"].(string); issuer == "" || issuer != v.issuer {
		return Principal{}, fmt.Errorf("its issuer is %q, not %q", c["iss"], v.issuer)
	}
	var p Principal
	for name, field := range map[string]*string{
		"sub": &p.Subject, "preferred_username": &p.Username, "dirac_group": &p.Group, "vo": &p.VO,
	} {
		if *field, _ = c[name].(string); *field == "" {
			return Principal{}, fmt.Errorf("it lacks the claim %s", name)
		}
	}
	var err error
	if p.Properties, err = c.properties(); err != nil {
		return Principal{}, err
	}
	return p, nil
}

// maxTime is the last second of the year 9999.
const maxTime = 253402300799

// checkTimes refuses numbers that are no times: on some machines 1e300 would be converted to a time
// long ago.
func (c claims) checkTimes() error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		if seconds, isNumber := c[name].(float64); isNumber && math.Abs(seconds) > maxTime {
			return fmt.Errorf("its %s is no time", name)
		}
	}
	return nil
}

func (c claims) properties() ([]string, error) {
	values, ok := c["dirac_properties"].([]any)
	if !ok {
		return nil, errors.New("it lacks the claim dirac_properties")
	}
	var properties []string
	for _, value := range values {
		property, ok := value.(string)
		if !ok {
			return nil, errors.New("one of its dirac_properties is no text")
		}
		properties = append(properties, property)
	}
	return properties, nil
}

// refuseDuplicates refuses a token that names a header or claim twice: of two values one reader
// takes the first and another the last. The token has been parsed before.
func (v *Verifier) refuseDuplicates(token string) error {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		text, err := v.parser.DecodeSegment(part)
		if err != nil {
			return err
		}
		if name, ok := duplicateName(text); ok {
			return fmt.Errorf("it says %q twice", name)
		}
	}
	return nil
}

// duplicateName returns a name that is twice in a JSON object.
func duplicateName(object []byte) (name string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	seen := map[any]bool{}
	_, err := d.Token() // the opening brace
	for err == nil && d.More() {
		var name json.Token
		if name, err = d.Token(); seen[name] {
			return fmt.Sprint(name), true
		}
		seen[name] = true
		if err == nil {
			err = d.Decode(&json.RawMessage{})
		}
	}
	return "", false
}
