package main

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claims are what a token says of its user. They are unverified; the server verifies them.
type claims struct {
	jwt.RegisteredClaims

	Username string `json:"preferred_username"`
	VO       string `json:"vo"`
	Group    string `json:"dirac_group"`
}

// readClaims decodes the claims of a token; ok is false if it isn't a JWT.
func readClaims(token string) (c claims, ok bool) {
	_, _, err := jwt.NewParser().ParseUnverified(token, &c)
	return c, err == nil
}

// checkExpiry refuses a token that has expired.
func checkExpiry(token, origin string, now time.Time) error {
	c, ok := readClaims(token)
	if !ok || c.ExpiresAt == nil || now.Before(c.ExpiresAt.Time) {
		return nil
	}
	return fmt.Errorf("the token (from %s) has expired at %s; get another one, or log in again", origin, c.ExpiresAt.Local().Format(time.DateTime))
}

// user returns the name of the token's user; "" if it has none.
func (c *client) user() string {
	said, _ := readClaims(c.token)
	return said.Username
}
