package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/auth"
)

// deviceIssuer is an issuer as DiracX is one: a device flow, and refresh tokens that are good once.
type deviceIssuer struct {
	t       *testing.T
	key     *auth.Key
	address string
	name    string // as its discovery document says it
	token   string // endpoint, in place of its own

	mutex    sync.Mutex
	pending  int    // questions that come before the user agrees
	denied   string // error in place of tokens
	refresh  string // the token that is good
	renewals int
	revoked  []string
}

func newDeviceIssuer(t *testing.T) *deviceIssuer {
	t.Helper()
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	i := &deviceIssuer{t: t, key: key}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.address, i.name = server.URL, server.URL
	t.Setenv("DIRACX_CREDENTIALS_PATH", filepath.Join(t.TempDir(), "login", "credentials.json"))
	return i
}

func (i *deviceIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	answer := func(status int, value any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/openid-configuration":
		token := i.address + "/api/auth/token"
		if i.token != "" {
			token = i.token
		}
		answer(200, map[string]any{
			"issuer": i.name, "token_endpoint": token, "device_authorization_endpoint": i.address + "/api/auth/device",
			"revocation_endpoint": i.address + "/api/auth/revoke", "grant_types_supported": []string{deviceGrant},
		})
	case "GET /.well-known/dirac-metadata":
		answer(200, map[string]any{"virtual_organizations": map[string]any{
			"lhcb": map[string]any{"groups": map[string]any{"lhcb_user": map[string]any{}}}, "gridpp": map[string]any{},
		}})
	case "POST /api/auth/device":
		if scope := r.URL.Query().Get("scope"); scope != "vo:lhcb group:lhcb_user property:NormalUser" || r.URL.Query().Get("client_id") != clientID {
			answer(400, map[string]any{"detail": "scope " + scope})
			return
		}
		answer(200, map[string]any{
			"user_code": "ABC-DEF", "device_code": "device", "verification_uri": i.address + "/api/auth/device",
			"verification_uri_complete": i.address + "/api/auth/device?user_code=ABC-DEF", "expires_in": 60, "interval": 1,
		})
	case "POST /api/auth/token":
		i.giveToken(r, answer)
	case "POST /api/auth/revoke":
		i.revoked = append(i.revoked, r.FormValue("token"))
		answer(200, "Refresh token revoked")
	default:
		answer(404, map[string]any{"detail": "Not Found"})
	}
}

func (i *deviceIssuer) giveToken(r *http.Request, answer func(int, any)) {
	switch {
	case r.FormValue("grant_type") == deviceGrant && r.FormValue("device_code") == "device" && i.denied != "":
		answer(400, map[string]any{"error": i.denied})
		return
	case r.FormValue("grant_type") == deviceGrant && r.FormValue("device_code") == "device" && i.pending > 0:
		i.pending--
		answer(400, map[string]any{"error": "authorization_pending"})
		return
	case r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") == i.refresh:
		i.renewals++
	case r.FormValue("grant_type") != deviceGrant:
		i.refresh = "" // it was used twice: the login is over
		answer(401, map[string]any{"detail": "Refresh token was revoked"})
		return
	}
	token, err := i.key.Mint(i.name, auth.Principal{Subject: "lhcb:alice", Username: "alice", Group: "lhcb_user", VO: "lhcb", Properties: []string{"NormalUser"}},
		systemClock(), time.Hour)
	if err != nil {
		i.t.Error(err)
	}
	i.refresh = fmt.Sprintf("refresh%d", i.renewals+1)
	answer(200, map[string]any{"access_token": token, "expires_in": 3600, "refresh_token": i.refresh, "token_type": "Bearer"})
}

// login runs jobdb login, and returns what it said.
func (i *deviceIssuer) login() (said string, err error) {
	var stderr bytes.Buffer
	c := &loginCommand{VO: "lhcb", Group: "lhcb_user", Property: []string{"NormalUser"}}
	c.Server = i.address
	err = c.Run(i.t.Context(), &program{stdout: &stderr, stderr: &stderr, clock: systemClock})
	return stderr.String(), err
}

