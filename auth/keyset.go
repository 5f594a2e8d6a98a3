package auth

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// KeySet holds public keys that tokens are verified with, by their IDs.
type KeySet struct{ keys map[string]any } // ed25519.PublicKey or *rsa.PublicKey

// jwk is a key of a JWK set. Private parts other than D are not even read.
type jwk struct {
	KeyType string `json:"kty"`
	Curve   string `json:"crv,omitempty"`
	KeyID   string `json:"kid,omitempty"`
	Alg     string `json:"alg,omitempty"`
	Use     string `json:"use,omitempty"`
	X       string `json:"x,omitempty"`
	D       string `json:"d,omitempty"`
	N       string `json:"n,omitempty"`
	E       string `json:"e,omitempty"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// ParseKeySet reads a JWK set. Only Ed25519 and RSA keys are taken, others
// are passed over; a set without any is an error. Private parts are ignored.
func ParseKeySet(text []byte) (*KeySet, error) {
	var set jwkSet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("the key set is not a JWK set in JSON") // the error might repeat a secret
	}
	s := &KeySet{keys: map[string]any{}}
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		key, err := k.public()
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %q of the key set: %w", k.KeyID, err)
		case key == nil:
			continue
		}
		if _, twice := s.keys[k.KeyID]; twice {
			return nil, fmt.Errorf("key %q is twice in the key set", k.KeyID)
		}
		s.keys[k.KeyID] = key
	}
	if len(s.keys) == 0 {
		return nil, errors.New("the key set has no Ed25519 and no RSA key")
	}
	return s, nil
}

// public returns nil for a kind of key that we have no use for.
func (k jwk) public() (any, error) {
	switch {
	case k.KeyType == "OKP" && k.Curve == "Ed25519":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("x is not an Ed25519 key")
		}
		return ed25519.PublicKey(x), nil
	case k.KeyType == "RSA":
		n, errN := base64.RawURLEncoding.DecodeString(k.N)
		e, errE := base64.RawURLEncoding.DecodeString(k.E)
		if errN != nil || errE != nil || len(n) < 256 || len(e) == 0 || len(e) > 4 {
			return nil, errors.New("n and e are not an RSA key of 2048 bits or more")
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, nil //nolint:nilnil // documented
}

// find returns the key of an ID. A token without an ID may use the only key of a set.
func (s *KeySet) find(id string) (any, bool) {
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
