package api

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

var update = flag.Bool("update", false, "renew docs/reference/errors.md")

// errorClasses are the errors that programs act on, by their names in the code.
var errorClasses = map[string]error{
	"jobdb.ErrNoAction": jobdb.ErrNoAction, "jobdb.ErrTooManyActions": jobdb.ErrTooManyActions, "jobdb.ErrTooManyOwnActions": jobdb.ErrTooManyOwnActions,
	"jobdb.ErrInvalidQuery": jobdb.ErrInvalidQuery, "jobdb.ErrInvalidValue": &jobdb.ValueError{}, "jobdb.ErrTooLarge": &jobdb.ValueError{TooLarge: []jobdb.JobID{1}},
	"jobdb.ErrNotFound": jobdb.ErrNotFound, "jobdb.ErrConflict": jobdb.ErrConflict, "jobdb.ErrUnavailable": jobdb.ErrUnavailable, "jobdb.ErrFull": jobdb.ErrFull,
	"jobdb.ErrSchema": jobdb.ErrSchema, "jobdb.ErrNoScope": jobdb.ErrNoScope, "jobdb.ErrClosed": jobdb.ErrClosed, "jobdb.ErrInTx": jobdb.ErrInTx,
	"wms.ErrInvalidJob": wms.ErrInvalidJob, "wms.ErrInvalidMetadata": wms.ErrInvalidMetadata, "wms.ErrNotOwner": wms.ErrNotOwner, "wms.ErrQuota": wms.ErrQuota,
	"auth.ErrInvalidToken": auth.ErrInvalidToken, "auth.ErrForbidden": auth.ErrForbidden, "auth.ErrNoMetadata": auth.ErrNoMetadata,
}

// sentinels are the comments of all errors that a package declares as variables.
func sentinels(t *testing.T, folder, name string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), folder+"/"+file.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			declared, ok := d.(*ast.GenDecl)
			if !ok || declared.Tok != token.VAR {
				continue
			}
			for _, spec := range declared.Specs {
				v := spec.(*ast.ValueSpec)
				if comment := v.Doc.Text() + declared.Doc.Text(); strings.HasPrefix(v.Names[0].Name, "Err") {
					if v.Doc != nil {
						comment = v.Doc.Text()
					}
					found[name+"."+v.Names[0].Name] = meaning(v.Names[0].Name, comment)
				}
			}
		}
	}
	return found
}

// meaning is a comment without the name that it begins with.
func meaning(name, comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	for _, begin := range []string{name + ": ", name + " means that ", name + " says that ", name + " is "} {
		if rest, ok := strings.CutPrefix(text, begin); ok {
			return rest
		}
	}
	return text
}

// TestErrorsReference holds docs/reference/errors.md against the errors of the library and what the
// service makes of them.
func TestErrorsReference(t *testing.T) {
	declared := sentinels(t, "..", "jobdb")
	maps.Copy(declared, sentinels(t, "../wms", "wms"))
	maps.Copy(declared, sentinels(t, "../auth", "auth"))
	var b strings.Builder
	b.WriteString(`# Errors

## Of the library

Programs tell errors apart with ` + "`errors.Is`" + `. The service answers with the status of the last column and ` + "`{\"detail\": …}`" + `.

This page is made from the code: ` + "`go test ./api -run Reference -update`" + `.

| error | meaning | status |
| --- | --- | --- |
`)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		status := "as the route says"
		if err := errorClasses[name]; err != nil {
			status = fmt.Sprint(errorAnswer(fmt.Errorf("somewhere: %w", err)).status)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, declared[name], status)
	}
	for name := range errorClasses {
		if declared[name] == "" {
			t.Errorf("%s isn't declared, or has no comment", name)
		}
	}
	b.WriteString(`
An error of none of these classes is answered with 500 and told in the log only. Where a request's time is up the answer is ` +
		fmt.Sprint(errorAnswer(context.DeadlineExceeded).status) + `; of a client that hung up the log says ` + fmt.Sprint(errorAnswer(context.Canceled).status) + `.

## Of the service

| status | meaning |
| --- | --- |
`)
	document, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range document {
		b.WriteString(row)
	}
	const file = "../docs/reference/errors.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/reference/errors.md isn't as the errors are; go test ./api -run Reference -update (- wanted, + there):\n%s", diff)
	}
}

// readDescription returns a row for each status that openapi.json describes for several routes.
func readDescription() ([]string, error) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	var document struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Ref string `json:"$ref"`
			}
		}
		Components struct {
			Responses map[string]struct{ Description string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, methods := range document.Paths {
		for _, route := range methods {
			for status, answer := range route.Responses {
				if name, ok := strings.CutPrefix(answer.Ref, "#/components/responses/"); ok {
					names[status] = name
				}
			}
		}
	}
	var rows []string
	for _, status := range slices.Sorted(maps.Keys(names)) {
		rows = append(rows, fmt.Sprintf("| %s | %s |\n", status, document.Components.Responses[names[status]].Description))
	}
	return rows, nil
}
