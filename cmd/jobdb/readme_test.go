package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeLibrary builds and runs the program of README.md in a module of its own, made by the
// command that stands before it. What go mod tidy would add, by asking the network, is taken from
// this module's go.mod and go.sum.
func TestReadmeLibrary(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, after, _ := strings.Cut(read("README.md"), "\n    go mod edit ")
	edit, after, _ := strings.Cut(after, "\n")
	_, after, _ = strings.Cut(after, "\n```go\n")
	program, _, _ := strings.Cut(after, "\n```\n")
	_, requirements, _ := strings.Cut(read("go.mod"), "\n") // after the module's name
	work := t.TempDir()
	for name, text := range map[string]string{
		"main.go": program, "go.sum": read("go.sum"), "go.mod": "module example.org/program\n" + requirements,
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		command := exec.Command("go", args...)
		command.Dir = work
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run(append([]string{"mod", "edit"}, strings.Fields(strings.ReplaceAll(edit, "../jobdb", root))...)...)
	if got, want := run("run", "."), "a database of jobdb\n"; got != want {
		t.Errorf("the program of README.md prints %q, not %q", got, want)
	}
}
