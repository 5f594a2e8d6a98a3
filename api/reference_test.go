package api

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"jobdb/oracle"

	"github.com/google/go-cmp/cmp"
)

// Who generates a client from our description gets the names that a client of
// DiracX has: operations, parameters, schemas and their fields. We may have more of each.
func TestDescriptionHasTheNamesOfTheReference(t *testing.T) {
	theirs, ours := referenceDocument(t), readDocument(t, description)
	compared := 0
	for path, operations := range theirs.Paths {
		if !strings.HasPrefix(path, "/api/jobs/") && !strings.HasPrefix(path, "/.well-known/") ||
			strings.Contains(path, "sandbox") || strings.HasSuffix(path, "/security.txt") {
			continue
		}
		for method, want := range operations {
			compareOperations(t, method+" "+path, want, ours.Paths[path][method])
			for _, name := range theirs.refs(want.RequestBody) {
				compareSchemas(t, name, theirs.Components.Schemas[name], ours.Components.Schemas[name])
				if more := ours.Components.Schemas[name].Required; len(more) > len(theirs.Components.Schemas[name].Required) {
					t.Errorf("of requests, the schema %s requires %v, more than DiracX", name, more)
				}
			}
			for _, response := range want.Responses {
				for _, name := range theirs.refs(response) {
					compareSchemas(t, name, theirs.Components.Schemas[name], ours.Components.Schemas[name])
				}
			}
			compared++
		}
	}
	if compared != 10 {
		t.Errorf("%d operations were compared, not 10", compared)
	}
}

func referenceDocument(t *testing.T) document {
	t.Helper()
	command := exec.CommandContext(t.Context(), oracle.Python(t), "testdata/reference.py", t.TempDir())
	var faults strings.Builder
	command.Stderr = &faults
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, faults.String())
	}
	return readDocument(t, string(output))
}

func compareOperations(t *testing.T, name string, want, got operation) {
	t.Helper()
	if want.OperationID != got.OperationID {
		t.Errorf("%s is the operation %q, DiracX has %q", name, got.OperationID, want.OperationID)
	}
	for _, p := range want.Parameters {
		if !slices.ContainsFunc(got.Parameters, func(q parameter) bool { return sameParameter(p, q) }) {
			t.Errorf("%s lacks DiracX's parameter %+v", name, p)
		}
	}
	if want.RequestBody.Required != got.RequestBody.Required {
		t.Errorf("%s: a body is required: %t, DiracX says %t", name, got.RequestBody.Required, want.RequestBody.Required)
	}
	for status := range want.Responses {
		if _, ok := got.Responses[status]; !ok {
			t.Errorf("%s lacks DiracX's answer %s", name, status)
		}
	}
	if len(want.Security) != len(got.Security) {
		t.Errorf("%s: security %v, DiracX says %v", name, got.Security, want.Security)
	}
}

// sameParameter lets us bound from above what they don't.
func sameParameter(want, got parameter) bool {
	if want.Schema.Maximum == nil {
		got.Schema.Maximum = nil
	}
	return cmp.Equal(want, got)
}

// compareSchemas lets us require more of answers: all that we always send.
func compareSchemas(t *testing.T, name string, want, got schema) {
	t.Helper()
	for property := range want.Properties {
		if _, ok := got.Properties[property]; !ok {
			t.Errorf("the schema %s lacks DiracX's property %s", name, property)
		}
	}
	for _, property := range want.Required {
		if !slices.Contains(got.Required, property) {
			t.Errorf("the schema %s doesn't require %s as DiracX does", name, property)
		}
	}
	for _, value := range want.Enum {
		if !slices.Contains(got.Enum, value) {
			t.Errorf("the schema %s lacks DiracX's value %v", name, value)
		}
	}
}

// refs are the names of the schemas that a body is made of.
func (d document) refs(b body) (names []string) {
	for _, content := range b.Content {
		names = d.refsIn(content.Schema, names)
	}
	return names
}

// refsIn adds the names that a schema refers to, and those that these do.
func (d document) refsIn(text json.RawMessage, names []string) []string {
	parts := strings.Split(string(text), `"#/components/schemas/`)
	for _, part := range parts[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		for _, property := range d.Components.Schemas[name].Properties {
			names = d.refsIn(property, names)
		}
	}
	return names
}
