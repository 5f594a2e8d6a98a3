package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "renew the references under docs/")

// TestReference holds docs/commands.md against the commands.
func TestReference(t *testing.T) {
	app, err := documentedModel()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/commands.md"
	want := reference(app)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/commands.md isn't what the commands say; renew it by go test ./cmd/jobdb -run TestReference -update (- wanted, + there):\n%s", diff)
	}
}

// TestManual writes all manual pages, and has mandoc look at them where it is installed.
func TestManual(t *testing.T) {
	app, err := documentedModel()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := writeManual(folder, app, pages(app)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(files) != len(pages(app))+1 {
		t.Fatalf("%d pages of %d commands: %v", len(files), len(pages(app)), err)
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("!!! NOT TESTED: mandoc isn't installed")
	}
	out, _ := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput() // its output says it
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Error(line)
		}
	}
}
