package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
)

// document is what these tests read of an OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	OperationID string                `json:"operationId"`
	Parameters  []parameter           `json:"parameters"`
	RequestBody body                  `json:"requestBody"`
	Responses   map[string]body       `json:"responses"`
	Security    []map[string][]string `json:"security"`
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

type body struct {
	Required bool `json:"required"`
	Content  map[string]struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"content"`
}

type schema struct {
	Type       string                     `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Enum       []any                      `json:"enum"`
	Default    any                        `json:"default"`
	Minimum    *float64                   `json:"minimum"`
	Maximum    *float64                   `json:"maximum"`
}

func readDocument(t *testing.T, text string) (d document) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// What is served is described, and nothing else.
func TestRoutesAreDescribed(t *testing.T) {
	source, err := os.ReadFile("server.go")
	if err != nil {
		t.Fatal(err)
	}
	var served, described []string
	for _, m := range regexp.MustCompile(`http\.Method(\w+), "(/[^"]*)"`).FindAllStringSubmatch(string(source), -1) {
		served = append(served, strings.ToLower(m[1])+" "+m[2])
	}
	for path, operations := range readDocument(t, description).Paths {
		for method := range operations {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("- served, + described:\n%s", diff)
	}
}

// The description's lists of names are those of the code.
func TestNamesAreDescribed(t *testing.T) {
	schemas := readDocument(t, description).Components.Schemas
	var columns, metadata []string
	for _, c := range jobdb.Columns() {
		columns = append(columns, c.Name())
	}
	for _, f := range metadataFields {
		metadata = append(metadata, f.name)
	}
	statusNames := make([]string, len(acceptedStatuses))
	for i, status := range acceptedStatuses {
		statusNames[i] = string(status)
	}
	for _, test := range []struct {
		what      string
		got, want []string
	}{
		{"Job", names(schemas["Job"].Properties), append([]string{historyParameter, parametersParameter}, columns...)},
		{"JobSummary", names(schemas["JobSummary"].Properties), append([]string{"count"}, columns...)},
		{"Attributes", attributesRequired(t, schemas), slices.Clone(columns)},
		{"HeartbeatData", names(schemas["HeartbeatData"].Properties), append([]string{"StandardOutput"}, jobdb.HeartbeatFields...)},
		{"JobMetaData", names(schemas["JobMetaData"].Properties), metadata},
		{"JobStatus", texts(schemas["JobStatus"].Enum), statusNames},
		{"ScalarSearchOperator", texts(schemas["ScalarSearchOperator"].Enum), append([]string{"gte", "lte", "ilike"}, scalarOperators...)},
		{"VectorSearchOperator", texts(schemas["VectorSearchOperator"].Enum), slices.Clone(vectorOperators)},
	} {
		slices.Sort(test.got)
		slices.Sort(test.want)
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s, - code, + description:\n%s", test.what, diff)
		}
	}
}

func names(properties map[string]json.RawMessage) (list []string) {
	for name := range properties {
		list = append(list, name)
	}
	return list
}

func texts(values []any) (list []string) {
	for _, value := range values {
		text, _ := value.(string)
		list = append(list, text)
	}
	return list
}

func attributesRequired(t *testing.T, schemas map[string]schema) []string {
	t.Helper()
	var attributes schema
	if err := json.Unmarshal(schemas["JobDetails"].Properties["Attributes"], &attributes); err != nil {
		t.Fatal(err)
	}
	return attributes.Required
}

// Routes that need a token say so, and how its absence is answered.
func TestSecurityIsDescribed(t *testing.T) {
	for path, operations := range readDocument(t, description).Paths {
		for method, o := range operations {
			_, refuses := o.Responses["401"]
			open := strings.HasPrefix(path, "/api/health/") || strings.HasPrefix(path, "/.well-known/") ||
				slices.Contains([]string{"/api/auth/authorize", "/api/auth/device", "/api/auth/revoke", "/api/auth/token", "/api/docs", "/api/openapi.json"}, path)
			if path == "/api/auth/token" {
				refuses = false // it is a refresh token that it refuses
			}
			if secured := len(o.Security) > 0; secured == open || refuses == open {
				t.Errorf("%s %s: secured %t, answers 401 %t", method, path, secured, refuses)
			}
		}
	}
}

func TestServeDescription(t *testing.T) {
	got := answerOf(t, openAPI)
	if got.Header().Get("Content-Type") != "application/json" || got.Body.String() != description {
		t.Errorf("%v %.100s", got.Header(), got.Body)
	}
}

// The page runs its one script and asks nobody but this server: its policy allows no more, and it
// needs no more.
func TestDocsStandAlone(t *testing.T) {
	got := answerOf(t, docs)
	page, policy := got.Body.String(), got.Header().Get("Content-Security-Policy")
	for _, element := range []string{"script", "style"} {
		found := regexp.MustCompile(`(?s)<`+element+`[^>]*>(.*?)</`+element+`>`).FindAllStringSubmatch(page, -1)
		if len(found) != 1 {
			t.Fatalf("%d elements %s", len(found), element)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
			t.Errorf("%s is not in %s", want, policy)
		}
	}
	for _, needless := range []string{`https?:`, `src=`, `<link`, `@import`, `\burl\(`, ` on[a-z]+="`, ` style="`, `innerHTML`, `document\.write`, `eval\(`, `localStorage`} {
		if found := regexp.MustCompile(needless).FindString(page); found != "" {
			t.Errorf("%s is in the page", found)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Error(policy)
	}
}

func answerOf(t *testing.T, handle handler) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	if err := handle(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)); err != nil || recorder.Code != http.StatusOK {
		t.Fatal(recorder.Code, err)
	}
	return recorder
}
