package jdl_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"jobdb/jdl"
)

var update = flag.Bool("update", false, "write what Check finds into testdata/check.txtar")

// TestCheck compares what is found in each text of a list with what is written behind it.
func TestCheck(t *testing.T) {
	const path = "testdata/check.txtar"
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []txtar.File
	for _, file := range archive.Files {
		if strings.HasPrefix(file.Name, "finds:") {
			continue
		}
		var lines strings.Builder
		for _, f := range jdl.Check(string(file.Data)) {
			lines.WriteString(f.String() + "\n")
		}
		found = append(found, file, txtar.File{Name: "finds: " + file.Name, Data: []byte(lines.String())})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: found}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(archive.Files, found); diff != "" && !*update {
		t.Errorf("-want +found:\n%s", diff)
	}
}

// TestCheckHolds cuts pieces out of texts, and puts them elsewhere: there is no panic, and what is
// found to have no mistake can be read.
func TestCheckHolds(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/check.txtar")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for range 20 {
		for _, file := range archive.Files {
			text := string(file.Data)
			if text == "" {
				continue
			}
			from := random.IntN(len(text))
			to := min(len(text), from+random.IntN(5))
			at := random.IntN(from + 1)
			text = text[:at] + text[from:to] + text[at:from] + text[to:]
			if jdl.HasMistake(jdl.Check(text)) {
				continue
			}
			passed++
			if _, err := jdl.ParseManifest(text); err != nil {
				t.Errorf("nothing was found in %q, but: %v", text, err)
			}
		}
	}
	if passed < 100 {
		t.Errorf("only %d texts have no mistake", passed)
	}
}

// TestSemicolonInText shows what Check says of a semicolon within a text.
func TestSemicolonInText(t *testing.T) {
	manifest, err := jdl.ParseManifest(`Executable = "/bin/sh"; Arguments = "-c 'cd x; ls'";`)
	if err != nil {
		t.Fatal(err)
	}
	written, err := manifest.JDL()
	if err != nil {
		t.Fatal(err)
	}
	ad, err := jdl.ParseAd(written)
	if err != nil {
		t.Fatal(err)
	}
	if got := ad.Text("Arguments"); got != "-c 'cd x" {
		t.Errorf("Arguments is %q", got)
	}
}

// refusedLater are descriptions of which Check says that the rules will refuse them.
var refusedLater = regexp.MustCompile(`^(cpu time that|cpu time of two|priority with|no priority|names of any kind)`)

// TestCheckLeavesGood finds no mistake in descriptions as users and productions write them.
func TestCheckLeavesGood(t *testing.T) {
	for _, name := range []string{"plain", "parametric"} {
		archive, err := txtar.ParseFile("../wms/testdata/jdl/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if name == "parametric" && !strings.Contains(file.Name, "documentation") || refusedLater.MatchString(file.Name) {
				continue
			}
			if found := jdl.Check(string(file.Data)); jdl.HasMistake(found) {
				t.Errorf("%s:\n%s\n%v", file.Name, file.Data, found)
			}
		}
	}
}
