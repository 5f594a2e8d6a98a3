package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrInvalidToken says that the token is not one that this server accepts.
var ErrInvalidToken = errors.New("invalid token")

// ed25519Method is EdDSA by the name that the reference gives it.
type ed25519Method struct{ *jwt.SigningMethodEd25519 }

func (ed25519Method) Alg() string { return "Ed25519" }

// signingMethod is how we sign; the name is registered so that it can be read, too.
var signingMethod = func() jwt.SigningMethod {
	method := ed25519Method{jwt.SigningMethodEdDSA}
	jwt.RegisterSigningMethod(method.Alg(), func() jwt.SigningMethod { return method })
	return method
}()

// longestToken is how long a token may be, in bytes. No longer one is parsed.
const longestToken = 16 << 10

// Mint signs a token for the principal that ends after lifetime.
func (k *Key) Mint(issuer string, p Principal, now time.Time, lifetime time.Duration) (string, error) {
	token := jwt.NewWithClaims(signingMethod, jwt.MapClaims{
		"iss": issuer, "sub": p.Subject, "jti": newUUID(), "iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
		"preferred_username": p.Username, "dirac_group": p.Group, "vo": p.VO,
		"dirac_properties": append([]string{}, p.Properties...), // never null
		"dirac_policies":   map[string]any{},
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
