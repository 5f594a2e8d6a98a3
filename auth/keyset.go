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

// keySet holds public keys that tokens are verified with, by their IDs. It never changes.
type keySet struct {
	keys   map[string]any // ed25519.PublicKey or *rsa.PublicKey
	passed []string       // why keys of ours were passed over
	jwks   []byte         // the set as others may see it
}

// jwk is a key of a JWK set. Private parts other than D are not even read.
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

// Bits of an RSA key: fewer are weak, more only cost time.
const (
	leastRSABits = 2048
	mostRSABits  = 16384
)

var (
	errOtherKind = errors.New("of another kind")
	base64url    = base64.RawURLEncoding
)

// parseKeySet reads a JWK set. Keys that can't be used are passed over, as
// RFC 7517, 5 wants it; a set without any other is an error. Private parts are ignored.
func parseKeySet(text []byte) (*keySet, error) {
	var set jwkSet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("the key set is not a JWK set in JSON") // the error might repeat a secret
	}
	keys, passed := map[string]any{}, []string(nil)
	for _, k := range set.Keys {
		key, err := k.public()
		switch {
		case errors.Is(err, errOtherKind):
			continue
		case err != nil:
			passed = append(passed, fmt.Sprintf("key %q: %v", k.KeyID, err))
			continue
		}
		if _, twice := keys[k.KeyID]; twice {
			return nil, fmt.Errorf("key %q is twice in the key set", k.KeyID)
		}
		keys[k.KeyID] = key
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("the key set has no Ed25519 and no RSA key that can be used %q", passed)
	}
	s := newKeySet(keys)
	s.passed = passed
	return s, nil
}

func newKeySet(keys map[string]any) *keySet { return &keySet{keys: keys, jwks: marshalPublic(keys)} }

// public returns errOtherKind for a key that is none of ours.
func (k jwk) public() (any, error) {
	signs := len(k.Operations) == 0 || slices.Contains(k.Operations, "verify") || slices.Contains(k.Operations, "sign")
	switch {
	case k.Use != "" && k.Use != "sig", !signs:
		return nil, errOtherKind
	case k.KeyType == "OKP" && k.Curve == "Ed25519" && slices.Contains([]string{"", "Ed25519", "EdDSA"}, k.Alg):
		return k.ed25519()
	case k.KeyType == "RSA" && (k.Alg == "" || k.Alg == "RS256"):
		return k.rsa()
	}
	return nil, errOtherKind
}

func (k jwk) ed25519() (any, error) {
	x, err := base64url.DecodeString(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, errors.New("x is not an Ed25519 key")
	}
	return ed25519.PublicKey(x), nil
}

func (k jwk) rsa() (any, error) {
	n, errN := base64url.DecodeString(k.N)
	e, errE := base64url.DecodeString(k.E)
	if errN != nil || errE != nil {
		return nil, errors.New("n and e are not an RSA key")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch bits := modulus.BitLen(); { // leading zeros don't count
	case bits < leastRSABits:
		return nil, fmt.Errorf("an RSA key of %d bits is weak; %d are the least", bits, leastRSABits)
	case bits > mostRSABits:
		return nil, fmt.Errorf("an RSA key of %d bits is too long; %d are the most", bits, mostRSABits)
	case exponent.BitLen() < 2 || exponent.BitLen() > 31 || exponent.Bit(0) == 0:
		return nil, errors.New("the exponent of the RSA key is out of range")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// marshalPublic writes keys as a JWK set, in the order of their IDs.
func marshalPublic(keys map[string]any) []byte {
	set := jwkSet{Keys: []jwk{}} // an empty list, where there are none
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		k := jwk{KeyID: id, Use: "sig"}
		switch key := keys[id].(type) {
		case ed25519.PublicKey:
			k.KeyType, k.Curve, k.Alg, k.X = "OKP", "Ed25519", "Ed25519", base64url.EncodeToString(key)
		case *rsa.PublicKey:
			k.KeyType, k.Alg = "RSA", "RS256"
			k.N, k.E = base64url.EncodeToString(key.N.Bytes()), base64url.EncodeToString(big.NewInt(int64(key.E)).Bytes())
		}
		set.Keys = append(set.Keys, k)
	}
	text, _ := json.Marshal(set) // texts always marshal
	return text
}

// find returns the key of an ID. A token without an ID may use the only key of a set.
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
