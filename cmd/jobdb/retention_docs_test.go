package main

import (
	"os"
	"strings"
	"testing"

	"jobdb/wms"
)

// TestRetentionDocs reads the files that docs/retention.md shows, and sees to it that scripts run its
// commands.
func TestRetentionDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/retention.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, block := range strings.Split(string(text), "```") {
		if file, ok := strings.CutPrefix(block, "json"); ok && i%2 == 1 {
			files = append(files, file)
		}
	}
	if len(files) != 2 {
		t.Fatalf("%d files are shown, want 2", len(files))
	}
	if _, err := wms.ReadRetention(strings.NewReader(files[0])); err != nil {
		t.Error(err)
	}
	if _, err := wms.ReadStalled(strings.NewReader(files[1])); err != nil {
		t.Error(err)
	}
	var scripts []byte
	for _, name := range []string{"retention", "backup"} {
		script, err := os.ReadFile("testdata/script/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, script...)
	}
	shown := 0
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "jobdb ")
		if !ok || !strings.HasPrefix(line, "    ") {
			continue
		}
		shown++
		run, isServer := strings.CutPrefix(command, "serve ")
		wanted := "\nexec jobdb " + command + "\n"
		if isServer {
			wanted = "\nserver start " + run
		}
		if !strings.Contains(string(scripts), wanted) {
			t.Errorf("no script runs %q", "jobdb "+command)
		}
	}
	if shown < 8 {
		t.Errorf("only %d commands are shown", shown)
	}
}
