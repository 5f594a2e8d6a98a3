package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
	want := `{"virtual_organizations":{"lhcb":{"groups":{"lhcb_user":{"properties":["NormalUser"]}},"support":{"message":"This server signs its own tokens. For the dirac command, run \"jobdb token --login\" on its machine","webpage":null,"email":null},"default_group":"lhcb_user"}}}`
	if r.status != 200 || r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r = w.ask("POST", "/api/auth/device", "", ""); r.status != 404 || !strings.Contains(r.body, "jobdb token --login") {
		t.Errorf("%d %s", r.status, r.body)
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
	w := start(t, func(c *api.Config) { c.Logins = nil })
	r := w.ask("GET", "/.well-known/openid-configuration", "", "")
	if r.status != 200 || !strings.Contains(r.body, `"token_endpoint":"https://issuer.example/api/auth/token"`) || !strings.Contains(r.body, `"jwks_uri":"`+w.url) {
		t.Errorf("%d %s", r.status, r.body)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/auth/device?client_id=x&scope=vo%3Alhcb", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Location"); response.StatusCode != http.StatusTemporaryRedirect || got != "https://issuer.example"+request.URL.RequestURI() {
		t.Errorf("%d %s", response.StatusCode, got)
	}
}

// The metadata is the issuer's, without another origin in the browser's way. It is fetched once in a
// while, whoever asks, and the last one is good while the issuer is away.
func TestMetadataOfIssuer(t *testing.T) {
	const document = `{"virtual_organizations":{"lhcb":{"groups":{"lhcb_user":{"properties":["NormalUser"]}},"support":{"message":"ask us","webpage":null,"email":null},"default_group":"lhcb_user"}}}`
	var asked int
	answer, status := document, http.StatusOK
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/.well-known/dirac-metadata" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer remote.Close()
	w := start(t, func(c *api.Config) { c.Logins, c.Issuer = nil, remote.URL+"/" })
	for _, step := range []struct {
		what       string
		after      time.Duration
		answer     string
		status     int
		want, asks int
	}{
		{"the issuer is away", 0, "no", 500, 503, 1},
		{"it isn't asked for each request", time.Second, document, 200, 503, 1},
		{"it is back", 20 * time.Second, document, 200, 200, 2},
		{"again", time.Minute, "no", 500, 200, 2},
		{"away when the document is old", 20 * time.Minute, "no", 500, 200, 3},
		{"no document of DiracX", 20 * time.Minute, "{}", 200, 200, 4},
		{"nor JSON", 20 * time.Minute, "<html>", 200, 200, 5},
	} {
		w.clock.advance(step.after)
		answer, status = step.answer, step.status
		r := w.ask("GET", "/.well-known/dirac-metadata", "", "")
		if r.status != step.want || asked != step.asks || r.status == 200 && r.body != document {
			t.Errorf("%s: %d, asked %d times: %s", step.what, r.status, asked, r.body)
		}
	}
}
