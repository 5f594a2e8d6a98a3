package auth

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// keySet is the usable public keys of a JWK set. It is never changed.
type keySet struct {
	keys     map[string]any // by ID: ed25519.PublicKey or *rsa.PublicKey
	rejected []string       // why keys that should be usable are not
	jwks     []byte         // the set as JSON, for others to see
}

// jwk is a key of a JWK set. Its private members are not read, apart from D, which is needed for
// this server's own key.
type jwk struct {
	KeyType    string   `json:"kty"`
	Curve      string   `json:"crv,omitempty"`
	KeyID      string   `json:"kid,omitempty"`
	Alg        string   `json:"alg,omitempty"`
	Use        string   `json:"use,omitempty"`
	Operations []string `json:"key_ops,omitempty"`
	X          string   `json:"x,omitempty"`
	D          string   `json:"d,omitempty"`
	N          string   `json:"n,omitempty"`
	E          string   `json:"e,omitempty"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// Bits of an RSA key: shorter ones are weak, longer ones make each verification slow.
const (
	minRSABits = 2048
	maxRSABits = 16384
)

var (
	errUnsupported = errors.New("a key for something else")
	base64url      = base64.RawURLEncoding
)

func newKeySet(keys map[string]any) *keySet { return &keySet{keys: keys, jwks: marshalPublic(keys)} }

// parseKeySet reads a JWK set. It skips keys that can't be used, as RFC 7517, section 5, asks for,
// but fails if none is left. Two usable keys with one ID are an error.
func parseKeySet(text []byte) (*keySet, error) {
	var set jwkSet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("the key set is not a JWK set in JSON") // without err, which may quote a secret
	}
	keys := map[string]any{}
	var rejected []string
	for _, k := range set.Keys {
		key, err := k.publicKey()
		switch {
		case errors.Is(err, errUnsupported):
			continue
		case err != nil:
			rejected = append(rejected, fmt.Sprintf("key %q: %v", k.KeyID, err))
			continue
		}
		if _, exists := keys[k.KeyID]; exists {
			return nil, fmt.Errorf("key %q is twice in the key set", k.KeyID)
		}
		keys[k.KeyID] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the key set has no Ed25519 and no RSA key that can be used %q", rejected)
	}
	s := newKeySet(keys)
	s.rejected = rejected
	return s, nil
}

// find returns the key with an ID. Without an ID it returns the only key of a set of one.
func (s *keySet) find(id string) (any, bool) {
	if key, ok := s.keys[id]; ok {
		return key, true
	}
	if id == "" && len(s.keys) == 1 {
		for _, key := range s.keys {
			return key, true
		}
	}
	return nil, false
}

// publicKey returns an ed25519.PublicKey or *rsa.PublicKey. It fails with errUnsupported if the key
// isn't meant for the signatures that we verify.
func (k jwk) publicKey() (any, error) {
	switch {
	case !k.signs():
		return nil, errUnsupported
	case k.KeyType == "OKP" && k.Curve == "Ed25519" && slices.Contains([]string{"", "Ed25519", "EdDSA"}, k.Alg):
		return k.ed25519Key()
	case k.KeyType == "RSA" && (k.Alg == "" || k.Alg == "RS256"):
		return k.rsaKey()
	}
	return nil, errUnsupported
}

// signs reports whether the key is for signatures. A private key says "sign", a public one
// "verify".
func (k jwk) signs() bool {
	if k.Use != "" && k.Use != "sig" {
		return false
	}
	return len(k.Operations) == 0 || slices.Contains(k.Operations, "verify") || slices.Contains(k.Operations, "sign")
}

func (k jwk) ed25519Key() (any, error) {
	x, err := base64url.DecodeString(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, errors.New("x is not an Ed25519 key")
	}
	return ed25519.PublicKey(x), nil
}

func (k jwk) rsaKey() (any, error) {
	n, errN := base64url.DecodeString(k.N)
	e, errE := base64url.DecodeString(k.E)
	if errN != nil || errE != nil {
		return nil, errors.New("n and e are not an RSA key")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch bits := modulus.BitLen(); { // leading zeros don't count
	case bits < minRSABits:
		return nil, fmt.Errorf("an RSA key of %d bits is weak; %d are the least", bits, minRSABits)
	case bits > maxRSABits:
		return nil, fmt.Errorf("an RSA key of %d bits is too long; %d are the most", bits, maxRSABits)
	case exponent.BitLen() < 2 || exponent.BitLen() > 31 || exponent.Bit(0) == 0: // what crypto/rsa accepts
		return nil, errors.New("the exponent of the RSA key is out of range")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// marshalPublic writes keys as a JWK set, in the order of their IDs.
func marshalPublic(keys map[string]any) []byte {
	set := jwkSet{Keys: []jwk{}} // not nil, which would be null in JSON
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		set.Keys = append(set.Keys, publicJWK(id, keys[id]))
	}
	text, _ := json.Marshal(set) // strings always marshal
	return text
}

func publicJWK(id string, key any) jwk {
	k := jwk{KeyID: id, Use: "sig"}
	switch key := key.(type) {
	case ed25519.PublicKey:
		k.KeyType, k.Curve, k.Alg, k.X = "OKP", "Ed25519", "Ed25519", base64url.EncodeToString(key)
	case *rsa.PublicKey:
		k.KeyType, k.Alg = "RSA", "RS256"
		k.N, k.E = base64url.EncodeToString(key.N.Bytes()), base64url.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	}
	return k
}
