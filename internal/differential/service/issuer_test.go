package service_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"
	"time"
)

// issuer signs tokens that both services accept.
type issuer struct {
	name string
	key  ed25519.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{name: "http://issuer.example.org/", key: key}
}

const keyID = "the-key"

// keySet is the JWK set with the private key, which the reference wants.
func (i *issuer) keySet() []byte {
	return marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "OKP", "crv": "Ed25519", "kid": keyID, "alg": "Ed25519", "key_ops": []string{"sign", "verify"},
		"d": encoded(i.key.Seed()), "x": encoded(i.key.Public().(ed25519.PublicKey)),
	}}})
}

type object = map[string]any

// principals are those who ask, by the names that requests give them.
var principals = map[string]object{
	"alice":     claims("alice", "lhcb", "NormalUser"),
	"bob":       claims("bob", "lhcb", "NormalUser"),
	"admin":     claims("admin", "lhcb", "JobAdministrator"),
	"pilot":     claims("pilot", "lhcb", "GenericPilot"),
	"all":       claims("all", "lhcb", "NormalUser", "JobAdministrator", "GenericPilot"),
	"monitor":   claims("monitor", "lhcb", "JobMonitor"),
	"nothing":   claims("nothing", "lhcb"),
	"foreigner": claims("alice", "belle", "NormalUser"),
	"foreadmin": claims("admin", "belle", "JobAdministrator"),
}

func claims(user, vo string, properties ...string) object {
	return object{
		"sub": vo + ":" + user, "preferred_username": user, "dirac_group": vo + "_user", "vo": vo, "dirac_policies": object{},
		"dirac_properties": append([]string{}, properties...), "jti": "0190d6b0-0000-7000-8000-000000000001",
	}
}

// token signs a principal's token, with claims changed; nil takes a claim away.
func (i *issuer) token(principal string, changes object) string {
	return i.signed(object{"typ": "JWT", "alg": "Ed25519", "kid": keyID}, i.claims(principal, changes))
}

func (i *issuer) claims(principal string, changes object) object {
	claims := maps.Clone(principals[principal])
	claims["iss"], claims["iat"], claims["exp"] = i.name, time.Now().Unix(), time.Now().Add(time.Hour).Unix()
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (i *issuer) signed(header, claims object) string {
	text := encoded(marshal(header)) + "." + encoded(marshal(claims))
	return text + "." + encoded(ed25519.Sign(i.key, []byte(text)))
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func marshal(value any) []byte {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // no test makes such a value
	}
	return b
}
