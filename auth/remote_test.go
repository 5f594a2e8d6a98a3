package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"jobdb/auth"
)

const discovery = "https://issuer.example/.well-known/openid-configuration"

func document(issuer, keys string) string {
	return text(fields{"issuer": issuer, "jwks_uri": keys, "token_endpoint": "https://issuer.example/token"})
}

// TestSources tells from where keys are fetched, and which places are refused and why.
func TestSources(t *testing.T) {
	set := newPerson("us").set()
	type pages = map[string]string
	const (
		a, b  = "https://a.example/keys", "https://b.example/keys"
		plain = "http://a.example/keys"
		local = "http://127.0.0.1:8000/keys"
	)
	for name, test := range map[string]struct {
		issuer, source string
		pages          pages
		why            string // empty: the keys are had
	}{
		"https":             {source: a, pages: pages{a: set}},
		"http as asked":     {source: plain, pages: pages{plain: set}},
		"not there":         {source: a, why: "it answers with status 404"},
		"HTML":              {source: a, pages: pages{a: "<html>Welcome</html>"}, why: "not a JWK set"},
		"empty set":         {source: a, pages: pages{a: `{"keys":[]}`}, why: "no Ed25519 and no RSA key"},
		"nothing":           {source: a, pages: pages{a: ""}, why: "not a JWK set"},
		"too long":          {source: a, pages: pages{a: strings.Repeat(" ", 4<<20) + set}, why: "more than 1048576 bytes"},
		"https to https":    {source: a, pages: pages{a: "->" + b, b: set}},
		"https to http":     {source: a, pages: pages{a: "->" + plain, plain: set}, why: "a redirection to http://a.example/keys isn't followed"},
		"back to http":      {source: a, pages: pages{a: "->" + b, b: "->" + plain, plain: set}, why: "isn't followed"},
		"http to its host":  {source: plain, pages: pages{plain: "->/new", "http://a.example/new": set}},
		"http to its https": {source: plain, pages: pages{plain: "->" + a, a: set}},
		"https and back":    {source: plain, pages: pages{plain: "->" + a, a: "->http://a.example/new", "http://a.example/new": set}, why: "isn't followed"},
		"http elsewhere":    {source: plain, pages: pages{plain: "->" + b, b: set}, why: "isn't followed"},
		"to loopback":       {source: plain, pages: pages{plain: "->" + local, local: set}, why: "isn't followed"},
		"https to loopback": {source: a, pages: pages{a: "->" + local, local: set}, why: "isn't followed"},
		"from loopback":     {source: local, pages: pages{local: "->" + plain, plain: set}, why: "isn't followed"},
		"within loopback":   {source: local, pages: pages{local: "->http://localhost:9/k", "http://localhost:9/k": set}},
		"to a file":         {source: a, pages: pages{a: "->file:///etc/passwd"}, why: "isn't followed"},
		"round and round":   {source: a, pages: pages{a: "->" + a}, why: "too many redirections"},

		"discovered":                 {issuer: issuer, pages: pages{discovery: document(issuer, keysURL), keysURL: set}},
		"issuer with a path":         {issuer: "https://a.example/realm", pages: pages{"https://a.example/realm/.well-known/openid-configuration": document("https://a.example/realm", a), a: set}},
		"keys elsewhere":             {issuer: issuer, pages: pages{discovery: document(issuer, b), b: set}},
		"no discovery":               {issuer: issuer, why: "openid-configuration: it answers with status 404"},
		"discovery in HTML":          {issuer: issuer, pages: pages{discovery: "<html>"}, why: "not a discovery document"},
		"keys not there":             {issuer: issuer, pages: pages{discovery: document(issuer, keysURL)}, why: "jwks.json: it answers with status 404"},
		"no keys named":              {issuer: issuer, pages: pages{discovery: document(issuer, "")}, why: "isn't safe"},
		"keys in a file":             {issuer: issuer, pages: pages{discovery: document(issuer, "file:///etc/passwd")}, why: "isn't safe"},
		"keys by http":               {issuer: issuer, pages: pages{discovery: document(issuer, "http://issuer.example/k"), "http://issuer.example/k": set}, why: "isn't safe"},
		"keys on this machine":       {issuer: issuer, pages: pages{discovery: document(issuer, local), local: set}, why: "isn't safe"},
		"another's document":         {issuer: issuer, pages: pages{discovery: document("https://evil.example/", keysURL), keysURL: set}, why: `is of the issuer "https://evil.example/"`},
		"document without the slash": {issuer: issuer, pages: pages{discovery: document(strings.TrimSuffix(issuer, "/"), keysURL), keysURL: set}, why: "to the last slash"},
		"local issuer": {issuer: "http://localhost:8000/", pages: pages{
			"http://localhost:8000/.well-known/openid-configuration": document("http://localhost:8000/", local), local: set,
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &web{pages: test.pages}
			c := w.config(test.source)
			c.Issuer = test.issuer
			keys, err := auth.OpenKeys(t.Context(), c)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			defer keys.Close()
			state := keys.State()
			switch {
			case len(w.requests()) > 7 || w.read > 2<<20:
				t.Errorf("%s: %d requests, %d bytes", name, len(w.requests()), w.read)
			case test.why == "" && (state.Keys != 2 || state.LastError != ""):
				t.Errorf("%s: %+v", name, state)
			case test.why != "" && (state.Keys != 0 || !strings.Contains(state.LastError, test.why)):
				t.Errorf("%s: %+v; want %q", name, state, test.why)
			}
		})
	}
}

