// Package apitest holds what a server takes and answers against the
// description of its interface, api/openapi.json. It is for tests: [Handler] goes around any
// handler, also around a reverse proxy before a server that runs elsewhere.
package apitest
