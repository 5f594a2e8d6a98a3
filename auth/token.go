package auth

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// ed25519Method signs as EdDSA does, but calls itself "Ed25519" in the header, as DiracX does
// (RFC 9864). The JWT library knows the older name alone.
type ed25519Method struct{ *jwt.SigningMethodEd25519 }

func (ed25519Method) Alg() string { return "Ed25519" }

// signingMethod is what we sign with. It is registered so that the library's parser finds it, too.
var signingMethod = func() jwt.SigningMethod {
	method := ed25519Method{jwt.SigningMethodEdDSA}
	jwt.RegisterSigningMethod(method.Alg(), func() jwt.SigningMethod { return method })
	return method
}()

// Mint signs a token of this issuer for the principal. It is valid from now for lifetime.
func (k *Key) Mint(issuer string, p Principal, now time.Time, lifetime time.Duration) (string, error) {
	token := jwt.NewWithClaims(signingMethod, jwt.MapClaims{
		"iss": issuer, "sub": p.Subject, "jti": uuid.NewString(), "iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
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
