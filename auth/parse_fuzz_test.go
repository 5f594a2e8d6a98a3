package auth

import (
	"bytes"
	"testing"
)

// FuzzKeySet reads any text as a set of public keys. What it takes it can give away: nothing private
// is in it, and others read the same keys.
func FuzzKeySet(f *testing.F) {
	for _, text := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`,
		`{"keys":[{"kty":"RSA","e":"AQAB","n":"AAAA"},{"kty":"oct","k":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"====","use":"enc"}]}`, `{"keys":5}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = parsePrivate(text)
		set, err := parseKeySet(text)
		if err != nil {
			return
		}
		if bytes.Contains(set.jwks, []byte(`"d"`)) {
			t.Fatalf("a private key is given away: %s", set.jwks)
		}
		again, err := parseKeySet(set.jwks)
		if err != nil || !bytes.Equal(set.jwks, again.jwks) {
			t.Fatalf("%s isn't read as it was written: %v", set.jwks, err)
		}
	})
}

// FuzzWebURL takes no URL but those of the web, with a host.
func FuzzWebURL(f *testing.F) {
	for _, text := range []string{"https://a/b", "http://u:p@[::1]:1/", "file:///etc/passwd", "https:a", "//a", "https://a b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := parseWebURL(text); err == nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			t.Fatalf("%q was taken as %v", text, u)
		}
	})
}
