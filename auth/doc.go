// Package auth says who a caller is and what they may do: it reads and checks
// tokens (JWT), keeps the key that a server without an issuer signs its own
// tokens with, and holds the policy.
package auth
