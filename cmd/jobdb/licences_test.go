package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// licenceWords stand in the text of each licence that docs/licences.md may name, and in no other's.
// A new one needs a reason there why it goes with the GPL.
var licenceWords = map[string]string{
	"MIT":          "Permission is hereby granted, free of charge, to any person",
	"BSD-3-Clause": "may be used to endorse or promote",
	"Apache-2.0":   "Apache License Version 2.0",
	"MPL-2.0":      "Mozilla Public License Version 2.0",
}

// TestLicences sees to it that docs/licences.md names each module of the binary, no other, and each
// with its licence.
func TestLicences(t *testing.T) {
	document, err := os.ReadFile("../../docs/licences.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+/\S+) \| (\S+) \|`).FindAllStringSubmatch(string(document), -1) {
		listed[row[1]] = row[2]
	}
	linked := map[string]string{}
	for _, cgo := range []string{"0", "1"} {
		for module, folder := range linkedModules(t, cgo) {
			linked[module] = licenceIn(t, folder)
		}
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Errorf("docs/licences.md isn't as the binary is (- linked, + listed):\n%s", diff)
	}
}

// linkedModules gives the folders of the modules that a binary for Linux contains.
func linkedModules(t *testing.T, cgo string) map[string]string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, ".")
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED="+cgo)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	folders := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if module, folder, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			folders[module] = folder
		}
	}
	return folders
}

// licenceIn tells a module's licence by the file that comes with it.
func licenceIn(t *testing.T, folder string) string {
	t.Helper()
	for _, name := range []string{"LICENSE", "LICENSE.txt", "COPYING"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		begin := strings.Join(strings.Fields(string(text[:min(len(text), 1500)])), " ") // what follows may be of parts
		for licence, words := range licenceWords {
			if strings.Contains(begin, words) {
				return licence
			}
		}
	}
	return "unknown, in " + folder
}
