package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const someDocument = `# Title
<!-- bench: one -->
old
<!-- end -->
prose
<!-- bench: two -->
older
<!-- end -->
last
`

func TestReplaceSection(t *testing.T) {
	got, err := replaceSection([]byte(someDocument), "two", "| new |\n")
	if want := strings.Replace(someDocument, "older\n", "\n| new |\n\n", 1); err != nil || string(got) != want {
		t.Errorf("%v:\n%s", err, got)
	}
	again, err := replaceSection(got, "two", "| new |\n")
	if err != nil || string(again) != string(got) {
		t.Errorf("a second time it changes:\n%s%v", again, err)
	}
	for _, name := range []string{"three", "on"} {
		if _, err := replaceSection([]byte(someDocument), name, ""); err == nil {
			t.Errorf("no error for the section %q", name)
		}
	}
	if _, err := replaceSection([]byte(strings.Replace(someDocument, "<!-- end -->\n", "", 1)), "one", ""); err == nil {
		t.Error("a section without end took the next one's")
	}
}

// A run writes its tables into the document and says with what it was measured.
func TestPublish(t *testing.T) {
	s := smallRun(t)
	s.write, s.versions = t.TempDir(), map[string]string{}
	s.engines, s.jobs, s.methods = []string{"sqlite"}, []int{100}, regexp.MustCompile("^JobJDLs$")
	path := filepath.Join(s.write, "methods-100.md")
	if err := os.WriteFile(path, []byte("above\n<!-- bench: methods-100 -->\n<!-- end -->\nbelow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := runMethods(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`^above\n`, `\nMeasured on 20\d\d-.* cores of .* GiB of memory, go1.*, SQLite 3\..*\.\n`,
		`\n\| JobJDLs \| 1 \|`, `\nbelow\n$`,
	} {
		if !regexp.MustCompile(part).Match(document) {
			t.Errorf("nothing matches %q in\n%s", part, document)
		}
	}
}

// There is a document for everything that is measured.
func TestDocuments(t *testing.T) {
	for _, name := range []string{"methods-10000", "methods-1000000", "growth", "writers", "routes", "counts"} {
		document, err := os.ReadFile("../docs/benchmarks/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replaceSection(document, name, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
