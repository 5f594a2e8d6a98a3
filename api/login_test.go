package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"jobdb/api"
	"jobdb/auth"
)

const loginVerifier = "a-verifier-is-from-43-to-128-characters-long-of-few-kinds"

// visit asks for a login as a browser does, with changes to a good request: those of an empty value
// leave a parameter out. It doesn't follow the redirection.
func (w *testServer) visit(changes map[string]string, headers map[string]string) reply {
	w.t.Helper()
	hash := sha256.Sum256([]byte(loginVerifier))
	query := url.Values{}
	for name, value := range map[string]string{
		"response_type": "code", "client_id": "myDIRACClientID", "redirect_uri": w.callback(), "scope": "vo:lhcb group:lhcb_user",
		"code_challenge": base64.RawURLEncoding.EncodeToString(hash[:]), "code_challenge_method": "S256", "state": "a b&c=d%/+é", "nonce": "n",
	} {
		query.Set(name, value)
	}
	for name, value := range changes {
		query.Set(name, value)
		if value == "" {
			query.Del(name)
		}
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/auth/authorize?"+query.Encode(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Host = headers["Host"] // empty: that of the URL
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	return reply{status: response.StatusCode, header: response.Header}
}

// callback is where diracx-web on this server wants its codes.
func (w *testServer) callback() string { return w.url + "/#authentication-callback" }

// code logs in and returns the code.
func (w *testServer) code() string {
	w.t.Helper()
	location := w.visit(nil, nil).header.Get("Location")
	_, query, _ := strings.Cut(location, "?")
	values, err := url.ParseQuery(query)
	if err != nil || values.Get("code") == "" {
		w.t.Fatalf("no code in %q", location)
	}
	return values.Get("code")
}

// askTokens sends a form, with changes to a good one.
func (w *testServer) askTokens(code string, changes map[string]string, headers ...string) reply {
	w.t.Helper()
	form := map[string]string{
		"grant_type": "authorization_code", "client_id": "myDIRACClientID", "code": code,
		"redirect_uri": w.callback(), "code_verifier": loginVerifier,
	}
	maps.Copy(form, changes)
	return w.sendForm("token", form, headers...)
}

func (w *testServer) sendForm(route string, form map[string]string, headers ...string) reply {
	w.t.Helper()
	values := url.Values{}
	for name, value := range form {
		if value != "" {
			values.Set(name, value)
		}
	}
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"}, headers...)
	return w.ask(http.MethodPost, "/api/auth/"+route, "", values.Encode(), headers...)
}

func (w *testServer) renew(refresh string) reply {
	w.t.Helper()
	return w.sendForm("token", map[string]string{"grant_type": "refresh_token", "client_id": "myDIRACClientID", "refresh_token": refresh})
}

type loginTokens struct {
	Access  string `json:"access_token"`
	Expires int    `json:"expires_in"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
}

func (r reply) tokens(t *testing.T) (tokens loginTokens) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &tokens); err != nil || r.status != 200 {
		t.Fatal(r.status, r.body)
	}
	return tokens
}

// A page logs in, works, renews its token and logs out, as diracx-web does.
func TestLogin(t *testing.T) {
	w := start(t)
	answer := w.visit(nil, map[string]string{"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"})
	location := answer.header.Get("Location")
	if answer.status != http.StatusFound || !strings.HasPrefix(location, w.callback()+"?code=") ||
		!strings.HasSuffix(location, "&state=a%20b%26c%3Dd%25%2F%2B%C3%A9") || answer.header.Get("Cache-Control") != "no-store" {
		t.Fatal(answer.status, answer.header)
	}
	r := w.askTokens(w.code(), nil, "Origin", w.url, "Sec-Fetch-Site", "same-origin")
	tokens := r.tokens(t)
	if tokens.Type != "Bearer" || tokens.Expires != 1200 || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v %v", tokens, r.header)
	}
	want := `{"sub":"lhcb:alice","vo":"lhcb","dirac_group":"lhcb_user","policies":{},"properties":["NormalUser"],"preferred_username":"alice"}`
	if r := w.ask("GET", "/api/auth/userinfo", "Bearer "+tokens.Access, ""); r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	w.clock.advance(20 * time.Minute)
	if r := w.ask("GET", "/api/auth/userinfo", "Bearer "+tokens.Access, ""); r.status != 401 {
		t.Errorf("after its end: %d %s", r.status, r.body)
	}
	renewed := w.renew(tokens.Refresh).tokens(t)
	if r := w.ask("GET", "/api/auth/userinfo", "Bearer "+renewed.Access, ""); r.body != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	revoked := map[string]string{"token": renewed.Refresh, "token_type_hint": "refresh_token", "client_id": "myDIRACClientID"}
	for range 2 {
		if r := w.sendForm("revoke", revoked); r.status != 200 || r.body != `"Refresh token revoked"` {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := w.renew(renewed.Refresh); r.status != 401 || r.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("after the logout: %d %s", r.status, r.body)
	}
}

// A page that --cors-origins names may log in, if it is of this machine.
func TestLoginOfOtherOrigin(t *testing.T) {
	w := start(t, func(c *api.Config) {
		c.Origins = []string{"http://localhost:3000", "https://dirac.example.org", "*"}
	})
	const page = "http://localhost:3000"
	location := w.visit(map[string]string{"redirect_uri": page + "/#authentication-callback"}, nil).header.Get("Location")
	if !strings.HasPrefix(location, page+"/#authentication-callback?code=") {
		t.Fatal(location)
	}
	_, query, _ := strings.Cut(location, "?")
	values, _ := url.ParseQuery(query)
	r := w.askTokens(values.Get("code"), map[string]string{"redirect_uri": page + "/#authentication-callback"}, "Origin", page, "Sec-Fetch-Site", "cross-site")
	if r.tokens(t); r.header.Get("Access-Control-Allow-Origin") == "" {
		t.Error(r.header)
	}
	for _, origin := range []string{"https://dirac.example.org", "https://evil.example", "null"} {
		answer := w.visit(map[string]string{"redirect_uri": origin + "/#authentication-callback"}, nil)
		if answer.status != http.StatusBadRequest || answer.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", origin, answer.status, answer.header)
		}
		if r := w.askTokens(w.code(), nil, "Origin", origin, "Sec-Fetch-Site", "cross-site"); r.status != 403 {
			t.Errorf("%s: %d %s", origin, r.status, r.body)
		}
	}
}

// No code goes to any page but those known, or for what the user isn't.
func TestLoginRefusesRequests(t *testing.T) {
	w := start(t)
	port := w.url[strings.LastIndexByte(w.url, ':'):]
	for name, test := range map[string]struct {
		parameter, value string
		status           int
	}{
		"another site":              {"redirect_uri", "https://evil.example/#authentication-callback", 400},
		"another path":              {"redirect_uri", w.url + "/evil#authentication-callback", 400},
		"another name":              {"redirect_uri", "http://localhost" + port + "/#authentication-callback", 400},
		"another port":              {"redirect_uri", "http://127.0.0.1:1/#authentication-callback", 400},
		"a name that begins alike":  {"redirect_uri", w.url + ".evil.example/#authentication-callback", 400},
		"a user before the host":    {"redirect_uri", strings.Replace(w.callback(), "http://", "http://evil.example@", 1), 400},
		"this server as a user":     {"redirect_uri", w.url + "@evil.example/#authentication-callback", 400},
		"more behind":               {"redirect_uri", w.callback() + "?x=y", 400},
		"a script":                  {"redirect_uri", "javascript:alert(1)", 400},
		"a new line":                {"redirect_uri", w.callback() + "\r\nSet-Cookie: x=y", 400},
		"no page":                   {"redirect_uri", "", 422},
		"another client":            {"client_id", "evil", 400},
		"no client":                 {"client_id", "", 422},
		"no challenge":              {"code_challenge", "", 422},
		"a challenge in the clear":  {"code_challenge_method", "plain", 422},
		"no method of challenge":    {"code_challenge_method", "", 422},
		"a short challenge":         {"code_challenge", "x", 400},
		"no state":                  {"state", "", 422},
		"tokens in the address":     {"response_type", "token", 422},
		"no kind of response":       {"response_type", "", 422},
		"another VO":                {"scope", "vo:belle", 400},
		"no VO":                     {"scope", "group:lhcb_user", 400},
		"another group":             {"scope", "vo:lhcb group:lhcb_admin", 400},
		"a property that isn't his": {"scope", "vo:lhcb property:JobAdministrator", 400},
		"another kind of scope":     {"scope", "vo:lhcb openid", 400},
	} {
		answer := w.visit(map[string]string{test.parameter: test.value}, nil)
		if answer.status != test.status || answer.header.Get("Location") != "" || answer.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, answer.status, answer.header)
		}
	}
}

// A state can't add headers or parameters: it comes back as it is.
func TestLoginKeepsState(t *testing.T) {
	w := start(t)
	for _, state := range []string{"x\r\nSet-Cookie: a=b", "x&code=mine", "x#y", strings.Repeat("s", 10_000)} {
		answer := w.visit(map[string]string{"state": state}, nil)
		_, query, _ := strings.Cut(answer.header.Get("Location"), "?")
		values, err := url.ParseQuery(query)
		if err != nil || len(values["code"]) != 1 || values.Get("state") != state || answer.header.Get("Set-Cookie") != "" {
			t.Errorf("%.20q: %d %v %.100q", state, answer.status, err, query)
		}
	}
}

// A page whose name was made to mean this machine gets nothing, and neither does one that can't be
// seen.
func TestLoginRefusesOtherPages(t *testing.T) {
	w := start(t)
	port := w.url[strings.LastIndexByte(w.url, ':'):]
	for _, host := range []string{"evil.example" + port, "evil.example", "127.0.0.1.evil.example" + port, "localhost.evil.example", "notlocalhost", "10.0.0.1", "0.0.0.0" + port, "evil@localhost"} {
		callback := map[string]string{"redirect_uri": "http://" + host + "/#authentication-callback"}
		if answer := w.visit(callback, map[string]string{"Host": host}); answer.status < 400 || answer.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", host, answer.status, answer.header)
		}
	}
	for _, host := range []string{"localhost" + port, "LOCALHOST" + port, "jobs.localhost" + port, "127.0.0.2" + port, "[::1]" + port} {
		callback := map[string]string{"redirect_uri": "http://" + host + "/#authentication-callback"}
		if answer := w.visit(callback, map[string]string{"Host": host}); answer.status != http.StatusFound {
			t.Errorf("%s: %d %v", host, answer.status, answer.header)
		}
	}
	for _, dest := range []string{"iframe", "image", "script", "empty"} {
		if answer := w.visit(nil, map[string]string{"Sec-Fetch-Dest": dest}); answer.status != http.StatusForbidden {
			t.Errorf("%s: %d", dest, answer.status)
		}
	}
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		for _, route := range []string{"token", "revoke"} {
			if r := w.sendForm(route, map[string]string{"token": "x"}, headers...); r.status != 403 {
				t.Errorf("%s %v: %d %s", route, headers, r.status, r.body)
			}
		}
	}
}

// A code is good once, for a minute, for who began the login.
func TestLoginCodes(t *testing.T) {
	w := start(t)
	for name, changes := range map[string]map[string]string{
		"another verifier": {"code_verifier": loginVerifier + "x"},
		"another page":     {"redirect_uri": "http://localhost:1/#authentication-callback"},
		"another code":     {"code": "x"},
	} {
		code := w.code()
		if r := w.askTokens(code, changes); r.status != 400 || strings.Contains(r.body, "access_token") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if r := w.askTokens(code, nil); (r.status == 200) != (name == "another code") {
			t.Errorf("%s, then the right one: %d %s", name, r.status, r.body)
		}
	}
	for name, changes := range map[string]map[string]string{
		"no verifier": {"code_verifier": ""}, "no code": {"code": ""}, "no page": {"redirect_uri": ""}, "no client": {"client_id": ""},
		"a password": {"grant_type": "password"}, "no grant": {"grant_type": ""}, "the client's own": {"grant_type": "client_credentials"},
	} {
		if r := w.askTokens(w.code(), changes); r.status != 422 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := w.askTokens(w.code(), map[string]string{"client_id": "evil"}); r.status != 400 {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
	code := w.code()
	w.askTokens(code, nil).tokens(t)
	if r := w.askTokens(code, nil); r.status != 400 {
		t.Errorf("twice: %d %s", r.status, r.body)
	}
	code = w.code()
	w.clock.advance(time.Minute)
	if r := w.askTokens(code, nil); r.status != 400 {
		t.Errorf("after a minute: %d %s", r.status, r.body)
	}
	if r := w.askTokens(w.code(), map[string]string{"x": strings.Repeat("x", 64<<10)}); r.status != 413 {
		t.Errorf("a large form: %d %s", r.status, r.body)
	}
	query := "/api/auth/token?grant_type=authorization_code&client_id=myDIRACClientID&code_verifier=" + loginVerifier +
		"&code=" + w.code() + "&redirect_uri=" + url.QueryEscape(w.callback())
	if r := w.ask("POST", query, "", ""); r.status != 422 {
		t.Errorf("in the address: %d %s", r.status, r.body)
	}
	if r := w.ask("POST", "/api/auth/token", "", `{"grant_type":"authorization_code"}`, "Content-Type", "application/json"); r.status != 422 {
		t.Errorf("JSON: %d %s", r.status, r.body)
	}
}

// A refresh token is good once; a copy of it ends the login, whichever of the two is used first.
func TestLoginSessions(t *testing.T) {
	w := start(t)
	first := w.askTokens(w.code(), nil).tokens(t)
	other := w.askTokens(w.code(), nil).tokens(t)
	second := w.renew(first.Refresh).tokens(t)
	if r := w.renew(first.Refresh); r.status != 401 {
		t.Errorf("twice: %d %s", r.status, r.body)
	}
	if r := w.renew(second.Refresh); r.status != 401 {
		t.Errorf("the next of one that was used twice: %d %s", r.status, r.body)
	}
	for name, refresh := range map[string]string{
		"none there": "x.y", "no form": "x", "an access token": other.Access, "no secret": strings.Split(other.Refresh, ".")[0],
	} {
		if r := w.renew(refresh); r.status != 401 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	another := w.askTokens(w.code(), nil).tokens(t)
	if r := w.ask("GET", "/api/auth/userinfo", "Bearer "+another.Refresh, ""); r.status != 401 {
		t.Errorf("as an access token: %d %s", r.status, r.body)
	}
	if r := w.sendForm("revoke", map[string]string{"token": another.Access, "token_type_hint": "access_token"}); r.status != 400 {
		t.Errorf("an access token withdrawn: %d %s", r.status, r.body)
	}
	w.clock.advance(12 * time.Hour)
	if r := w.renew(another.Refresh); r.status != 401 {
		t.Errorf("after its end: %d %s", r.status, r.body)
	}
}

// Where tokens come from an issuer there is no login here, whatever is asked.
func TestNoLoginBesideIssuer(t *testing.T) {
	w := start(t, func(c *api.Config) { c.Logins = nil })
	answer := w.visit(nil, nil)
	if answer.status != http.StatusTemporaryRedirect || !strings.HasPrefix(answer.header.Get("Location"), "https://issuer.example/api/auth/authorize?") {
		t.Errorf("%d %v", answer.status, answer.header)
	}
	for _, route := range []string{"token", "revoke"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/auth/"+route, strings.NewReader("token=x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusTemporaryRedirect || got != "https://issuer.example/api/auth/"+route {
			t.Errorf("%s: %d %s", route, answer.StatusCode, got)
		}
	}
}

// Codes and logins take a bounded memory: the oldest goes first.
func TestLoginsAreBounded(t *testing.T) {
	now := time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC)
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	logins := auth.NewLogins(key, issuer, alice, func() time.Time { return now })
	hash := sha256.Sum256([]byte(loginVerifier))
	begin := func() string { return logins.Begin(base64.RawURLEncoding.EncodeToString(hash[:]), "p") }
	firstCode := begin()
	first, err := logins.Redeem(begin(), loginVerifier, "p")
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		now = now.Add(time.Millisecond)
		begin()
		if _, err := logins.Redeem(begin(), loginVerifier, "p"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := logins.Redeem(firstCode, loginVerifier, "p"); err == nil {
		t.Error("the oldest code is still there")
	}
	if _, err := logins.Renew(first.Refresh); err == nil {
		t.Error("the oldest session is still there")
	}
	if _, err := logins.Redeem(begin(), loginVerifier, "p"); err != nil {
		t.Error(err)
	}
}
