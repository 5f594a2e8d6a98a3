// Package auth answers two questions about a request: who is the caller, and which jobs may they
// reach? It knows nothing of HTTP handlers, jobs or SQL, and imports no other package of jobdb.
//
// # A tour
//
// A server opens [Keys], the public keys of whoever issues its tokens, and gives them to a
// [Verifier]. For each request [Verifier.Verify] turns the bearer token, a JWT, into a [Principal],
// and [Allow] tells from the principal's properties which [Scope] of jobs the action may reach:
//
//	keys, err := auth.OpenKeys(ctx, auth.KeysConfig{Issuer: issuer, Clock: time.Now, Logger: logger})
//	verifier := auth.NewVerifier(issuer, keys, time.Now)
//	principal, err := verifier.Verify(ctx, token)
//	scope, err := auth.Allow(principal, auth.Manage, auth.VisibleVO)
//
// A server without an issuer, on a laptop, makes a signing key of its own with [OpenKey] and signs
// tokens with [Key.Mint]; [Key.Keys] verifies them. [Logins] give such tokens to web pages.
//
// [OpenKeys] reads the keys once and starts a goroutine that keeps them up to date; it ends with
// the context or with [Keys.Close]. A request waits for it only when its token names a key that
// isn't known yet, and then for 2 seconds at most. Keys given as a setting never change.
//
// # Where things are
//
//	principal.go    who a token stands for
//	policy.go       who may do what to which jobs; a pure function
//	verify.go       from a token to a principal
//	token_cache.go  tokens that were verified a moment ago
//	key_source.go   where keys come from: a setting, a file, a URL, the issuer's discovery document
//	refresh.go      when a source is read again, and what is logged of it
//	remote.go       reading by HTTP: discovery, redirects, limits
//	jwks.go         reading and writing JWK sets; which keys are accepted
//	signing_key.go  this server's own key
//	token.go        signing tokens with it
//	login.go        logins of web pages at this server
//	metadata.go     what an issuer tells of its VOs
//
// # Glossary
//
//   - Issuer: the service that signs tokens, named by the claim iss. Compared byte for byte.
//   - Claim: one statement of a token, such as its VO.
//   - JWK, JWK set (JWKS): a key, and a list of keys, as JSON (RFC 7517).
//   - Key ID, kid: the name of a key in a set; a token's header says by it which key signed.
//   - Discovery document: ISSUER/.well-known/openid-configuration, which names the URL of the keys.
//   - VO: virtual organization, the community that jobs belong to. No action crosses VOs.
//   - Property: a right that a token carries, such as NormalUser.
package auth
