package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier checks tokens. Its methods are safe for use by many goroutines.
type Verifier struct {
	issuer string
	keys   *Keys
	clock  func() time.Time
	parser *jwt.Parser
	known  knownTokens
}

// NewVerifier returns a verifier of tokens of this issuer, which they must
// name to the letter, signed with one of the keys. Whether a token has ended, or has
// not begun, is told by the clock, with no second of grace.
func NewVerifier(issuer string, keys *Keys, clock func() time.Time) *Verifier {
	return &Verifier{issuer: issuer, keys: keys, clock: clock, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{"Ed25519", "EdDSA", "RS256"}),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(clock), jwt.WithStrictDecoding(),
	)}
}

// Verify returns who a token stands for. Every fault is [ErrInvalidToken],
// with a reason that is for the log, not for who sent the token. It may wait
// some seconds for the keys to be fetched again; the end of ctx ends that.
// A token that comes again while the keys are the same is not read again, only its times are.
// Callers share the Properties of the principal.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > longestToken {
		return Principal{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, longestToken)
	}
	keys, hash := v.keys.set.Load(), sha256.Sum256([]byte(token))
	if k, ok := v.known.get(hash); ok && k.keys == keys && k.holds(v.clock()) {
		return k.principal, nil
	}
	c := claims{} // a map: a struct would take "VO" for "vo"
	find := func(t *jwt.Token) (any, error) { return v.key(ctx, t) }
	if _, err := v.parser.ParseWithClaims(token, jwt.MapClaims(c), find); err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	p, err := v.principal(c)
	if err == nil {
		err = v.distinct(token)
	}
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	if v.keys.set.Load() == keys { // else it isn't known which of them the token was verified with
		v.known.add(hash, knownToken{p, keys, c.times()})
	}
	return p, nil
}

// key finds the key by the token's header; its kind must be the algorithm's.
// Nothing else of the header is looked at: keys that come with a token (jwk,
// jku, x5c, x5u) are nobody's.
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
	switch key.(type) {
	case ed25519.PublicKey:
		ok = token.Method.Alg() != "RS256"
	case *rsa.PublicKey:
		ok = token.Method.Alg() == "RS256"
	}
	if !ok {
		return nil, errors.New("the algorithm is not that of the key")
	}
	return key, nil
}

// claims is what a token says, by DiracX's names.
type claims map[string]any

// principal reads the claims of a token whose signature and times are good.
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
	properties, ok := c["dirac_properties"].([]any)
	if !ok {
		return Principal{}, errors.New("it lacks the claim dirac_properties")
	}
	for _, property := range properties {
		text, ok := property.(string)
		if !ok {
			return Principal{}, errors.New("one of its dirac_properties is no text")
		}
		p.Properties = append(p.Properties, text)
	}
	return p, nil
}

// distinct refuses a token that says a thing twice: readers differ in which
// one they take. The token has been parsed before.
func (v *Verifier) distinct(token string) error {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		text, err := v.parser.DecodeSegment(part)
		if err != nil {
			return err
		}
		if name, twice := repeated(text); twice {
			return fmt.Errorf("it says %q twice", name)
		}
	}
	return nil
}

// repeated returns a key that is twice in a JSON object.
func repeated(object []byte) (key string, twice bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	seen := map[any]bool{}
	_, err := d.Token() // the brace
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
