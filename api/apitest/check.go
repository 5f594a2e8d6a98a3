package apitest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

func init() {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", decodeLines)
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
}

// decodeLines reads JSON objects, one a line, as one text.
func decodeLines(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			return nil, fmt.Errorf("the line %.100q is no JSON object: %w", line, err)
		}
	}
	return string(text), nil
}

// Exchange is a request and what was answered.
type Exchange struct {
	Request *http.Request // its body isn't read
	Sent    []byte        // the request's body
	Status  int
	Header  http.Header // of the answer
	Answer  []byte      // its body, as it was sent, compressed or not
}

// Check returns what of an exchange isn't as described: status, headers and body of the answer; and
// parameters, token and body of a request that succeeded. A request that has no route must be
// answered with 404 or 405.
func (d *Description) Check(ctx context.Context, e Exchange) error {
	if e.Request.Method == http.MethodOptions && e.Request.Header.Get("Access-Control-Request-Method") != "" {
		return nil // browsers ask so of any route
	}
	answer, err := e.plain()
	if err != nil {
		return err
	}
	route, path, err := d.find(e.Request)
	if err != nil {
		return d.checkRefusal(e, answer, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: e.described(), PathParams: path, Route: route, QueryParams: e.Request.URL.Query(), Options: options(),
	}
	if e.Status < 300 {
		err = errors.Join(checkQuery(input), checkRequest(ctx, input))
	}
	return errors.Join(err, checkAnswer(ctx, input, e, answer))
}

func (d *Description) find(r *http.Request) (*routers.Route, map[string]string, error) {
	if r.Method == http.MethodHead {
		asGet := *r
		asGet.Method = http.MethodGet
		r = &asGet
	}
	return d.router.FindRoute(r)
}

// checkRefusal is about requests that have no route.
func (d *Description) checkRefusal(e Exchange, answer []byte, why error) error {
	want := http.StatusNotFound
	if errors.Is(why, routers.ErrMethodNotAllowed) {
		want = http.StatusMethodNotAllowed
		if e.Header.Get("Allow") == "" {
			return errors.New("the header Allow is missing")
		}
	}
	if e.Status != want {
		return fmt.Errorf("%w; that is answered with %d", why, want)
	}
	if e.Request.Method == http.MethodHead {
		return nil
	}
	var value any
	if err := json.Unmarshal(answer, &value); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return d.doc.Components.Schemas["Error"].Value.VisitJSON(value)
}

// checkAnswer is about the answers of a route.
func checkAnswer(ctx context.Context, input *openapi3filter.RequestValidationInput, e Exchange, answer []byte) error {
	described := input.Route.Operation.Responses.Status(e.Status)
	if described == nil {
		return fmt.Errorf("no answer with %d is described", e.Status)
	}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: e.Status, Header: e.Header,
		Body: io.NopCloser(bytes.NewReader(answer)), Options: options(),
	})
	redirects := e.Status >= 300 && e.Status < 400 // net/http adds a link for people
	if len(described.Value.Content) == 0 && len(answer) > 0 && !redirects {
		err = errors.Join(err, errors.New("no body is described"))
	}
	names := map[string]bool{}
	for name := range described.Value.Headers {
		names[http.CanonicalHeaderKey(name)] = true
	}
	for name := range e.Header {
		if !ofHTTP(name) && !names[name] {
			err = errors.Join(err, fmt.Errorf("the header %s is not described", name))
		}
	}
	return err
}

// ofHTTP reports whether a header belongs to HTTP, and not to this interface.
func ofHTTP(name string) bool {
	return strings.HasPrefix(name, "Access-Control-") || slices.Contains([]string{
		"Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Security-Policy", "Content-Type",
		"Cross-Origin-Resource-Policy", "Date", "Referrer-Policy", "Vary", "X-Content-Type-Options", "X-Request-Id",
	}, name)
}

func checkRequest(ctx context.Context, input *openapi3filter.RequestValidationInput) error {
	if err := openapi3filter.ValidateRequest(ctx, input); err != nil && !isLenient(err) {
		return err
	}
	return nil
}

// checkQuery is about parameters that are not described at all.
func checkQuery(input *openapi3filter.RequestValidationInput) (err error) {
	for name := range input.QueryParams {
		if input.Route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			err = errors.Join(err, fmt.Errorf("the parameter %s is not described", name))
		}
	}
	return err
}

// plain is the answer, decompressed.
func (e Exchange) plain() ([]byte, error) {
	if e.Header.Get("Content-Encoding") != "gzip" {
		return e.Answer, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(e.Answer))
	if err != nil {
		return nil, fmt.Errorf("decompress the answer: %w", err)
	}
	answer, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("decompress the answer: %w", err)
	}
	return answer, nil
}

// described is the request as a description can say it: null is no body, and
// a body without a type is JSON.
func (e Exchange) described() *http.Request {
	r := *e.Request
	r.Header = r.Header.Clone()
	sent := bytes.TrimSpace(e.Sent)
	if string(sent) == "null" {
		sent = nil
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(sent))
	if len(sent) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(sent))
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	return &r
}

func options() *openapi3filter.Options {
	o := &openapi3filter.Options{
		AuthenticationFunc: hasToken, IncludeResponseStatus: true, MultiError: true,
		RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
	}
	o.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return fmt.Sprintf("at /%s: %s", strings.Join(err.JSONPointer(), "/"), err.Reason)
	})
	return o
}

func hasToken(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	if !strings.HasPrefix(input.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
		return input.NewError(errors.New("no token was sent"))
	}
	return nil
}

// isLenient reports whether all that is wrong with a request is what servers accept beyond the
// description, as DiracX does: "5" for a number, 1 for true, seconds since 1970 for a time.
func isLenient(err error) bool {
	switch fault := err.(type) { //nolint:errorlint // what is wrapped has its own case
	case openapi3.MultiError:
		return !slices.ContainsFunc(fault, func(one error) bool { return !isLenient(one) })
	case *openapi3filter.RequestError:
		return fault.Err != nil && isLenient(fault.Err)
	case *openapi3filter.ParseError:
		return fault.Kind == openapi3filter.KindInvalidFormat
	case *openapi3.SchemaError:
		return isOtherScalar(fault)
	}
	return false
}

// isOtherScalar reports whether a string, number or bool is there where another of them is
// described.
func isOtherScalar(fault *openapi3.SchemaError) bool {
	switch fault.Value.(type) {
	case string, float64, bool:
	default:
		return false
	}
	wanted := fault.Schema
	return fault.SchemaField == "format" ||
		fault.SchemaField == "type" && (!wanted.Type.Is("string") || wanted.Format == "date-time")
}
