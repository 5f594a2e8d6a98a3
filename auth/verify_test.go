package auth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb/auth"
)

func TestVerify(t *testing.T) {
	us := newPerson("us")
	verifier := auth.NewVerifier(issuer, openKeys(t, us.set()), clock)
	rich := alice
	rich.Properties = []string{"NormalUser", "JobAdministrator"}
	for name, test := range map[string]struct {
		token string
		want  auth.Principal
	}{
		"EdDSA":                {us.token("ed", but(nil)), alice},
		"Ed25519":              {token(`{"alg":"Ed25519","kid":"ed"}`, but(nil), us.signEd), alice},
		"RS256":                {token(`{"alg":"RS256","kid":"rsa"}`, but(nil), us.signRSA), alice},
		"several properties":   {us.token("ed", but(fields{"dirac_properties": rich.Properties})), rich},
		"begins now":           {us.token("ed", but(fields{"nbf": now.Unix()})), alice},
		"ends in a second":     {us.token("ed", but(fields{"exp": now.Unix() + 1})), alice},
		"another claim VO":     {us.token("ed", but(fields{"VO": "belle", "ISS": "x", "Sub": 5})), alice},
		"headers nobody reads": {token(`{"alg":"EdDSA","kid":"ed","typ":"x","cty":"y","jku":"z"}`, but(nil), us.signEd), alice},
	} {
		got, err := verifier.Verify(t.Context(), test.token)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestAttacks has for each attack a token that is valid but for this one fault, and the reason why
// it is refused, so that a check is missed even if another would refuse the token, too.
func TestAttacks(t *testing.T) {
	us, foreign := newPerson("us"), newPerson("foreign")
	verifier := auth.NewVerifier(issuer, openKeys(t, us.set()), clock)
	ed := func(claims string) string { return us.token("ed", claims) }
	head := func(change fields) string {
		header := fields{"alg": "EdDSA", "kid": "ed"}
		maps.Copy(header, change)
		return text(header)
	}
	nobody := func([]byte) []byte { return nil }
	for name, test := range map[string]struct{ token, why string }{
		"none":                        {token(head(fields{"alg": "none"}), but(nil), nobody), "signing method none is invalid"},
		"None":                        {token(head(fields{"alg": "None"}), but(nil), nobody), "signing method (alg) is unavailable"},
		"none, but signed":            {token(head(fields{"alg": "none"}), but(nil), us.signEd), "signing method none is invalid"},
		"no algorithm":                {token(`{"kid":"ed"}`, but(nil), us.signEd), "signing method (alg) is unspecified"},
		"algorithm is a list":         {token(head(fields{"alg": []string{"EdDSA"}}), but(nil), us.signEd), "signing method (alg) is unspecified"},
		"no signature":                {token(head(nil), but(nil), nobody), "ed25519: verification error"},
		"signed claims changed":       {changed(ed(but(nil))), "ed25519: verification error"},
		"RS512":                       {token(head(fields{"alg": "RS512", "kid": "rsa"}), but(nil), us.signRSA512), "signing method RS512 is invalid"},
		"RS256 with Ed25519's key":    {token(head(fields{"alg": "RS256"}), but(nil), us.signRSA), "not that of the key"},
		"Ed25519 with RSA's key":      {token(head(fields{"alg": "Ed25519", "kid": "rsa"}), but(nil), us.signEd), "not that of the key"},
		"foreign key":                 {foreign.token("ed", but(nil)), "ed25519: verification error"},
		"foreign RSA key":             {token(head(fields{"alg": "RS256", "kid": "rsa"}), but(nil), foreign.signRSA), "rsa: verification error"},
		"unknown kid":                 {us.token("x", but(nil)), "key that isn't known"},
		"kid in capitals":             {us.token("ED", but(nil)), "key that isn't known"},
		"no kid, two keys":            {token(`{"alg":"EdDSA"}`, but(nil), us.signEd), "key that isn't known"},
		"kid is a number":             {token(head(fields{"kid": 1}), but(nil), us.signEd), "the ID of its key is no text"},
		"kid is null":                 {token(head(fields{"kid": nil}), but(nil), us.signEd), "the ID of its key is no text"},
		"critical header":             {token(head(fields{"crit": []string{"b64"}, "b64": true}), but(nil), us.signEd), "extensions"},
		"critical header, empty":      {token(head(fields{"crit": nil}), but(nil), us.signEd), "extensions"},
		"ended this second":           {ed(but(fields{"exp": now.Unix()})), "token is expired"},
		"ends at 0":                   {ed(but(fields{"exp": 0})), "exp claim is required"},
		"ended before 1970":           {ed(but(fields{"exp": -1})), "token is expired"},
		"no end":                      {ed(but(fields{"exp": nil})), "exp claim is required"},
		"end is a text":               {ed(but(fields{"exp": "99999999999"})), "exp is invalid"},
		"not yet valid":               {ed(but(fields{"nbf": now.Unix() + 1})), "token is not valid yet"},
		"begin is a text":             {ed(but(fields{"nbf": "0"})), "nbf is invalid"},
		"begins at no time":           {ed(but(fields{"nbf": 1e300})), "nbf is no time"},
		"begins long before any time": {ed(but(fields{"nbf": -1e300})), "nbf is no time"},
		"begins too large for 64 bit": {ed(but(fields{"nbf": float64(1 << 63)})), "nbf is no time"},
		"begins in the year 10000":    {ed(but(fields{"nbf": 253402300800})), "token is not valid yet"},
		"ends at no time":             {ed(but(fields{"exp": 1e300})), "exp"},
		"ends beyond all numbers":     {ed(strings.Replace(but(nil), "{", `{"x":1e999,`, 1)), "could not JSON decode claim"},
		"ends in the year 10000":      {ed(but(fields{"exp": 253402300800})), "exp is no time"},
		"was issued at no time":       {ed(but(fields{"iat": 1e300})), "iat is no time"},
		"other issuer":                {ed(but(fields{"iss": "https://other.example/"})), "its issuer is"},
		"issuer without its slash":    {ed(but(fields{"iss": strings.TrimSuffix(issuer, "/")})), "its issuer is"},
		"issuer and more":             {ed(but(fields{"iss": issuer + "x"})), "its issuer is"},
		"issuer in capitals":          {ed(but(fields{"iss": strings.ToUpper(issuer)})), "its issuer is"},
		"issuer is a list":            {ed(but(fields{"iss": []string{issuer}})), "its issuer is"},
		"no issuer":                   {ed(but(fields{"iss": nil})), "its issuer is"},
		"no VO":                       {ed(but(fields{"vo": nil})), "lacks the claim vo"},
		"VO in capitals":              {ed(but(fields{"vo": nil, "VO": "lhcb"})), "lacks the claim vo"},
		"empty VO":                    {ed(but(fields{"vo": ""})), "lacks the claim vo"},
		"VO is a list":                {ed(but(fields{"vo": []string{"lhcb"}})), "lacks the claim vo"},
		"no user":                     {ed(but(fields{"preferred_username": nil})), "lacks the claim preferred_username"},
		"no subject":                  {ed(but(fields{"sub": nil})), "lacks the claim sub"},
		"no group":                    {ed(but(fields{"dirac_group": nil})), "lacks the claim dirac_group"},
		"no properties":               {ed(but(fields{"dirac_properties": nil})), "lacks the claim dirac_properties"},
		"properties are a text":       {ed(but(fields{"dirac_properties": "JobAdministrator"})), "lacks the claim dirac_properties"},
		"a property is a number":      {ed(but(fields{"dirac_properties": []any{1}})), "is no text"},
		"two VOs":                     {ed(strings.Replace(but(nil), "{", `{"vo":"belle",`, 1)), `says "vo" twice`},
		"two VOs, one escaped":        {ed(strings.Replace(but(nil), "{", `{"v\u006f":"belle",`, 1)), `says "vo" twice`},
		"two key IDs":                 {token(`{"alg":"EdDSA","kid":"x","kid":"ed"}`, but(nil), us.signEd), `says "kid" twice`},
		"signature written otherwise": {ed(but(nil))[:len(ed(but(nil)))-1] + "_", "could not base64 decode signature"},
		"padded":                      {ed(but(nil)) + "==", "could not base64 decode signature"},
		"huge":                        {ed(but(fields{"x": strings.Repeat("x", 20_000)})), "longer than 16384 bytes"},
		"huge, not even a token":      {strings.Repeat("x", 16_385), "longer than 16384 bytes"},
		"claims are a list":           {ed(`[]`), "could not JSON decode claim"},
		"claims are null":             {ed(`null`), "exp claim is required"},
		"header is null":              {token(`null`, but(nil), us.signEd), "signing method (alg) is unspecified"},
		"more after the claims":       {ed(but(nil) + `{"vo":"belle"}`), "could not JSON decode claim"},
		"empty":                       {"", "invalid number of segments"},
		"encrypted":                   {"a.b.c.d.e", "invalid number of segments"},
	} {
		refused(t, verifier, name, test.token, test.why)
	}
}

func refused(t *testing.T, verifier *auth.Verifier, name, token, why string) {
	t.Helper()
	p, err := verifier.Verify(t.Context(), token)
	switch {
	case !errors.Is(err, auth.ErrInvalidToken):
		t.Errorf("%s: accepted: %+v, %v", name, p, err)
	case !cmp.Equal(p, auth.Principal{}):
		t.Errorf("%s: refused, but with the principal %+v", name, p)
	case !strings.Contains(err.Error(), why):
		t.Errorf("%s: refused because of %v; want %s", name, err, why)
	}
}

// changed gives a token another VO and keeps the signature.
func changed(token string) string {
	parts := strings.Split(token, ".")
	parts[1] = b64([]byte(but(fields{"vo": "belle"})))
	return strings.Join(parts, ".")
}

func (p person) signRSA512(message []byte) []byte {
	hash := sha512.Sum512(message)
	signature, _ := rsa.SignPKCS1v15(nil, p.rsa, crypto.SHA512, hash[:])
	return signature
}

// TestAttackHMAC signs with what everybody knows as the secret: the public keys, in all encodings.
func TestAttackHMAC(t *testing.T) {
	us := newPerson("us")
	keys := openKeys(t, us.set())
	verifier := auth.NewVerifier(issuer, keys, clock)
	der, err := x509.MarshalPKIXPublicKey(&us.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	raw := us.ed.Public().(ed25519.PublicKey)
	for name, secret := range map[string][]byte{
		"Ed25519":     raw,
		"as base64":   []byte(b64(raw)),
		"as JWK set":  keys.PublicJWKS(),
		"RSA as DER":  der,
		"RSA as PEM":  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"empty":       nil,
		"its ID":      []byte("ed"),
		"the modulus": us.rsa.N.Bytes(),
	} {
		for alg, algorithm := range map[string]func() hash.Hash{"HS256": sha256.New, "HS512": sha512.New} {
			for _, kid := range []string{"ed", "rsa"} {
				forged := token(text(fields{"alg": alg, "kid": kid}), but(nil), func(message []byte) []byte {
					h := hmac.New(algorithm, secret)
					h.Write(message)
					return h.Sum(nil)
				})
				refused(t, verifier, name+" "+alg+" "+kid, forged, "signing method "+alg+" is invalid")
			}
		}
	}
}

// TestAttackPlaces sends tokens that say where their key is: in the token itself, in a file, on a
// server. All those keys exist and fit, and none is looked for.
func TestAttackPlaces(t *testing.T) {
	us, foreign := newPerson("us"), newPerson("foreign")
	var asked atomic.Int32
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(foreign.set()))
	}))
	defer place.Close()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(foreign.set()), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t, foreign)
	headers := map[string]fields{
		"kid is a URL":         {"kid": place.URL},
		"kid is a path":        {"kid": file},
		"kid is a file's URL":  {"kid": "file://" + file},
		"kid goes up":          {"kid": "../../../../../.." + file},
		"kid is a key set":     {"kid": foreign.set()},
		"kid is a query":       {"kid": "x' UNION SELECT 'ed"},
		"kid is long":          {"kid": strings.Repeat("k", 8000)},
		"key in the token":     {"kid": "ed", "jwk": okp("ed", foreign.ed)},
		"only in the token":    {"kid": "new", "jwk": okp("new", foreign.ed)},
		"jku":                  {"kid": "new", "jku": place.URL},
		"jku is a file":        {"kid": "new", "jku": "file://" + file},
		"x5u":                  {"kid": "new", "x5u": place.URL},
		"x5c":                  {"kid": "new", "x5c": []string{certificate}, "alg": "RS256"},
		"x5c with our kid":     {"kid": "rsa", "x5c": []string{certificate}, "alg": "RS256"},
		"x5t":                  {"kid": "new", "x5t": b64([]byte("x"))},
		"all, and no kid":      {"jwk": okp("ed", foreign.ed), "jku": place.URL, "x5u": place.URL},
		"kid with a zero byte": {"kid": "ed\x00" + file},
	}
	source := filepath.Join(t.TempDir(), "ours.json")
	if err := os.WriteFile(source, []byte(us.set()), 0o600); err != nil {
		t.Fatal(err)
	}
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(us.set())) }))
	defer ours.Close()
	for _, from := range []string{us.set(), source, ours.URL} {
		keys := openKeys(t, from)
		verifier := auth.NewVerifier(issuer, keys, clock)
		for name, change := range headers {
			header, sign := fields{"alg": "EdDSA"}, foreign.signEd
			maps.Copy(header, change)
			if header["alg"] == "RS256" {
				sign = foreign.signRSA
			}
			refused(t, verifier, name, token(text(header), but(nil), sign), "")
		}
		keys.Close()
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the attacker's server was asked %d times", n)
	}
}

