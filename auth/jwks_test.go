package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"math/big"
	"strings"
	"testing"

	"jobdb/auth"
)

// TestKeySet tells which keys of a set are used. One that isn't doesn't spoil the others.
func TestKeySet(t *testing.T) {
	us := newPerson("us")
	ed, rs := okp("k", us.ed), rsaJWK("k", &us.rsa.PublicKey)
	with := func(key fields, change fields) fields {
		key = maps.Clone(key)
		maps.Copy(key, change)
		return key
	}
	shortened := func(by uint) fields { // the lengths of moduli are what counts: making keys takes long
		return rsaJWK("k", &rsa.PublicKey{N: new(big.Int).Rsh(us.rsa.N, by), E: us.rsa.E})
	}
	padded := append(make([]byte, 128), us.rsa.N.Bytes()[:128]...) // as long as one of 2048 bits
	for name, test := range map[string]struct {
		key  fields
		used bool
	}{
		"Ed25519":               {ed, true},
		"alg EdDSA":             {with(ed, fields{"alg": "EdDSA"}), true},
		"alg Ed25519":           {with(ed, fields{"alg": "Ed25519", "use": "sig"}), true},
		"as keys.py writes it":  {with(ed, fields{"key_ops": []string{"sign", "verify"}, "alg": "Ed25519"}), true},
		"RSA":                   {rs, true},
		"RSA alg":               {with(rs, fields{"alg": "RS256"}), true},
		"private, signs":        {with(rs, fields{"key_ops": []string{"sign"}, "d": "x", "p": 7}), true},
		"for encryption":        {with(rs, fields{"use": "enc"}), false},
		"only encrypts":         {with(rs, fields{"key_ops": []string{"encrypt"}}), false},
		"another algorithm":     {with(rs, fields{"alg": "PS256"}), false},
		"of the other kind":     {with(ed, fields{"alg": "RS256"}), false},
		"another curve":         {with(ed, fields{"crv": "X25519"}), false},
		"symmetric":             {fields{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}, false},
		"short":                 {with(ed, fields{"x": "AA"}), false},
		"padded base64":         {with(ed, fields{"x": ed["x"].(string) + "="}), false},
		"RSA of 1024 bits":      {shortened(1024), false},
		"RSA of 1024, padded":   {with(rs, fields{"n": b64(padded)}), false},
		"RSA of 2047 bits":      {shortened(1), false},
		"RSA of 20000 bits":     {with(rs, fields{"n": b64(new(big.Int).Lsh(us.rsa.N, 18000).Bytes())}), false},
		"RSA without an n":      {with(rs, fields{"n": ""}), false},
		"RSA with n in Latin-1": {with(rs, fields{"n": "ü"}), false},
		"exponent 1":            {with(rs, fields{"e": "AQ"}), false},
		"exponent 0":            {with(rs, fields{"e": ""}), false},
		"even exponent":         {with(rs, fields{"e": "Ag"}), false},
		"huge exponent":         {with(rs, fields{"e": "AQAAAAE"}), false},
	} {
		other := newPerson("foreign")
		keys := openKeys(t, jwks(okp("other", other.ed), test.key))
		shown := string(keys.PublicJWKS())
		if used := strings.Contains(shown, `"kid":"k"`); used != test.used || !strings.Contains(shown, `"kid":"other"`) {
			t.Errorf("%s: %s", name, shown)
		}
		if n := keys.State().Keys; n == 2 != test.used {
			t.Errorf("%s: %d keys", name, n)
		}
		_, err := auth.OpenKeys(t.Context(), quiet(jwks(test.key)))
		if (err == nil) != test.used {
			t.Errorf("%s alone: %v", name, err)
		}
	}
}

// Tokens of a key that is too short are refused although it is in the set.
func TestWeakKey(t *testing.T) {
	us := newPerson("us")
	weak := us
	var err error
	if weak.rsa, err = rsa.GenerateKey(rand.Reader, 1536); err != nil {
		t.Fatal(err)
	}
	keys := openKeys(t, jwks(okp("ed", us.ed), rsaJWK("weak", &weak.rsa.PublicKey)))
	forged := token(`{"alg":"RS256","kid":"weak"}`, but(nil), weak.signRSA)
	refused(t, auth.NewVerifier(issuer, keys, clock), "1536 bits", forged, "key that isn't known")
}

func TestKeySetErrors(t *testing.T) {
	us := newPerson("us")
	for text, why := range map[string]string{
		`{}`:                           "no Ed25519 and no RSA key",
		`{"keys":[]}`:                  "no Ed25519 and no RSA key",
		`{"keys":[null]}`:              "no Ed25519 and no RSA key",
		`{"keys":"secret"}`:            "not a JWK set",
		`{"keys":[{"d":secret}]}`:      "not a JWK set",
		`[{"kty":"oct","k":"secret"}]`: "neither a file, a URL, nor",
		"\"secret\"":                   "neither a file, a URL, nor",
		`{"keys":[]} secret`:           "not a JWK set",
		jwks(okp("k", us.ed), okp("k", newPerson("foreign").ed)):   `"k" is twice`,
		`{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"}]}`: "of 17 bits is weak",
	} {
		if _, err := auth.OpenKeys(t.Context(), quiet(text)); err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// No private part of any kind of key is ever shown.
func TestPublicJWKS(t *testing.T) {
	us := newPerson("us")
	private := rsaJWK("rsa", &us.rsa.PublicKey)
	for name, n := range map[string]*big.Int{"d": us.rsa.D, "p": us.rsa.Primes[0], "q": us.rsa.Primes[1]} {
		private[name] = b64(n.Bytes())
	}
	shown := string(openKeys(t, jwks(private, okp("ed", us.ed))).PublicJWKS())
	want := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","alg":"Ed25519","use":"sig","x":"` + okp("", us.ed)["x"].(string) +
		`"},{"kty":"RSA","kid":"rsa","alg":"RS256","use":"sig","n":"` + b64(us.rsa.N.Bytes()) + `","e":"AQAB"}]}`
	if shown != want {
		t.Errorf("%s\nwant %s", shown, want)
	}
}
