package main

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claims are what a token says of its user. Nobody has verified them: the server does.
type claims struct {
	jwt.RegisteredClaims

	Username string `json:"preferred_username"`
	VO       string `json:"vo"`
	Group    string `json:"dirac_group"`
}

// readClaims reads what a token says; ok is false for what is no token.
func readClaims(token string) (c claims, ok bool) {
	_, _, err := jwt.NewParser().ParseUnverified(token, &c)
	return c, err == nil
}

// checkExpiry refuses a token that says itself that its time is over.
func checkExpiry(token, origin string, now time.Time) error {
	c, ok := readClaims(token)
	if !ok || c.ExpiresAt == nil || now.Before(c.ExpiresAt.Time) {
		return nil
	}
	return fmt.Errorf("the token (from %s) has expired at %s; get another one, or log in again", origin, c.ExpiresAt.Local().Format(time.DateTime))
}

// user is who the token says it is of; "" if it doesn't say.
func (c *client) user() string {
	said, _ := readClaims(c.token)
	return said.Username
}