func selfSigned(t *testing.T, p person) string {
	t.Helper()
	template := x509.Certificate{}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &p.rsa.PublicKey, p.rsa)
	if err != nil {
		t.Fatal(err)
	}
	return b64(der)
}

// A verifier without an issuer refuses every token.
func TestVerifyWithoutIssuer(t *testing.T) {
	us := newPerson("us")
	verifier := auth.NewVerifier("", openKeys(t, us.set()), clock)
	for _, claims := range []string{but(nil), but(fields{"iss": ""}), but(fields{"iss": nil})} {
		refused(t, verifier, claims, us.token("ed", claims), "its issuer is")
	}
}

// TestVerifyAgain shows that a cached token is refused as soon as it expires or its key is gone.
func TestVerifyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, foreign := newPerson("us"), newPerson("foreign")
		path := filepath.Join(t.TempDir(), "keys.json")
		write := func(set string) {
			if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(us.set())
		at := now
		keys := openKeys(t, path)
		t.Cleanup(keys.Close)
		verifier := auth.NewVerifier(issuer, keys, func() time.Time { return at })
		token := us.token("ed", but(fields{"nbf": now.Unix() - 10, "exp": now.Unix() + 10}))
		again := func(name string, seconds int, want bool) {
			t.Helper()
			at = now.Add(time.Duration(seconds) * time.Second)
			for range 2 {
				if _, err := verifier.Verify(t.Context(), token); (err == nil) != want {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		again("good", 0, true)
		again("begins now", -10, true)
		again("has not begun", -11, false)
		again("nearly over", 9, true)
		again("over", 10, false)
		again("good again", 0, true)
		if _, err := verifier.Verify(t.Context(), token+"x"); err == nil {
			t.Error("a token that begins as a known one is taken")
		}
		write(foreign.set())
		time.Sleep(11 * time.Second) // a file is read every ten
		again("the key is gone", 0, false)
	})
}

// BenchmarkVerify verifies a token that is cached.
func BenchmarkVerify(b *testing.B) {
	us := newPerson("us")
	keys, err := auth.OpenKeys(b.Context(), quiet(us.set()))
	if err != nil {
		b.Fatal(err)
	}
	verifier, token := auth.NewVerifier(issuer, keys, clock), us.token("ed", but(nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// With a single key a token needs no key ID, but one that it has must fit.
func TestVerifySingleKey(t *testing.T) {
	us := newPerson("us")
	verifier := auth.NewVerifier(issuer, openKeys(t, jwks(okp("ed", us.ed))), clock)
	if _, err := verifier.Verify(t.Context(), token(`{"alg":"EdDSA"}`, but(nil), us.signEd)); err != nil {
		t.Error(err)
	}
	refused(t, verifier, "other ID", us.token("x", but(nil)), "key that isn't known")
	refused(t, verifier, "no ID at all", token(`{"alg":"EdDSA","kid":7}`, but(nil), us.signEd), "no text")
}

func FuzzVerify(f *testing.F) {
	us := newPerson("us")
	keys, err := auth.OpenKeys(f.Context(), quiet(us.set()))
	if err != nil {
		f.Fatal(err)
	}
	verifier := auth.NewVerifier(issuer, keys, clock)
	f.Add(us.token("ed", but(nil)))
	f.Add(token(`{"alg":"RS256","kid":"rsa"}`, but(nil), us.signRSA))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := verifier.Verify(t.Context(), token)
		if err == nil && !cmp.Equal(p, alice) || err != nil && !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}
