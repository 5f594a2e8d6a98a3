package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is longer than the terminal goes to the pager, what is shorter doesn't; one that is left early
// ends the output, and one that isn't there is done without.
func TestPager(t *testing.T) {
	if _, err := os.Stat("/bin/sed"); err != nil {
		t.Skip("!!! NOT TESTED: there is no /bin/sed to be a pager")
	}
	for name, test := range map[string]struct {
		command, text, want string
	}{
		"short":   {"/bin/sed s/^/page:/", "a\nb\n", "a\nb\n"},
		"long":    {"/bin/sed s/^/page:/", "a\nb\nc\nd\n", "page:a\npage:b\npage:c\npage:d\n"},
		"missing": {"/nowhere/pager", "a\nb\nc\nd\n", "a\nb\nc\nd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("JOBDB_PAGER", test.command)
			file, err := os.Create(filepath.Join(t.TempDir(), "screen"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			g := &pager{program: &program{stdout: file, stderr: file}, height: 3}
			for line := range strings.Lines(test.text) {
				if _, err := g.Write([]byte(line)); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(file.Name()); err != nil || string(got) != test.want {
				t.Errorf("%v %q", err, got)
			}
		})
	}
	t.Setenv("JOBDB_PAGER", "/bin/true")
	g := &pager{program: &program{stdout: os.Stderr, stderr: os.Stderr}, height: 1}
	var err error
	for range 100_000 {
		if _, err = g.Write([]byte("a line that nobody reads\n")); err != nil {
			break
		}
	}
	if !errors.Is(err, errPagerClosed) {
		t.Errorf("a pager that is closed: %v", err)
	}
	_ = g.Close()
}
