package auth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/auth"
)

const issuer = "https://issuer.example/"

var (
	now   = time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	alice = auth.Principal{Subject: "lhcb:1", Username: "alice", Group: "lhcb_user", VO: "lhcb", Properties: []string{auth.NormalUser}}
	b64   = base64.RawURLEncoding.EncodeToString
)

func clock() time.Time { return now }

func openKey(t *testing.T) *auth.Key {
	t.Helper()
	key, err := auth.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// quiet configures a source and discards its log.
func quiet(source string) auth.KeysConfig {
	return auth.KeysConfig{Source: source, Issuer: issuer, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
}

// openKeys opens a source with the configuration of quiet.
func openKeys(t *testing.T, set string) *auth.Keys {
	t.Helper()
	keys, err := auth.OpenKeys(t.Context(), quiet(set))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

type fields = map[string]any

// person is someone who signs tokens: the issuer ("us") or an attacker ("foreign").
type person struct {
	ed  ed25519.PrivateKey
	rsa *rsa.PrivateKey
}

// persons are made once for all tests: making an RSA key takes long.
var persons sync.Map

func newPerson(name string) person {
	made, _ := persons.LoadOrStore(name, sync.OnceValue(func() person {
		_, ed, _ := ed25519.GenerateKey(rand.Reader)
		key, _ := rsa.GenerateKey(rand.Reader, 2048)
		return person{ed, key}
	}))
	return made.(func() person)()
}

func okp(kid string, key ed25519.PrivateKey) fields {
	return fields{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(key.Public().(ed25519.PublicKey)), "d": b64(key.Seed())}
}

func rsaJWK(kid string, key *rsa.PublicKey) fields {
	return fields{"kty": "RSA", "kid": kid, "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}
}

func jwks(keys ...fields) string {
	text, _ := json.Marshal(fields{"keys": keys})
	return string(text)
}

// set is a JWK set with both keys, the private part of one, and a broken key of another kind.
func (p person) set() string {
	return jwks(okp("ed", p.ed), rsaJWK("rsa", &p.rsa.PublicKey), fields{"kty": "EC", "kid": "ec"})
}

// good are the claims of a valid token.
func good() fields {
	return fields{
		"sub": "lhcb:1", "preferred_username": "alice", "dirac_group": "lhcb_user", "vo": "lhcb",
		"dirac_properties": []string{"NormalUser"}, "iss": issuer, "exp": now.Add(time.Hour).Unix(),
	}
}

// but are good claims with changes; nil removes a claim.
func but(changes fields) string {
	claims := good()
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return text(claims)
}

func text(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// token signs a header and claims as they are: they may be anything, even no JSON.
func token(header, claims string, sign func(message []byte) []byte) string {
	message := b64([]byte(header)) + "." + b64([]byte(claims))
	return message + "." + b64(sign([]byte(message)))
}

func (p person) signEd(message []byte) []byte { return ed25519.Sign(p.ed, message) }

func (p person) signRSA(message []byte) []byte {
	hash := sha256.Sum256(message)
	signature, _ := rsa.SignPKCS1v15(nil, p.rsa, crypto.SHA256, hash[:])
	return signature
}

// token signs claims with the Ed25519 key of an ID.
func (p person) token(kid, claims string) string {
	return token(text(fields{"alg": "EdDSA", "typ": "JWT", "kid": kid}), claims, p.signEd)
}

func header(t *testing.T, token string) (header fields) {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return header
}
