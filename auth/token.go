package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrInvalidToken says that the token is not one that this server accepts.
var ErrInvalidToken = errors.New("invalid token")

// claims is what a token says, by DiracX's names.
type claims struct {
	jwt.RegisteredClaims

	Username   string         `json:"preferred_username"`
	Group      string         `json:"dirac_group"`
	VO         string         `json:"vo"`
	Properties []string       `json:"dirac_properties"`
	Policies   map[string]any `json:"dirac_policies"`
}

// ed25519Method is EdDSA by the name that the reference gives it.
type ed25519Method struct{ *jwt.SigningMethodEd25519 }

func (ed25519Method) Alg() string { return "Ed25519" }

// signingMethod is how we sign; the name is registered so that it can be read, too.
var signingMethod = func() jwt.SigningMethod {
	method := ed25519Method{jwt.SigningMethodEdDSA}
	jwt.RegisterSigningMethod(method.Alg(), func() jwt.SigningMethod { return method })
	return method
}()

// longestToken is how long a token may be, in bytes.
const longestToken = 16 << 10

// Mint signs a token for the principal that ends after lifetime.
func (k *Key) Mint(issuer string, p Principal, now time.Time, lifetime time.Duration) (string, error) {
	token := jwt.NewWithClaims(signingMethod, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: p.Subject, ID: newUUID(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Username: p.Username, Group: p.Group, VO: p.VO, Properties: p.Properties, Policies: map[string]any{},
	})
	token.Header["kid"] = k.id
	signed, err := token.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// newUUID is what the reference wants as the ID of a token.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Verifier checks tokens.
type Verifier struct {
	issuer string
	keys   *KeySet
	parser *jwt.Parser
}

// NewVerifier returns a verifier of tokens of this issuer, signed with one of the keys.
func NewVerifier(issuer string, keys *KeySet, clock func() time.Time) *Verifier {
	return &Verifier{issuer: issuer, keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{"Ed25519", "EdDSA", "RS256"}),
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(clock), jwt.WithStrictDecoding(),
	)}
}

// Verify returns who a token stands for. Every fault is [ErrInvalidToken],
// with a reason that is for the log, not for who sent the token.
func (v *Verifier) Verify(token string) (Principal, error) {
	if len(token) > longestToken {
		return Principal{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, longestToken)
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.key); err != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	if c.Subject == "" || c.Username == "" || c.Group == "" || c.VO == "" {
		return Principal{}, fmt.Errorf("%w: it lacks one of sub, preferred_username, dirac_group, vo", ErrInvalidToken)
	}
	return Principal{Subject: c.Subject, Username: c.Username, Group: c.Group, VO: c.VO, Properties: c.Properties}, nil
}

// key finds the key by the token's header; its kind must be the algorithm's.
func (v *Verifier) key(token *jwt.Token) (any, error) {
	if _, critical := token.Header["crit"]; critical {
		return nil, errors.New("it needs extensions that aren't known here") // RFC 7515, 4.1.11
	}
	id, _ := token.Header["kid"].(string)
	key, ok := v.keys.find(id)
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
