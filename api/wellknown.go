package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"jobdb/auth"
)

// discovery tells clients where to get tokens: at the issuer, on DiracX's paths, or here if this
// server signs them itself.
type discovery struct {
	Issuer                      string   `json:"issuer"`
	TokenEndpoint               string   `json:"token_endpoint"`
	UserinfoEndpoint            string   `json:"userinfo_endpoint"`
	AuthorizationEndpoint       string   `json:"authorization_endpoint"`
	DeviceAuthorizationEndpoint string   `json:"device_authorization_endpoint"`
	RevocationEndpoint          string   `json:"revocation_endpoint"`
	JWKSURI                     string   `json:"jwks_uri"`
	GrantTypes                  []string `json:"grant_types_supported"`
	Scopes                      []string `json:"scopes_supported"`
	ResponseTypes               []string `json:"response_types_supported"`
	SigningAlgorithms           []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	EndpointAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	CodeChallengeMethods        []string `json:"code_challenge_methods_supported"`
}

// openIDConfiguration answers with the discovery document, which DiracX's clients read first.
func (s *service) openIDConfiguration(w http.ResponseWriter, r *http.Request) error {
	issuer := strings.TrimSuffix(s.Issuer, "/")
	scopes := []string{"property:" + auth.NormalUser, "property:" + auth.JobAdministrator, "property:" + auth.GenericPilot}
	grants := []string{"authorization_code", "urn:ietf:params:oauth:grant-type:device_code"}
	if s.Logins != nil {
		issuer = s.ownURL(r)
		scopes = strings.Fields(scopeOf(s.Logins.User()))
		grants = []string{"authorization_code", "refresh_token"}
	}
	return writeValue(w, discovery{
		Issuer:                      s.Issuer,
		TokenEndpoint:               issuer + "/api/auth/token",
		UserinfoEndpoint:            issuer + "/api/auth/userinfo",
		AuthorizationEndpoint:       issuer + "/api/auth/authorize",
		DeviceAuthorizationEndpoint: issuer + "/api/auth/device",
		RevocationEndpoint:          issuer + "/api/auth/revoke",
		JWKSURI:                     s.ownURL(r) + "/.well-known/jwks.json",
		GrantTypes:                  grants,
		Scopes:                      scopes,
		ResponseTypes:               []string{"code"},
		SigningAlgorithms:           []string{"RS256", "Ed25519"},
		EndpointAuthMethods:         []string{"none"},
		CodeChallengeMethods:        []string{"S256"},
	})
}

// ownURL is the URL by which the client reached this server, perhaps through a proxy that ends TLS.
func (s *service) ownURL(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// jwks answers with the public keys that verify tokens.
func (s *service) jwks(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, s.Keys.PublicJWKS())
	return nil
}

// installation is the metadata of a DIRAC installation: its VOs and their groups.
type installation struct {
	VirtualOrganizations map[string]organization `json:"virtual_organizations"`
}

type organization struct {
	Groups       map[string]group `json:"groups"`
	Support      support          `json:"support"`
	DefaultGroup string           `json:"default_group"`
}

type group struct {
	Properties []string `json:"properties"`
}

type support struct {
	Message string  `json:"message"`
	Webpage *string `json:"webpage"`
	Email   *string `json:"email"`
}

// diracMetadata describes the VO that this server signs tokens for, or answers with the issuer's
// document, which has all VOs. It doesn't redirect to the issuer: browsers would block that for
// pages whose origin the issuer doesn't allow.
func (s *service) diracMetadata(w http.ResponseWriter, r *http.Request) error {
	if s.Logins == nil {
		return s.issuerMetadata(w, r)
	}
	user := s.Logins.User()
	return writeValue(w, installation{map[string]organization{user.VO: {
		Groups:       map[string]group{user.Group: {user.Properties}},
		Support:      support{Message: "This server signs its own tokens. For the dirac command, run \"jobdb token --login\" on its machine"},
		DefaultGroup: user.Group,
	}}})
}

func (s *service) issuerMetadata(w http.ResponseWriter, r *http.Request) error {
	text, err := s.metadata.Get(r.Context())
	if err != nil {
		return err
	}
	var known installation
	if err := json.Unmarshal(text, &known); err != nil {
		return fmt.Errorf("%w: %w", auth.ErrNoMetadata, err)
	}
	return writeValue(w, known)
}

// userInfo describes the user of a token.
type userInfo struct {
	Subject    string         `json:"sub"`
	VO         string         `json:"vo"`
	Group      string         `json:"dirac_group"`
	Policies   map[string]any `json:"policies"`
	Properties []string       `json:"properties"`
	Username   string         `json:"preferred_username"`
}

// userInfo answers with the caller.
func (s *service) userInfo(w http.ResponseWriter, _ *http.Request, p auth.Principal) error {
	return writeValue(w, userInfo{p.Subject, p.VO, p.Group, map[string]any{}, append([]string{}, p.Properties...), p.Username})
}