// No bad answer replaces good keys.
func TestBadAnswersKeepTheKeys(t *testing.T) {
	us := newPerson("us")
	for _, answer := range []string{"<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct"}]}`, "", "->http://a.example/", strings.Repeat("x", 1<<20+1)} {
		synctest.Test(t, func(t *testing.T) {
			w := serves(us.set())
			keys, verifier := w.open(t, keysURL)
			w.set(func() { w.pages[keysURL] = answer })
			time.Sleep(20 * time.Minute)
			if !accepts(t, verifier, us.token("ed", but(nil))) || keys.State().LastError == "" || keys.State().Keys != 2 {
				t.Errorf("%.20q: %+v", answer, keys.State())
			}
			if w.lines(begins) != 1 {
				t.Errorf("%.20q: the log: %s", answer, w.log.String())
			}
		})
	}
}

// The user, password and query of a URL are neither in the state nor in the log.
func TestNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &web{err: errors.New("down")}
		keys, _ := w.open(t, "https://me:s3cret@issuer.example/keys?token=s3cret")
		if state := fmt.Sprint(keys.State()); strings.Contains(state, "s3cret") || !strings.Contains(state, "https://issuer.example/keys") {
			t.Error(state)
		}
		w.set(func() { w.err, w.pages = nil, nil })
		time.Sleep(time.Minute)
		if state := fmt.Sprint(keys.State()); strings.Contains(state, "s3cret") || !strings.Contains(state, "404") {
			t.Error(state)
		}
		if w.lines("s3cret") != 0 || w.lines(begins) != 1 {
			t.Errorf("the log: %s", w.log.String())
		}
	})
}

// Settings that can't work fail at once.
func TestOpenKeysErrors(t *testing.T) {
	for name, c := range map[string]struct{ source, issuer, why string }{
		"no source, no issuer":  {why: "not an http or https URL"},
		"issuer is a name":      {issuer: "my-issuer", why: "not an http or https URL"},
		"issuer without a host": {issuer: "https://", why: "not an http or https URL"},
		"broken URL":            {source: "https://me:s3cret@host:port/", why: "not an http or https URL"},
		"missing file":          {source: "/nowhere/keys.json", why: "open /nowhere/keys.json: no such file"},
		"a folder":              {source: t.TempDir(), why: "is a directory"},
	} {
		config := quiet(c.source)
		config.Issuer = c.issuer
		if _, err := auth.OpenKeys(t.Context(), config); err == nil || !strings.Contains(err.Error(), c.why) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
