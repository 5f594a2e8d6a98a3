package apitest

import (
	"context"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Description is an OpenAPI document that exchanges are checked against.
type Description struct {
	doc    *openapi3.T
	router routers.Router
}

// Read reads an OpenAPI document. One that breaks the rules of OpenAPI, or
// whose examples break its schemas, is an error.
func Read(text string) (*Description, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("check the OpenAPI document: %w", err)
	}
	if err := checkHeaders(doc); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("route by the OpenAPI document: %w", err)
	}
	return &Description{doc, router}, nil
}

// checkHeaders checks the examples of headers against their schemas, which Validate leaves out.
func checkHeaders(doc *openapi3.T) error {
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				for name, header := range response.Value.Headers {
					if header.Value.Example == nil {
						continue
					}
					if err := header.Value.Schema.Value.VisitJSON(header.Value.Example); err != nil {
						return fmt.Errorf("example of the header %s of %s %s, %s: %w", name, method, path, status, err)
					}
				}
			}
		}
	}
	return nil
}
