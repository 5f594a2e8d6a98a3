// Package auth says who a caller is and what they may do: it checks tokens
// (JWT) with the keys of their issuer, which it keeps up to date; it keeps the
// key that a server without an issuer signs its own tokens with; and it holds the policy.
//
//	policy.go      what may who do to which jobs (pure)
//	principal.go   who a token stands for
//	verify.go      from a token to a principal
//	keys.go        where keys come from, and how they are
//	refresh.go     when they are asked for again
//	remote.go      how they are fetched: discovery, redirections, limits
//	keyset.go      reading and writing JWK sets
//	key.go, token.go
//	               this server's own key, and the tokens it signs
package auth
