// Package api is the service over HTTP: routes, wire types, and errors as status codes. It answers
// as DiracX's job routes do.
//
//	server.go      the table of routes; Config, New and Serve
//	authorize.go   from a request to its caller, and to the jobs that the caller may see and change
//	submit.go, search.go, status.go, heartbeat.go, metadata.go, reschedule.go, details.go
//	               a route each (search.go: summary, too)
//	search_request.go, search_filter.go
//	               the bodies of searches and summaries
//	search_history.go, search_pilots.go, lines.go
//	               what searches have besides a page of rows: histories, pilot stamps, all rows as lines
//	facets.go, facets_request.go
//	               what a page shows beside a search: facets, a histogram, values to complete
//	wellknown.go, health.go, openapi.go
//	               discovery and login, probes, the description (openapi.json) and its page (docs.html)
//	body.go        the body of a request, for all routes
//	encode.go, outcome.go
//	               from values to JSON
//	errors.go      errors as answers
//	log.go, client.go, compress.go
//	               a line of the log for each request, and who sent it; gzip
//	limits.go      how many requests users and VOs may send
//
//	internal/validation/
//	               JSON as Python reads it; from JSON to values, with the faults that FastAPI reports
//	apitest/       checks every exchange against the description
package api
