// Package api is the service over HTTP: routes, wire types, and errors as status codes. It answers
// as DiracX's job routes do.
//
//	server.go      the table of routes; Config, New and Serve
//	gone.go        clients that hang up, and servers that stop
//	authorize.go   from a request to its caller, and to the jobs that the caller may see and change
//	submit.go, search.go, status.go, heartbeat.go, metadata.go, reschedule.go, details.go, series.go
//	               a route each (search.go: summary, too)
//	actions.go, actions_outcomes.go
//	               actions on many jobs
//	changes.go, changes_hub.go
//	               the stream of changes, and what asks the database for them
//	search_request.go, search_filter.go
//	               the bodies of searches and summaries
//	search_additions.go, search_pilots.go, lines.go, csv.go
//	               what searches have besides a page of rows: histories and parameters, pilot stamps, all
//	               rows as lines of JSON or CSV
//	facets.go, facets_request.go
//	               what a page shows beside a search: facets, a histogram, values to complete
//	wellknown.go, health.go, openapi.go
//	               discovery, probes, the description (openapi.json) and its page (docs.html)
//	login.go, login_user_linux.go, login_user_other.go
//	               logins of web pages at a server that signs its own tokens
//	page.go, web.go
//	               the files of jobdb's own page, and of another web interface
//	body.go        the body of a request, for all routes
//	answers.go     questions to the database, and the memory of their answers
//	encode.go, outcome.go
//	               from values to JSON
//	errors.go      errors as answers
//	log.go, client.go, compress.go
//	               a line of the log for each request, and who sent it; gzip
//	limits.go      how many requests users and VOs may send
//	classes.go, memory.go, gate.go, semaphore.go
//	               how many requests may use the database and the memory at once
//
//	internal/validation/
//	               JSON as Python reads it; from JSON to values, with the faults that FastAPI reports
//	apitest/       checks every exchange against the description
package api
