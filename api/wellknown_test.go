package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"jobdb/api"
)

// A laptop's own server tells that it signs tokens itself, and has its keys.
func TestDiscoveryOfOwnIssuer(t *testing.T) {
	w := start(t)
	r := w.ask("GET", "/.well-known/openid-configuration", "", "")
	var document map[string]any
	if err := json.Unmarshal([]byte(r.body), &document); err != nil || r.status != 200 {
		t.Fatal(r.status, r.body)
	}
	for name, want := range map[string]string{
		"issuer": issuer, "token_endpoint": w.url + "/api/auth/token", "jwks_uri": w.url + "/.well-known/jwks.json",
	} {
		if document[name] != want {
			t.Errorf("%s: %v, want %s", name, document[name], want)
		}
	}
	r = w.ask("GET", "/.well-known/jwks.json", "", "")
	if r.status != 200 || !strings.Contains(r.body, `"Ed25519"`) || strings.Contains(r.body, `"d"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = w.ask("GET", "/.well-known/dirac-metadata", "", "")
	want := `{"virtual_organizations":{"lhcb":{"groups":{"lhcb_user":{"properties":["NormalUser"]}},"support":{"message":"This server signs its own tokens: run \"jobdb token --login\" on its machine","webpage":null,"email":null},"default_group":"lhcb_user"}}}`
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, path := range []string{"token", "device", "revoke"} {
		r = w.ask("POST", "/api/auth/"+path, "", "")
		if r.status != 404 || !strings.Contains(r.body, "jobdb token --login") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	r = w.ask("GET", "/api/auth/userinfo", w.token(alice), "")
	want = `{"sub":"lhcb:alice","vo":"lhcb","dirac_group":"lhcb_user","policies":{},"properties":["NormalUser"],"preferred_username":"alice"}`
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r = w.ask("GET", "/api/auth/userinfo", "", ""); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Where tokens come from elsewhere, clients are sent there.
func TestDiscoveryOfIssuer(t *testing.T) {
	w := start(t, func(c *api.Config) { c.LocalUser = nil })
	r := w.ask("GET", "/.well-known/openid-configuration", "", "")
	if r.status != 200 || !strings.Contains(r.body, `"token_endpoint":"https://issuer.example/api/auth/token"`) || !strings.Contains(r.body, `"jwks_uri":"`+w.url) {
		t.Errorf("%d %s", r.status, r.body)
	}
	for method, path := range map[string]string{
		http.MethodGet: "/.well-known/dirac-metadata", http.MethodPost: "/api/auth/device?client_id=x&scope=vo%3Alhcb",
	} {
		request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusTemporaryRedirect || response.Header.Get("Location") != "https://issuer.example"+path {
			t.Errorf("%s: %d %v", path, response.StatusCode, response.Header)
		}
	}
}
