package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettingsReference holds docs/reference/settings.md against the flags of jobdb serve.
func TestSettingsReference(t *testing.T) {
	const file = "../../docs/reference/settings.md"
	want := settingsReference(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/reference/settings.md isn't as the settings are; go test ./cmd/jobdb -run Reference -update (- wanted, + there):\n%s", diff)
	}
}

func settingsReference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Settings of the server

Settings of ` + "`jobdb serve`" + ` come from flags, the environment and a file (` + "`--config`" + `, JSON with the names of the flags without their dashes):
a flag takes precedence over a variable, and a variable over the file. ` + "`jobdb config`" + ` prints them all, with where each comes from. A list is
written with commas between its values, in the file as a JSON list. [docs/operating.md](../operating.md) says which ones matter when.

This page is made from the program: ` + "`go test ./cmd/jobdb -run Reference -update`" + `.

| flag | variables | default | meaning |
| --- | --- | --- | --- |
`)
	for _, flag := range serveFlags(t) {
		name := "`--" + flag.Name
		if value := flag.PlaceHolder; value != "" {
			name += " " + strings.Trim(value, `"`)
		}
		standard := "`" + flag.Default + "`"
		switch {
		case flag.Name == "data-dir":
			standard = "`~/.local/share/jobdb`"
		case flag.Default == "":
			standard = ""
		}
		help := flag.Help
		if flag.Default != "" { // it has a column
			help = strings.TrimSuffix(help, " Default: "+flag.Default+".")
		}
		variables := "`" + strings.Join(flag.Envs, "`, `") + "`"
		fmt.Fprintf(&b, "| %s` | %s | %s | %s |\n", name, variables, standard, strings.ReplaceAll(help, "|", `\|`))
	}
	return b.String()
}
