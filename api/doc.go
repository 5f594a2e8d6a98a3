// Package api is the service over HTTP: routes, wire types, and errors as
// status codes. What it answers is what DiracX's job routes answer.
package api
