package apitest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jobdb/api"
)

// exchange is a correct one, with what a case changes about it.
type exchange struct {
	method, path, sent string
	anonymous          bool
	status             int // 0: 200
	header, answer     string
}

func (e exchange) build() Exchange {
	request := httptest.NewRequest(e.method, e.path, nil)
	if !e.anonymous {
		request.Header.Set("Authorization", "Bearer x")
	}
	header := http.Header{"Content-Type": {"application/json"}, "Date": {"now"}, "Vary": {"Accept-Encoding"}}
	if name, value, ok := strings.Cut(e.header, ": "); ok {
		header.Set(name, value)
	}
	if e.status == 0 {
		e.status = http.StatusOK
	}
	return Exchange{Request: request, Sent: []byte(e.sent), Status: e.status, Header: header, Answer: []byte(e.answer)}
}

func read(t *testing.T) *Description {
	t.Helper()
	d, err := Read(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const submitted = `[{"JobID":1,"Status":"Received","MinorStatus":"Job accepted","TimeStamp":"2024-01-01T10:00:00.123456Z"}]`

func TestCheckTakesWhatIsDescribed(t *testing.T) {
	d := read(t)
	for name, e := range map[string]exchange{
		"submit":              {method: "POST", path: "/api/jobs/jdl", sent: `["a=1"]`, status: 201, answer: submitted},
		"search, no body":     {method: "POST", path: "/api/jobs/search?page=1", answer: `[{"JobID":1,"StartExecTime":null}]`},
		"search, null":        {method: "POST", path: "/api/jobs/search", sent: " null ", answer: `[]`},
		"search, groups":      {method: "POST", path: "/api/jobs/search", sent: `{"search":[{"or":[{"not":{"parameter":"JobID","operator":"in","values":[1,"2"]}}]}]}`, answer: `[]`},
		"page":                {method: "POST", path: "/api/jobs/search", status: 206, header: "Content-Range: jobs 0-0/2", answer: `[{"JobID":1}]`},
		"page past the end":   {method: "POST", path: "/api/jobs/search", status: 416, header: "Content-Range: jobs */2", answer: `[]`},
		"lenient numbers":     {method: "PATCH", path: "/api/jobs/heartbeat", sent: `{"1":{"LoadAverage":"2.5"}}`, answer: `[]`},
		"lenient IDs":         {method: "POST", path: "/api/jobs/reschedule?reset_jobs=yes", sent: `{"job_ids":["1"]}`, answer: `{"success":{},"failed":{}}`},
		"lenient times":       {method: "PATCH", path: "/api/jobs/metadata", sent: `{"1":{"timestamp":1700000000,"VerifiedFlag":1}}`, status: 204},
		"missing jobs":        {method: "PATCH", path: "/api/jobs/heartbeat", sent: `{"1":{}}`, header: "Jobdb-Missing-Jobs: 1,3,...", answer: `[]`},
		"null status":         {method: "PATCH", path: "/api/jobs/status", sent: `{"1":{"2024-01-01T10:00:00Z":{"Status":null}}}`, answer: `{"success":{},"failed":{"1":{"detail":"Not found"}}}`},
		"bad request refused": {method: "POST", path: "/api/jobs/search?page=0&x=y", sent: `[1]`, anonymous: true, status: 401, header: "WWW-Authenticate: Bearer", answer: `{"detail":"no"}`},
		"no such path":        {method: "GET", path: "/api/nothing", status: 404, answer: `{"detail":"Not Found"}`},
		"no such method":      {method: "GET", path: "/api/jobs/jdl", status: 405, header: "Allow: POST", answer: `{"detail":"Method Not Allowed"}`},
		"HEAD":                {method: "HEAD", path: "/api/health/live", anonymous: true},
		"preflight":           {method: "OPTIONS", path: "/api/jobs/jdl", status: 204},
		"redirect":            {method: "GET", path: "/api/auth/authorize", status: 307, header: "Location: https://x/api/auth/authorize", answer: `<a href="x">`},
	} {
		built := e.build()
		if name == "preflight" {
			built.Request.Header.Set("Access-Control-Request-Method", "POST")
		}
		if err := d.Check(t.Context(), built); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckFinds(t *testing.T) {
	d := read(t)
	for name, test := range map[string]struct {
		exchange

		want string
	}{
		"status":            {exchange{method: "POST", path: "/api/jobs/search", status: 418, answer: `[]`}, "no answer with 418"},
		"type":              {exchange{method: "POST", path: "/api/jobs/search", answer: `[{"JobID":"1"}]`}, "at /0/JobID"},
		"null":              {exchange{method: "POST", path: "/api/jobs/search", answer: `[{"Status":null}]`}, "at /0/Status"},
		"time":              {exchange{method: "POST", path: "/api/jobs/search", answer: `[{"EndExecTime":"2024-01-01 10:00:00"}]`}, "at /0/EndExecTime"},
		"more keys":         {exchange{method: "POST", path: "/api/jobs/search", answer: `[{"Secret":1}]`}, `at /0/Secret`},
		"missing key":       {exchange{method: "POST", path: "/api/jobs/jdl", sent: `["a=1"]`, status: 201, answer: `[{"JobID":1}]`}, `"Status" is missing`},
		"no header":         {exchange{method: "POST", path: "/api/jobs/search", status: 206, answer: `[{"JobID":1}]`}, `"Content-Range" missing`},
		"bad header":        {exchange{method: "POST", path: "/api/jobs/search", status: 206, header: "Content-Range: jobs */2", answer: `[{"JobID":1}]`}, `"Content-Range" doesn't match`},
		"header too many":   {exchange{method: "POST", path: "/api/jobs/search", header: "Content-Range: jobs 0-0/1", answer: `[]`}, "header Content-Range is not described"},
		"no challenge":      {exchange{method: "POST", path: "/api/jobs/search", status: 401, answer: `{"detail":"no"}`}, `"WWW-Authenticate" missing`},
		"no JSON":           {exchange{method: "POST", path: "/api/jobs/search", answer: `[`}, "decode"},
		"empty":             {exchange{method: "POST", path: "/api/jobs/search"}, "decode"},
		"content type":      {exchange{method: "POST", path: "/api/jobs/search", header: "Content-Type: text/plain", answer: `[]`}, "Content-Type"},
		"body of 204":       {exchange{method: "PATCH", path: "/api/jobs/metadata", sent: `{}`, status: 204, answer: `{}`}, "no body is described"},
		"error in words":    {exchange{method: "POST", path: "/api/jobs/search", status: 422, answer: `{"detail":"no"}`}, "at /detail"},
		"fault unplaced":    {exchange{method: "POST", path: "/api/jobs/search", status: 422, answer: `{"detail":[{"type":"missing","msg":"x","input":1}]}`}, `"loc" is missing`},
		"private key":       {exchange{method: "GET", path: "/.well-known/jwks.json", answer: `{"keys":[{"kty":"OKP","d":"x"}]}`}, `"d" is unsupported`},
		"no token":          {exchange{method: "POST", path: "/api/jobs/search", anonymous: true, answer: `[]`}, "no token was sent"},
		"parameter":         {exchange{method: "POST", path: "/api/jobs/search?pages=1", answer: `[]`}, "parameter pages is not described"},
		"parameter's value": {exchange{method: "POST", path: "/api/jobs/search?page=0", answer: `[]`}, `parameter "page" in query`},
		"operator":          {exchange{method: "POST", path: "/api/jobs/search", sent: `{"search":[{"parameter":"JobID","operator":"is","value":1}]}`, answer: `[]`}, "at /search/0"},
		"body's shape":      {exchange{method: "PATCH", path: "/api/jobs/heartbeat", sent: `{"1":{"Load":1}}`, answer: `[]`}, `"Load" is unsupported`},
		"list for a text":   {exchange{method: "POST", path: "/api/jobs/jdl", sent: `[["a"]]`, status: 201, answer: submitted}, "at /0"},
		"number for a text": {exchange{method: "PATCH", path: "/api/jobs/metadata", sent: `{"1":{"Site":5}}`, status: 204}, "at /1/Site"},
		"no body":           {exchange{method: "POST", path: "/api/jobs/summary", answer: `[]`}, "body"},
		"no times":          {exchange{method: "PATCH", path: "/api/jobs/status", sent: `{"1":{}}`, answer: `{"success":{},"failed":{}}`}, "at /1"},
		"unknown path":      {exchange{method: "GET", path: "/api/nothing", answer: `{}`}, "answered with 404"},
		"unknown method":    {exchange{method: "GET", path: "/api/jobs/jdl", header: "Allow: POST", answer: `{}`}, "answered with 405"},
		"no Allow":          {exchange{method: "GET", path: "/api/jobs/jdl", status: 405, answer: `{"detail":"no"}`}, "Allow is missing"},
		"404 in HTML":       {exchange{method: "GET", path: "/api/nothing", status: 404, answer: `<p>`}, "read the answer"},
	} {
		if err := d.Check(t.Context(), test.build()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestCheckReadsCompressedAnswers(t *testing.T) {
	d := read(t)
	for answer, ok := range map[string]bool{`[{"JobID":1}]`: true, `[{"JobID":"1"}]`: false} {
		var compressed bytes.Buffer
		zipper := gzip.NewWriter(&compressed)
		if _, err := zipper.Write([]byte(answer)); err != nil || zipper.Close() != nil {
			t.Fatal(err)
		}
		e := exchange{method: "POST", path: "/api/jobs/search", header: "Content-Encoding: gzip", answer: compressed.String()}
		if err := d.Check(t.Context(), e.build()); (err == nil) != ok {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// Examples that break their schemas are found, wherever they are.
func TestReadHoldsExamples(t *testing.T) {
	for _, change := range [][2]string{
		{`"value": {"grouping": ["Status"]}`, `"value": {"grouping": "Status"}`},                         // in a request's body
		{`"example": [{"Status": "Failed", "count": 2}`, `"example": [{"Status": "Failed", "count": 0}`}, // in an answer
		{`"value": {"detail": "Invalid JWT"}`, `"value": {"details": "Invalid JWT"}`},                    // in a shared answer
		{`"example": "jobs 0-1/4"`, `"example": "jobs 0-1"`},                                             // of a header
		{`"example": 1}`, `"example": "x"}`},                                                             // of a parameter
		{`#/components/schemas/InsertedJob`, `#/components/schemas/Nothing`},
		{`"operationId": "jobs_search"`, `"operationId": "jobs_summary"`},
	} {
		changed := strings.Replace(api.Description(), change[0], change[1], 1)
		if changed == api.Description() {
			t.Fatalf("%s is not there any more", change[0])
		}
		if _, err := Read(changed); err == nil {
			t.Errorf("%s passes", change[1])
		}
	}
}
