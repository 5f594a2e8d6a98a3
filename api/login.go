package api

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"jobdb/api/internal/validation"
	"jobdb/auth"
)

// The routes here log a web page in at a server that signs its own tokens, for the user who runs
// it. They ask for no password: whoever can connect as that user can read the signing key as well.
// So they refuse everybody else: other machines, other users of this one, and pages of other sites,
// which the user's browser would connect for.

const (
	clientID = "myDIRACClientID"          // all of DiracX's clients are called so
	callback = "#authentication-callback" // where diracx-web wants its codes, and jobdb's own page its
)

// login lets requests for a login through to the handler if this server has logins. Otherwise it
// redirects them to the issuer.
func (s *service) login(handle handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.Logins == nil {
			target := strings.TrimSuffix(s.Issuer, "/") + r.URL.RequestURI() // can't leave the issuer's host: a routed path begins with /
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)        //nolint:gosec // see above
			return nil
		}
		if err := s.refuseStrangers(r); err != nil {
			return err
		}
		return handle(w, r)
	}
}

// refuseStrangers refuses requests that the user of this server didn't mean to send.
func (s *service) refuseStrangers(r *http.Request) error {
	refused := func(reason string) error {
		return &httpError{status: http.StatusForbidden, detail: "no login: " + reason}
	}
	// With DNS rebinding a foreign page's name stands for this machine, so that the browser takes
	// both for one origin. But the browser sends that name as the Host.
	if !isLoopbackHost(r.Host) {
		return refused("ask this server by a name of this machine, such as localhost")
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); r.Method == http.MethodGet && dest != "" && dest != "document" {
		return refused("it needs a window of its own")
	}
	if err := s.crossOrigin.Check(r); err != nil {
		return refused("pages of other origins need --cors-origins, with their origin")
	}
	mine, err := sentByThisUser(r)
	if err != nil {
		return err
	}
	if !mine {
		return refused("it is for the user who runs this server; others need a token")
	}
	return nil
}

// isLoopbackHost reports whether an authority, HOST or HOST:PORT, can only mean this machine.
func isLoopbackHost(authority string) bool {
	u, err := url.Parse("http://" + authority)
	if err != nil || u.Host != authority {
		return false
	}
	name := strings.ToLower(u.Hostname())
	address, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && address.IsLoopback()
}

// loginOrigins are the origins, beside a server's own, whose pages may log in: those of this machine
// that --cors-origins names. "*" names none.
func loginOrigins(origins []string) (local []string) {
	for _, origin := range origins {
		if u, err := url.Parse(origin); err == nil && isLoopbackHost(u.Host) {
			local = append(local, origin)
		}
	}
	return local
}

// newCrossOrigin returns what refuses requests of pages of other origins.
func newCrossOrigin(origins []string) *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	for _, origin := range loginOrigins(origins) {
		_ = protection.AddTrustedOrigin(origin) // an invalid origin never matches a request
	}
	return protection
}

// challengeForm is a SHA-256 in base64url.
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// authorize redirects the user's browser back to the page that wants a login, with a code. The page
// must exactly match one of a short list, so that a code gets nowhere else.
func (s *service) authorize(w http.ResponseWriter, r *http.Request) error {
	var in validation.Reader
	query := r.URL.Query()
	in.RequiredOneOf(query, "query", "response_type", "code")
	challenge := in.RequiredText(query, "query", "code_challenge")
	in.RequiredOneOf(query, "query", "code_challenge_method", "S256")
	client := in.RequiredText(query, "query", "client_id")
	redirectURI := in.RequiredText(query, "query", "redirect_uri")
	scope := in.RequiredText(query, "query", "scope")
	state := in.RequiredText(query, "query", "state")
	if err := in.Err(); err != nil {
		return err
	}
	var callbacks []string
	for _, origin := range append(loginOrigins(s.Origins), s.ownURL(r)) {
		callbacks = append(callbacks, origin+"/"+callback, origin+pagePath+callback)
	}
	switch {
	case client != clientID:
		return badRequest("Unrecognised client_id")
	case !slices.Contains(callbacks, redirectURI):
		return badRequest("Unrecognised redirect_uri")
	case !challengeForm.MatchString(challenge):
		return badRequest("Invalid code_challenge")
	}
	if err := checkLoginScope(scope, s.Logins.User()); err != nil {
		return err
	}
	w.Header().Set("Location", redirectURI+"?code="+queryEscape(s.Logins.Begin(challenge, redirectURI))+"&state="+queryEscape(state))
	w.WriteHeader(http.StatusFound)
	return nil
}

