package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"jobdb/auth"
)

const issuer = "https://issuer.example/"

var (
	now   = time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	alice = auth.Principal{Subject: "lhcb:1", Username: "alice", Group: "lhcb_user", VO: "lhcb", Properties: []string{auth.NormalUser}}
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

func TestMintAndVerify(t *testing.T) {
	key := openKey(t)
	token, err := key.Mint(issuer, alice, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got, err := auth.NewVerifier(issuer, key.KeySet(), clock).Verify(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alice, got); diff != "" {
		t.Error(diff)
	}
	header, _, _ := strings.Cut(token, ".")
	if text, err := base64.RawURLEncoding.DecodeString(header); err != nil || !strings.Contains(string(text), `"alg":"Ed25519"`) {
		t.Errorf("header %s, %v", text, err)
	}
}

// A JWK set of all that a token may be signed with, and how to sign.
type signer struct {
	t       *testing.T
	ed      ed25519.PrivateKey
	rsa     *rsa.PrivateKey
	set     []byte
	edX     string
	foreign ed25519.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{t: t}
	var err error
	if s.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	var public ed25519.PublicKey
	if public, s.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, s.foreign, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	s.edX = b64(public)
	s.set = fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":%q,"d":"secret"},
		{"kty":"RSA","kid":"rsa","use":"sig","n":%q,"e":%q},{"kty":"EC","kid":"ec"}]}`,
		s.edX, b64(s.rsa.N.Bytes()), b64(big.NewInt(int64(s.rsa.E)).Bytes()))
	return s
}

// sign makes a token out of anything.
func (s *signer) sign(method jwt.SigningMethod, key any, header, change map[string]any) string {
	s.t.Helper()
	claims := jwt.MapClaims{
		"sub": "lhcb:1", "preferred_username": "alice", "dirac_group": "lhcb_user", "vo": "lhcb",
		"dirac_properties": []string{"NormalUser"}, "iss": issuer, "exp": now.Add(time.Hour).Unix(),
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	s := newSigner(t)
	keys, err := auth.ParseKeySet(s.set)
	if err != nil {
		t.Fatal(err)
	}
	verifier := auth.NewVerifier(issuer, keys, clock)
	type fields = map[string]any
	ed, rs := fields{"kid": "ed"}, fields{"kid": "rsa"}
	hmac := jwt.SigningMethodHS256
	for name, test := range map[string]struct {
		token string
		ok    bool
	}{
		"EdDSA":             {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, nil), true},
		"Ed25519":           {s.sign(jwt.GetSigningMethod("Ed25519"), s.ed, ed, nil), true},
		"RS256":             {s.sign(jwt.SigningMethodRS256, s.rsa, rs, nil), true},
		"RS512":             {s.sign(jwt.SigningMethodRS512, s.rsa, rs, nil), false},
		"none":              {s.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ed, nil), false},
		"HMAC with the key": {s.sign(hmac, []byte(s.edX), ed, nil), false},
		"RS256, Ed's kid":   {s.sign(jwt.SigningMethodRS256, s.rsa, ed, nil), false},
		"EdDSA, RSA's kid":  {s.sign(jwt.SigningMethodEdDSA, s.ed, rs, nil), false},
		"foreign key":       {s.sign(jwt.SigningMethodEdDSA, s.foreign, ed, nil), false},
		"unknown kid":       {s.sign(jwt.SigningMethodEdDSA, s.ed, fields{"kid": "x"}, nil), false},
		"kid is a path":     {s.sign(jwt.SigningMethodEdDSA, s.foreign, fields{"kid": "../../dev/null"}, nil), false},
		"kid is a URL":      {s.sign(jwt.SigningMethodEdDSA, s.foreign, fields{"kid": "https://evil.example/k"}, nil), false},
		"kid is a number":   {s.sign(jwt.SigningMethodEdDSA, s.ed, fields{"kid": 1}, nil), false},
		"no kid, two keys":  {s.sign(jwt.SigningMethodEdDSA, s.ed, nil, nil), false},
		"embedded key":      {s.sign(jwt.SigningMethodEdDSA, s.foreign, fields{"jwk": fields{"kty": "OKP", "crv": "Ed25519", "x": s.edX}}, nil), false},
		"critical header":   {s.sign(jwt.SigningMethodEdDSA, s.ed, fields{"kid": "ed", "crit": []string{"b64"}, "b64": false}, nil), false},
		"end is 0":          {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"exp": 0}), false},
		"end is negative":   {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"exp": -1}), false},
		"issuer's prefix":   {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"iss": issuer[:len(issuer)-1]}), false},
		"ended":             {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"exp": now.Unix()}), false},
		"no end":            {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"exp": nil}), false},
		"not yet valid":     {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"nbf": now.Add(time.Minute).Unix()}), false},
		"other issuer":      {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"iss": "https://other.example/"}), false},
		"no issuer":         {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"iss": nil}), false},
		"no VO":             {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"vo": nil}), false},
		"empty VO":          {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"vo": ""}), false},
		"VO is a list":      {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"vo": []string{"lhcb"}}), false},
		"no user":           {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"preferred_username": nil}), false},
		"huge":              {s.sign(jwt.SigningMethodEdDSA, s.ed, ed, fields{"x": strings.Repeat("x", 20_000)}), false},
		"empty":             {"", false},
		"three dots":        {"a.b.c.d", false},
	} {
		p, err := verifier.Verify(test.token)
		switch {
		case test.ok && err != nil:
			t.Errorf("%s: %v", name, err)
		case !test.ok && !errors.Is(err, auth.ErrInvalidToken):
			t.Errorf("%s: %v is accepted: %v", name, p, err)
		case !test.ok && p.VO != "":
			t.Errorf("%s: refused, but with the principal %v", name, p)
		}
	}
}

func TestParseKeySetErrors(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"x"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":"secret"}`,
	} {
		if _, err := auth.ParseKeySet([]byte(text)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOpenKeyAtOnce(t *testing.T) {
	folder := t.TempDir()
	tokens := make([]string, 16)
	var group sync.WaitGroup
	for i := range tokens {
		group.Go(func() {
			key, err := auth.OpenKey(folder)
			if err == nil {
				tokens[i], err = key.Mint(issuer, alice, now, time.Hour)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	key, err := auth.ReadKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if _, err := auth.NewVerifier(issuer, key.KeySet(), clock).Verify(token); err != nil {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v in the folder, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestReadKeyErrors(t *testing.T) {
	folder := t.TempDir()
	if _, err := auth.ReadKey(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	path := filepath.Join(folder, auth.KeyFile)
	for mode, want := range map[os.FileMode]string{0o600: "holds no Ed25519 key", 0o644: "chmod 600"} {
		if err := os.WriteFile(path, []byte(`{"keys":[{"d":"short"}]}`), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenKey(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if _, err := auth.OpenKey(filepath.Join(folder, "nowhere")); err == nil {
		t.Error("a key in a folder that isn't there")
	}
}

func TestAllow(t *testing.T) {
	with := func(properties ...string) auth.Principal {
		p := alice
		p.Properties = properties
		return p
	}
	vo, own := auth.Confinement{VO: "lhcb"}, auth.Confinement{VO: "lhcb", Owner: "alice"}
	user, admin, pilot := auth.NormalUser, auth.JobAdministrator, auth.GenericPilot
	for i, test := range []struct {
		who        auth.Principal
		action     auth.Action
		visibility auth.Visibility
		want       auth.Confinement // zero: forbidden
	}{
		{with(user), auth.Create, auth.VisibleVO, own},
		{with(user, admin), auth.Create, auth.VisibleVO, own},
		{with(admin), auth.Create, auth.VisibleVO, auth.Confinement{}},
		{with(pilot), auth.Create, auth.VisibleVO, auth.Confinement{}},
		{with(), auth.Create, auth.VisibleVO, auth.Confinement{}},
		{with(user), auth.Query, auth.VisibleVO, vo},
		{with(user), auth.Query, auth.VisibleOwn, own},
		{with(admin), auth.Query, auth.VisibleVO, vo},
		{with(user, admin), auth.Query, auth.VisibleOwn, vo},
		{with(pilot), auth.Query, auth.VisibleVO, auth.Confinement{}},
		{with("Other"), auth.Query, auth.VisibleVO, auth.Confinement{}},
		{auth.Principal{Username: "alice", Properties: []string{user, admin}}, auth.Query, auth.VisibleVO, auth.Confinement{}},
		{auth.Principal{VO: "lhcb", Properties: []string{user}}, auth.Query, auth.VisibleOwn, auth.Confinement{}},
	} {
		got, err := auth.Allow(test.who, test.action, test.visibility)
		if got != test.want || (test.want == auth.Confinement{}) != errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%d: %+v, %v; want %+v", i, got, err, test.want)
		}
	}
}

// What the reference's tools sign, we accept; keys.py writes such a set.
func TestKeyIsAPlainJWKSet(t *testing.T) {
	folder := t.TempDir()
	key, err := auth.OpenKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, auth.KeyFile))
	if err != nil || !json.Valid(text) {
		t.Fatalf("%v: %s", err, text)
	}
	keys, err := auth.ParseKeySet(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint(issuer, alice, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewVerifier(issuer, keys, clock).Verify(token); err != nil {
		t.Error(err)
	}
}
