// Package apitest checks requests and answers of a server against the description of its interface,
// api/openapi.json. It is for tests: [Handler] wraps any handler, such as a reverse proxy in front
// of a server that runs elsewhere.
package apitest
