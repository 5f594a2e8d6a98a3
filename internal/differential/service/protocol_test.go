package service_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// routes are those that both have, each with a request that is right.
func routes() []request {
	return []request{
		with("alice", "POST", "/api/jobs/jdl", []string{`Executable = "x";`}),
		with("alice", "POST", "/api/jobs/search", object{"parameters": []string{"JobID"}}),
		with("alice", "POST", "/api/jobs/summary", object{"grouping": []string{"Status"}}),
		with("alice", "PATCH", "/api/jobs/status", object{"1": object{"2024-02-29T10:00:00Z": object{"Status": "Checking"}}}),
		with("alice", "PATCH", "/api/jobs/heartbeat", object{"1": object{}}),
		with("alice", "PATCH", "/api/jobs/metadata", object{"1": object{"Site": "A"}}),
		with("alice", "POST", "/api/jobs/reschedule", object{"job_ids": []int{1}}),
	}
}

// testProtocol asks what has nothing to do with jobs: with other methods, paths, headers and
// tokens.
func testProtocol(r *round) {
	r.submit("alice", `Executable = "x";`)
	for _, q := range routes() {
		for _, method := range []string{"GET", "PUT", "DELETE", "POST", "PATCH"} {
			if method != q.method {
				r.play(request{method: method, path: q.path, who: "alice"})
			}
		}
		for _, body := range []string{"", q.body, "nonsense"} { // without a token
			r.play(request{method: q.method, path: q.path, body: body})
		}
	}
	for _, kind := range contentTypes {
		for _, q := range routes()[1:3] { // that change nothing
			q.header = http.Header{"Content-Type": {kind}}
			r.play(q)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.pair.issuer.headers())) {
		if !slices.Contains(oddTokens, name) {
			r.play(r.withHeader(name))
		}
	}
	for _, body := range oddKeys {
		r.play(request{method: "POST", path: "/api/jobs/search", who: "alice", body: body})
		r.play(request{method: "POST", path: "/api/jobs/summary", who: "alice", body: `{"grouping":["JobName"],` + body[1:]})
	}
	for _, path := range otherPaths {
		r.play(request{method: "GET", path: path, who: "alice"})
		r.play(request{method: "POST", path: path})
	}
}

// oddTokens are those that the two don't agree about, see showClaims and its neighbours.
var oddTokens = slices.Concat(claimless, []string{"preferred_username=", "jti", "jti=x", "alg-EdDSA", "exp", "iat=4102444800", "iat=x"})

var claimless = []string{"sub", "vo", "vo=5", "vo=", "dirac_group", "dirac_properties", "dirac_properties=NormalUser", "preferred_username"}

// withHeader counts jobs with a token of a kind, which the path names for messages only.
func (r *round) withHeader(name string) request {
	return request{method: "POST", path: "/api/jobs/summary?" + name, header: r.pair.issuer.headers()[name], body: `{"grouping": ["VO"]}`}
}

var contentTypes = []string{
	"application/json; charset=utf-8", "application/vnd.api+json", "text/plain", "application/x-www-form-urlencoded",
	"application/octet-stream", "", "nonsense", "APPLICATION/JSON",
}

// otherPaths have no "/", where ours has its page.
var otherPaths = []string{
	"/api", "/api/", "/api/jobs", "/api/jobs/", "/api/jobs/1", "/api/jobs/nothing", "/api//jobs/search", "/API/jobs/search", "/favicon.ico",
	"/api/jobs/search/", "/api/health/live", "/api/health/ready", "/api/health/startup",
}

// oddKeys are bodies with keys in another case, repeated, or of nothing.
var oddKeys = []string{
	`{"Search":[{"parameter":"JobName","operator":"eq","value":"none"}]}`, `{"SEARCH":5,"sort":[]}`, `{"search":[],"unknown":null}`,
	`{"search":[{"parameter":"JobName","operator":"eq","value":"none"}],"search":[]}`,
	`{"search":[],"search":[{"parameter":"JobName","operator":"eq","value":"none"}]}`,
	`{"search":[{"parameter":"JobName","operator":"eq","value":"none","Value":"Unknown"}],"Search":[]}`,
	`{"search":[{"parameter":"JobName","operator":"eq","Value":"none"}]}`,
}

// headers are those with tokens of many kinds, by what is special about them.
func (i *issuer) headers() map[string]http.Header {
	good := i.token("alice", nil)
	parts := strings.Split(good, ".")
	headers := map[string]http.Header{}
	for name, text := range map[string]string{
		"good": "Bearer " + good, "lower-case": "bearer " + good, "two-blanks": "Bearer  " + good, "basic": "Basic " + good, "no-token": "Bearer", "blank": "Bearer ",
		"no-scheme": good, "nonsense": "Bearer nonsense", "no-json": "Bearer a.b.c", "no-signature": "Bearer " + parts[0] + "." + parts[1] + ".",
		"wrong-signature": "Bearer " + parts[0] + "." + parts[1] + "." + encoded(make([]byte, 64)), "more": "Bearer " + good + "x", "more-words": "Bearer " + good + " x",
		"alg-none": "Bearer " + i.signed(object{"alg": "none"}, object{"iss": i.name}), "alg-EdDSA": "Bearer " + i.signed(object{"alg": "EdDSA", "kid": keyID}, i.claims("alice", nil)),
		"foreign-key": "Bearer " + i.signed(object{"alg": "Ed25519", "kid": "other"}, i.claims("alice", nil)), "no-key": "Bearer " + i.signed(object{"alg": "Ed25519"}, i.claims("alice", nil)),
	} {
		headers[name] = http.Header{"Authorization": {text}}
	}
	for name, value := range map[string]any{
		"exp": nil, "exp=1": 1, "exp=x": "x", "nbf=1099511627776": 1 << 40, "nbf=1": 1, "iat=4102444800": 4102444800, "iat=1099511627776": 1 << 40, "iat": nil, "iat=x": "x", "iss=other": "other", "iss": nil, "aud=other": "other",
		"sub": nil, "jti": nil, "jti=x": "x", "dirac_properties": nil, "dirac_properties=NormalUser": "NormalUser", "dirac_policies": nil, "preferred_username": nil, "vo": nil,
		"dirac_group": nil, "vo=5": 5, "vo=": "", "preferred_username=": "", "dirac_properties=list": []string{"NoSuchProperty", "NormalUser"},
	} {
		claim, _, _ := strings.Cut(name, "=")
		headers[name] = http.Header{"Authorization": {"Bearer " + i.token("alice", object{claim: value})}}
	}
	return headers
}
