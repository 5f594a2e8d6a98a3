package api_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb/api"
	"jobdb/auth"
)

// Each example of a request in the description is answered with success, as described.
func TestExamplesOfRequests(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Examples map[string]struct{ Value json.RawMessage }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(api.Description()), &document); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, operations := range document.Paths {
		for method, operation := range operations {
			for name, example := range operation.RequestBody.Content["application/json"].Examples {
				w := start(t)
				w.submit(alice, "one", "two", "three")
				if r := w.ask(strings.ToUpper(method), path, w.token(alice), string(example.Value)); r.status > 299 {
					t.Errorf("%s %s, example %s: %d %s", method, path, name, r.status, r.body)
				}
				tried++
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d examples were found", tried)
	}
}

// The commands of docs/http.md work, one after another, and give the answers printed there.
func TestHTTPHowTo(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("!!! docs/http.md is NOT TRIED: there is no curl here")
	}
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	w := start(t)
	w.clock.set(time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC))
	commands, answer := 0, ""
	for i, block := range strings.Split(string(text), "\n```") {
		language, content, _ := strings.Cut(block, "\n")
		switch {
		case i%2 == 1 && language == "sh" && strings.HasPrefix(content, "curl "):
			if strings.Contains(content, "/jobdb/series") {
				w.note()
			}
			answer = w.shell(content)
			commands++
		case i%2 == 1 && language == "json":
			if diff := cmp.Diff(decoded(t, content), decoded(t, answer)); diff != "" {
				t.Errorf("answer, - printed, + given:\n%s", diff)
			}
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
}

// shell runs a command of curl, which fails where the answer is an error, and moves the clock on by
// a second.
func (w *testServer) shell(command string) string {
	w.t.Helper()
	home := w.t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("silent\nshow-error\nfail-with-body\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	token := strings.TrimPrefix(w.token(person("lhcb", "alice", auth.NormalUser, auth.GenericPilot)), "Bearer ")
	sh := exec.CommandContext(w.t.Context(), "sh", "-euc", command)
	sh.Env = append(os.Environ(), "CURL_HOME="+home, "URL="+w.url, "TOKEN="+token)
	output, err := sh.CombinedOutput()
	if err != nil {
		w.t.Errorf("%s\n%v: %s", command, err, output)
	}
	w.clock.advance(time.Second)
	return string(output)
}

// decoded reads JSON values, one after another.
func decoded(t *testing.T, text string) (values []any) {
	t.Helper()
	for decoder := json.NewDecoder(strings.NewReader(text)); decoder.More(); {
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Errorf("%s: %v", text, err)
			return values
		}
		values = append(values, value)
	}
	return values
}
