// Command openid is an OpenID provider for the tests of the page: zitadel's library, which is
// certified, with people who are kept in memory and a login page. It is a module of its own, so that
// jobdb doesn't depend on the library.
//
// Its addresses and claims are those of DiracX. It prints its URL and ends with its standard input.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var (
	redirect = flag.String("redirect", "", "where the page wants the answers")
	lifetime = flag.Duration("lifetime", 20*time.Minute, "of access tokens")
)

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	handler, err := newHandler(issuer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(issuer)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal((&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(listener))
}

func newHandler(issuer string) (http.Handler, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	s := &storage{key: key, asked: map[string]*request{}, codes: map[string]string{}, logins: map[string]*request{}}
	config := &op.Config{CodeMethodS256: true, GrantTypeRefreshToken: true}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	at := func(path string) *op.Endpoint { return op.NewEndpoint("api/auth/" + path) }
	provider, err := op.NewProvider(config, s, op.StaticIssuer(issuer), op.WithAllowInsecure(),
		op.WithCustomAuthEndpoint(at("authorize")), op.WithCustomTokenEndpoint(at("token")), op.WithCustomRevocationEndpoint(at("revoke")))
	if err != nil {
		return nil, err
	}
	callback := op.AuthCallbackURL(provider)
	routes := http.NewServeMux()
	routes.Handle("/", provider)
	routes.HandleFunc("GET /.well-known/dirac-metadata", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"virtual_organizations": {"lhcb": {"groups": {"lhcb_user": {"properties": ["NormalUser"]}}, "default_group": "lhcb_user",
			"support": {"message": "Ask Anna", "webpage": null, "email": null}}}}`)
	})
	routes.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { showLogin(w, r.FormValue("id"), "") })
	routes.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := s.logIn(r.FormValue("id"), r.FormValue("name"), r.FormValue("password")); err != nil {
			showLogin(w, r.FormValue("id"), err.Error())
			return
		}
		http.Redirect(w, r, callback(op.ContextWithIssuer(r.Context(), issuer), r.FormValue("id")), http.StatusFound)
	})
	return routes, nil
}

var loginPage = template.Must(template.New("").Parse(`<!doctype html><title>Sign in</title><h1>Who are you?</h1><p role="alert">{{.Wrong}}</p>
<form method="post" action="/login"><input type="hidden" name="id" value="{{.ID}}"><label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form>`))

func showLogin(w http.ResponseWriter, id, wrong string) {
	if err := loginPage.Execute(w, map[string]string{"ID": id, "Wrong": wrong}); err != nil {
		log.Print(err)
	}
}

// request is somebody's wish to sign in and, when it is granted, the login.
type request struct {
	*oidc.AuthRequest

	id, user string
	scopes   []string
	at       time.Time
}

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return "" }
func (r *request) GetAMR() []string                   { return []string{"pwd"} }
func (r *request) GetAudience() []string              { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time             { return r.at }
func (r *request) GetClientID() string                { return r.ClientID }
func (r *request) GetNonce() string                   { return r.Nonce }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.ResponseMode }
func (r *request) GetScopes() []string                { return r.scopes }
func (r *request) SetCurrentScopes([]string)          {}
func (r *request) GetSubject() string                 { return "lhcb:" + r.user }
func (r *request) Done() bool                         { return r.user != "" }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

// storage keeps everything in memory.
type storage struct {
	key *rsa.PrivateKey

	mutex  sync.Mutex
	asked  map[string]*request
	codes  map[string]string
	logins map[string]*request // by their refresh tokens, each of which is good once
}

// logIn lets those in whose password is their name backwards.
func (s *storage) logIn(id, name, password string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	backwards := []rune(name)
	slices.Reverse(backwards)
	r := s.asked[id]
	if r == nil || name == "" || password != string(backwards) {
		return errors.New("the name or the password is wrong")
	}
	r.user, r.at = name, time.Now()
	return nil
}

var errUnknown = errors.New("it isn't known")

func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" {
		return nil, oidc.ErrInvalidRequest().WithDescription("no PKCE")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	// As DiracX does, each login is of OpenID and can be renewed, whatever the scope says.
	created := &request{AuthRequest: r, id: rand.Text(), scopes: append(slices.Clone(r.Scopes), oidc.ScopeOpenID, oidc.ScopeOfflineAccess)}
	s.asked[created.id] = created
	return created, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if r, ok := s.asked[id]; ok {
		return r, nil
	}
	return nil, errUnknown
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mutex.Lock()
	id := s.codes[code]
	delete(s.codes, code)
	s.mutex.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.asked, id)
	return nil
}

func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(*lifetime), nil
}

func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, wanted op.TokenRequest, current string) (id, refresh string, end time.Time, err error) {
	login, ok := wanted.(*request)
	if !ok {
		return "", "", end, fmt.Errorf("a %T isn't understood", wanted)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.logins, current)
	refresh = rand.Text()
	s.logins[refresh] = login
	id, end, err = s.CreateAccessToken(ctx, login)
	return id, refresh, end, err
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, refresh string) (op.RefreshTokenRequest, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if login, ok := s.logins[refresh]; ok {
		return login, nil
	}
	return nil, op.ErrInvalidRefreshToken
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, refresh string) (user, id string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if login, ok := s.logins[refresh]; ok {
		return login.GetSubject(), refresh, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.logins, token)
	return nil
}

// GetPrivateClaimsFromScopes are the claims that DiracX's tokens have.
func (s *storage) GetPrivateClaimsFromScopes(_ context.Context, subject, _ string, scopes []string) (map[string]any, error) {
	claims := map[string]any{"preferred_username": strings.TrimPrefix(subject, "lhcb:"), "dirac_properties": []string{"NormalUser"}}
	for _, scope := range scopes {
		switch name, value, _ := strings.Cut(scope, ":"); name {
		case "vo":
			claims["vo"] = value
		case "group":
			claims["dirac_group"] = value
		}
	}
	return claims, nil
}

// signing is the key, as the library wants it.
type signing struct{ key any }

func (s signing) ID() string                                  { return "1" }
func (s signing) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (s signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (s signing) Use() string                                 { return "sig" }
func (s signing) Key() any                                    { return s.key }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signing{s.key}, nil }
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{signing{&s.key.PublicKey}}, nil
}

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// What the page doesn't use.
func (s *storage) Health(context.Context) error                           { return nil }
func (s *storage) TerminateSession(context.Context, string, string) error { return nil }
func (s *storage) AuthorizeClientIDSecret(context.Context, string, string) error {
	return errUnknown
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errUnknown
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnknown
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnknown
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnknown
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != "myDIRACClientID" {
		return nil, errUnknown
	}
	return client{}, nil
}

// client is the page, which has no secret.
type client struct{}

func (client) GetID() string                       { return "myDIRACClientID" }
func (client) RedirectURIs() []string              { return []string{*redirect} }
func (client) PostLogoutRedirectURIs() []string    { return nil }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeUserAgent }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }

func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}
func (client) LoginURL(id string) string           { return "/login?id=" + id }
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration      { return time.Hour }
func (client) DevMode() bool                       { return true } // http
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (client) IsScopeAllowed(scope string) bool {
	return strings.HasPrefix(scope, "vo:") || strings.HasPrefix(scope, "group:")
}
func (client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (client) ClockSkew() time.Duration             { return 0 }
