// Package api is the service over HTTP: routes, wire types, and errors as
// status codes. What it answers is what DiracX's job routes answer.
//
//	server.go      the table of routes; Config, New and Serve
//	authorize.go   from a request to its principal, and to the jobs in its scope
//	submit.go, search.go, status.go, heartbeat.go, metadata.go, reschedule.go, details.go
//	               a route each (search.go: summary, too)
//	wellknown.go, health.go, openapi.go
//	               discovery and login, probes, the description (openapi.json) and its page (docs.html)
//	body.go        JSON as Python reads it
//	reader.go, reader_search.go, reader_time.go
//	               from JSON to values, with the faults that FastAPI tells
//	encode.go, outcome.go
//	               from values to JSON
//	errors.go      errors as answers
//	log.go, compress.go
//	               a line of the log for each request; gzip
//	apitest/       holds every exchange against the description
package api