// queryEscape escapes a value for decoders that don't know + for a space, such as JavaScript's.
func queryEscape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// checkLoginScope refuses a login for more than the user is: "vo:…", and perhaps "group:…" and
// "property:…", are all that a scope may hold.
func checkLoginScope(scope string, user auth.Principal) error {
	var vo bool
	for part := range strings.SplitSeq(scope, " ") {
		kind, value, _ := strings.Cut(part, ":")
		switch {
		case kind == "vo" && value == user.VO:
			vo = true
		case kind == "group" && value == user.Group, kind == "property" && user.Has(value):
		default:
			return badRequest("Unrecognised scopes: this server has " + scopeOf(user))
		}
	}
	if !vo {
		return badRequest("No vo scope requested, available values: vo:" + user.VO)
	}
	return nil
}

func scopeOf(user auth.Principal) string {
	scopes := []string{"vo:" + user.VO, "group:" + user.Group}
	for _, property := range user.Properties {
		scopes = append(scopes, "property:"+property)
	}
	return strings.Join(scopes, " ")
}

// tokenAnswer are tokens in the form of RFC 6749, 5.1.
type tokenAnswer struct {
	Access    string `json:"access_token"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Type      string `json:"token_type"`
	Refresh   string `json:"refresh_token"`
}

// giveTokens answers with tokens for a code or a refresh token.
func (s *service) giveTokens(w http.ResponseWriter, r *http.Request) error {
	var in validation.Reader
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	client := in.RequiredText(form, "body", "client_id")
	var give func() (auth.Tokens, error)
	switch in.RequiredOneOf(form, "body", "grant_type", "authorization_code", "refresh_token") {
	case "authorization_code":
		code, verifier := in.RequiredText(form, "body", "code"), in.RequiredText(form, "body", "code_verifier")
		redirectURI := in.RequiredText(form, "body", "redirect_uri")
		give = func() (auth.Tokens, error) { return s.Logins.Redeem(code, verifier, redirectURI) }
	case "refresh_token":
		refresh := in.RequiredText(form, "body", "refresh_token")
		give = func() (auth.Tokens, error) { return s.Logins.Renew(refresh) }
	}
	if err := in.Err(); err != nil {
		return err
	}
	if client != clientID {
		return badRequest("Bad client_id")
	}
	tokens, err := give()
	switch {
	case errors.Is(err, auth.ErrInvalidCode):
		return badRequest(err.Error())
	case errors.Is(err, auth.ErrInvalidSession):
		return &httpError{status: http.StatusUnauthorized, detail: err.Error(), challenge: "Bearer"}
	case err != nil:
		return err
	}
	return writeValue(w, tokenAnswer{tokens.Access, int(tokens.Lifetime.Seconds()), "Bearer", tokens.Refresh})
}

// revoke ends the login of a refresh token. One that isn't known has been ended already (RFC 7009,
// 2.2).
func (s *service) revoke(w http.ResponseWriter, r *http.Request) error {
	var in validation.Reader
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	refresh := in.RequiredText(form, "body", "token")
	if err := in.Err(); err != nil {
		return err
	}
	if hint, _ := validation.QueryValue(form, "token_type_hint"); hint == "access_token" {
		return badRequest("unsupported_token_type")
	}
	s.Logins.End(refresh)
	return writeValue(w, "Refresh token revoked")
}

// maxForm is the size of a form in bytes. Whoever sends one has no token yet.
const maxForm = 64 << 10

// readForm returns the fields of a form; one that is sent as something else has none.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, err
	}
	if err != nil {
		return nil, badRequest("the form can't be read")
	}
	return r.PostForm, nil // not r.Form: secrets don't belong into URLs, which end up in logs
}

// deviceLogin answers DiracX's command line, which can't log in at this server's own key.
func deviceLogin(http.ResponseWriter, *http.Request) error {
	return &httpError{
		status: http.StatusNotFound,
		detail: `this server has no login for the command line; run "jobdb token --login" on its machine`,
	}
}
