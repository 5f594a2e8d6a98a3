package browser_test

import (
	"strings"
	"testing"
	"time"

	"jobdb/api"
	"jobdb/auth"
)

// On a laptop the user of the machine signs in at one click; tabs share it, and sign out together.
func TestSignInAsTheLocalUser(t *testing.T) {
	s := start(t, 300)
	b := newTab(t, s)
	b.open("#/jobs?q=Status%3DDone")
	b.click("button", "Sign in as the user of this machine")
	b.loaded()
	b.wait(`location.hash === "#/jobs?q=Status%3DDone"`) // where it was wanted
	if who := b.text("header .who"); who != "anna · lhcb" {
		t.Errorf("signed in as %q", who)
	}
	b.open("#/overview") // a reload keeps the sign-in
	b.wait(`document.querySelector("h1")?.innerText === "Overview"`)
	b.tokensAreKept()

	other := b.beside()
	other.open("#/jobs")
	other.loaded()
	b.click("header button", "Sign out")
	b.wait(`document.querySelector(".signin")`)
	other.wait(`document.querySelector(".signin")`)
	b.open("#/jobs")
	b.wait(`document.querySelector(".signin")`)
}

// tokensAreKept fails if a token is anywhere but in the tab's session.
func (b *tab) tokensAreKept() {
	b.t.Helper()
	var seen struct {
		Tokens    struct{ Access, Refresh string }
		Elsewhere string
	}
	b.eval(`({
		tokens: JSON.parse(sessionStorage.getItem("jobdb-tokens")),
		elsewhere: [location.href, JSON.stringify({...localStorage}), document.cookie, document.documentElement.outerHTML,
			...performance.getEntries().map((e) => e.name)].join("\n"),
	})`, &seen)
	if !strings.HasPrefix(seen.Tokens.Access, "ey") {
		b.t.Errorf("no token: %+v", seen.Tokens)
	}
	for _, token := range []string{seen.Tokens.Access, seen.Tokens.Refresh} {
		if token != "" && strings.Contains(seen.Elsewhere, token) {
			b.t.Errorf("%s is in %s", token, seen.Elsewhere)
		}
	}
}

func TestSignInWithAToken(t *testing.T) {
	s := start(t, 300)
	b := newTab(t, s)
	b.open("#/jobs")
	b.expect("401")
	b.wait(`document.querySelector("button.primary")`) // which moves what is below it
	b.click("summary", "With a token")
	b.eval(`document.querySelector("input[type=password]").focus()`, nil)
	b.typeText("not.a.token")
	b.click("button", "Sign in with it")
	b.wait(`document.querySelector(".signin .failure")?.innerText.includes("refuses the token")`)
	b.wait(`document.querySelector("button.primary")`)
	b.click("summary", "With a token")
	b.eval(`document.querySelector("input[type=password]").focus()`, nil)
	b.typeText(s.token(t, boss))
	b.press("\r")
	b.loaded()
	b.tokensAreKept()
}

// An issuer elsewhere: another jobdb is one, with OAuth's code flow and PKCE, and lets only pages in
// that its --cors-origins name.
func TestSignInAtAnIssuer(t *testing.T) {
	var page string
	issuing := start(t, 0, func(s *server, c *api.Config) {
		c.Issuer = s.URL
		c.Logins = auth.NewLogins(s.key, s.URL, boss, time.Now)
	})
	s := start(t, 300, func(s *server, c *api.Config) {
		c.Issuer, c.Keys, c.Logins = issuing.URL, issuing.key.Keys(), nil
		page = s.URL
	})
	issuing.let(t, page, issuing.URL)
	b := newTab(t, s)
	b.open("#/jobs?q=Status%3DFailed")
	b.click("button", "Sign in at 127.0.0.1:")
	b.loaded()
	b.tokensAreKept()
	if !strings.Contains(b.text(".chips"), "Status=Failed") {
		t.Error("the search is lost")
	}
}

// A token that ends is renewed without a word, once for all tabs.
func TestRenewal(t *testing.T) {
	s := start(t, 300)
	b := newTab(t, s)
	b.open("#/jobs")
	b.click("button", "Sign in as the user of this machine")
	b.loaded()
	other := b.beside()
	other.open("#/jobs")
	other.loaded()
	const access = `JSON.parse(sessionStorage.getItem("jobdb-tokens")).access`
	var before, after, both string
	b.eval(access, &before)
	time.Sleep(1100 * time.Millisecond) // a token of the same second is the same
	const renew = `import("/auth.js").then((a) => a.renew(a.accessToken()))`
	b.eval(renew, nil)
	b.eval(access, &after)
	other.wait(access + ` === "` + after + `"`)
	b.eval(`Promise.all([1, 2].map(() => `+renew+`)).then(String)`, &both)
	if before == after || both != "true,true" {
		t.Errorf("renewed: %v, twice at once: %s", before != after, both)
	}
}

// Who came with a wrong answer of an issuer, or with none that was asked for, isn't signed in.
func TestForeignAnswer(t *testing.T) {
	b := newTab(t, start(t, 0))
	b.open("#authentication-callback?code=stolen&state=guessed")
	b.wait(`document.querySelector(".failure")?.innerText.includes("not to a sign-in of this tab")`)
	b.wait(`!location.href.includes("stolen")`)
}