// expire makes the login look as if its time were over.
func expire(t *testing.T) {
	t.Helper()
	saved, found, err := readCredentials(credentialsPath())
	if err != nil || !found {
		t.Fatal(found, err)
	}
	saved.ExpiresOn = 5
	if err := writeCredentials(credentialsPath(), saved); err != nil {
		t.Fatal(err)
	}
}

func TestLoginByDevice(t *testing.T) {
	i := newDeviceIssuer(t)
	i.pending = 1
	said, err := i.login()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/api/auth/device?user_code=ABC-DEF", "The code is ABC-DEF.", "logged in as alice of the VO lhcb, in the group lhcb_user"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	if info, err := os.Stat(credentialsPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	saved, _, _ := readCredentials(credentialsPath())
	if left := time.Until(time.Unix(saved.ExpiresOn, 0)); left > time.Hour-expiryMargin || left < time.Hour-time.Minute || *saved.RefreshToken != "refresh1" {
		t.Errorf("it ends in %v, refresh token %q", left, *saved.RefreshToken)
	}
	out := &logoutCommand{}
	out.Server = i.address
	if err := out.Run(t.Context(), &program{stderr: t.Output(), clock: systemClock}); err != nil || len(i.revoked) != 1 || i.revoked[0] != "refresh1" {
		t.Errorf("revoked %q: %v", i.revoked, err)
	}
}

func TestLoginRefused(t *testing.T) {
	i := newDeviceIssuer(t)
	i.denied = "access_denied"
	if _, err := i.login(); err == nil || !strings.Contains(err.Error(), "the issuer gives no token: access_denied (400)") {
		t.Error(err)
	}
	i.denied, i.token = "", "http://elsewhere.example.org/token"
	if _, err := i.login(); err == nil || !strings.Contains(err.Error(), "which is not on https") {
		t.Error(err)
	}
	if _, err := os.Stat(credentialsPath()); err == nil {
		t.Error("there is a login")
	}
	c := &loginCommand{}
	c.Server = i.address
	i.token = ""
	if err := c.Run(t.Context(), &program{stderr: t.Output(), clock: systemClock}); err == nil || !strings.Contains(err.Error(), "name a VO; this server knows gridpp, lhcb") {
		t.Error(err)
	}
}

// TestLoginRenewedOnce has many commands find that the login has ended, at once.
func TestLoginRenewedOnce(t *testing.T) {
	i := newDeviceIssuer(t)
	if _, err := i.login(); err != nil {
		t.Fatal(err)
	}
	expire(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			settings := clientSettings{Server: i.address}
			settings.DataDir = "/nonexistent"
			if _, err := settings.client(t.Context(), &program{stderr: t.Output(), clock: systemClock}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if i.renewals != 1 {
		t.Errorf("it was renewed %d times", i.renewals)
	}
}

// TestLoginStaysWithItsIssuer sends no refresh token to a server of another issuer, and says that the login is over.
func TestLoginStaysWithItsIssuer(t *testing.T) {
	i := newDeviceIssuer(t)
	if _, err := i.login(); err != nil {
		t.Fatal(err)
	}
	expire(t)
	i.name = "https://other.example.org"
	settings := clientSettings{Server: i.address}
	settings.DataDir = "/nonexistent"
	_, err := settings.client(t.Context(), &program{stderr: t.Output(), clock: systemClock})
	if err == nil || !strings.Contains(err.Error(), "has ended; log in again with jobdb login") || !strings.Contains(err.Error(), "takes tokens of") || i.renewals != 0 {
		t.Errorf("%d renewals: %v", i.renewals, err)
	}
}

// TestTokenRenewedWhileRunning renews the token of a command that runs on.
func TestTokenRenewedWhileRunning(t *testing.T) {
	i := newDeviceIssuer(t)
	if _, err := i.login(); err != nil {
		t.Fatal(err)
	}
	now := systemClock()
	p := &program{stderr: t.Output(), clock: func() time.Time { return now }}
	settings := clientSettings{Server: i.address}
	c, err := settings.client(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.bearer(t.Context()); err != nil || i.renewals != 0 {
		t.Fatal(i.renewals, err)
	}
	now = now.Add(time.Hour - renewBefore/2)
	if token, err := c.bearer(t.Context()); err != nil || i.renewals != 1 || token == "" {
		t.Errorf("%d renewals: %v", i.renewals, err)
	}
}
