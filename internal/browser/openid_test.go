package browser_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jobdb/api"
	"jobdb/auth"
)

// startProvider starts the OpenID provider of folder openid for a page. Without the network, and
// without the library in Go's cache, its test is skipped, but not in CI.
func startProvider(t *testing.T, page string, lifetime time.Duration) (issuer string) {
	t.Helper()
	browser(t) // skips
	binary := filepath.Join(t.TempDir(), "openid")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "openid", "-o", binary, ".").CombinedOutput()
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("%v: %s", err, out)
	case err != nil:
		t.Skipf("NO OPENID PROVIDER: signing in at one is NOT TESTED: %v: %s", err, out)
	}
	command := exec.CommandContext(t.Context(), binary, "-redirect", page+"/#authentication-callback", "-lifetime", lifetime.String())
	command.Stderr = os.Stderr
	stop, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stop.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// startWithProvider starts a server whose tokens come from an OpenID provider, and live so long.
func startWithProvider(t *testing.T, lifetime time.Duration) (s *server, issuer string) {
	t.Helper()
	s = start(t, 300, func(s *server, c *api.Config) {
		issuer = startProvider(t, s.URL, lifetime)
		keys, err := auth.OpenKeys(t.Context(), auth.KeysConfig{Issuer: issuer, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(keys.Close)
		c.Issuer, c.Keys, c.Logins = issuer, keys, nil
	})
	return s, issuer
}

// logIn types Bruno's name and a password into the provider's login page, and sends them.
func (b *tab) logIn(password string) {
	b.t.Helper()
	b.expect("/favicon.ico") // which the provider doesn't have
	b.wait(`document.querySelector("h1")?.innerText === "Who are you?"`)
	for field, text := range map[string]string{"name": "bruno", "password": password} {
		b.eval(fmt.Sprintf(`document.querySelector("input[name=%s]").focus()`, field), nil)
		b.typeText(text)
	}
	b.click("button", "Sign in")
}

// stored is a token that the tab has: access or refresh.
func (b *tab) stored(which string) (token string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`JSON.parse(sessionStorage.getItem("jobdb-tokens"))?.%s ?? ""`, which), &token)
	return token
}

// post sends a form and returns the status of the answer.
func post(t *testing.T, address string, form url.Values) int {
	t.Helper()
	answer, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// Somebody signs in at an OpenID provider, whose login page asks for a password. A wrong one lets
// nobody in. The page comes back to where it was, without a code in its address; who signs out is
// signed out at the provider, too.
func TestSignInAtAnOpenIDProvider(t *testing.T) {
	s, issuer := startWithProvider(t, 20*time.Minute)
	b := newTab(t, s)
	b.open("#/jobs?q=Status%3DFailed")
	b.click("button", "Sign in at 127.0.0.1:")
	b.logIn("secret")
	b.wait(`document.querySelector("[role=alert]").innerText.includes("wrong")`)
	b.logIn("onurb")
	b.loaded()
	b.wait(`location.href === "` + s.URL + `/#/jobs?q=Status%3DFailed"`)
	b.tokensAreKept()
	if who := b.text("header .who"); who != "bruno · lhcb" {
		t.Errorf("signed in as %q", who)
	}
	b.open("#/jobs")
	b.loaded()
	login := b.stored("refresh")
	b.click("header button", "Sign out")
	b.wait(`document.querySelector(".signin button.primary")`)
	b.wait(`performance.getEntriesByType("resource").some((e) => e.name.endsWith("/api/auth/revoke"))`) // it was answered
	again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login}, "client_id": {"myDIRACClientID"}}
	if status := post(t, issuer+"/api/auth/token", again); status != http.StatusBadRequest {
		t.Errorf("the provider renews a login that was ended: %d", status)
	}
}

// A provider's token that ends soon is renewed without a word. When the provider renews it no more,
// the page goes on to the token's end, then says why it asks to sign in again.
func TestRenewalAtAnOpenIDProvider(t *testing.T) {
	s, issuer := startWithProvider(t, 10*time.Second)
	s.patience = 40 * time.Second // for the end of a token, and until the page asks for something again
	b := newTab(t, s)
	b.expect("400")
	b.expect("401")
	b.open("#/jobs")
	b.click("button", "Sign in at 127.0.0.1:")
	b.logIn("onurb")
	b.loaded()
	first := b.stored("access")
	b.search("Status=Done")
	b.wait(`JSON.parse(sessionStorage.getItem("jobdb-tokens")).access !== "` + first + `"`)
	b.loaded()
	if status := post(t, issuer+"/api/auth/revoke", url.Values{"token": {b.stored("refresh")}, "client_id": {"myDIRACClientID"}}); status != http.StatusOK {
		t.Fatalf("the provider doesn't end a login: %d", status)
	}
	b.search("Status=Failed")
	b.loaded()
	b.wait(`document.querySelector(".signin .failure")?.innerText.includes("sign-in has ended")`)
	b.click("button", "Sign in at 127.0.0.1:")
	b.logIn("onurb")
	b.loaded()
	b.wait(`document.querySelector("#search").value === "Status=Failed"`)
}
