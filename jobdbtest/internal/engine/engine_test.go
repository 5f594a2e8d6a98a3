package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingProgramsSayWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, e := range All {
		nowhere := *e
		nowhere.folders = []string{"", t.TempDir()}
		_, err := nowhere.Start(t.Context(), false)
		if !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v, want ErrMissing", e.Name, err)
		} else if !strings.Contains(err.Error(), e.Install) {
			t.Errorf("%s: %q doesn't name %q", e.Name, err, e.Install)
		}
	}
}

func TestLookInPrefersTheNewestOfTheFirstFolder(t *testing.T) {
	root := t.TempDir()
	program := func(parts ...string) string {
		path := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program("14", "bin", "server")
	newest := program("15", "bin", "server")
	inPath := program("path", "server")
	t.Setenv("PATH", filepath.Dir(inPath))

	versions := filepath.Join(root, "1*", "bin")
	if got := lookIn([]string{versions, ""}, "server"); got != newest {
		t.Errorf("got %s, want %s", got, newest)
	}
	if got := lookIn([]string{"", versions}, "server"); got != inPath {
		t.Errorf("got %s, want %s", got, inPath)
	}
	if got := lookIn([]string{versions, ""}, "other"); got != "" {
		t.Errorf("got %s for a program that isn't there", got)
	}
}

// A server that can't start is told with its own words, and leaves no folder.
func TestFailedStartGivesTheServersMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: SQLite only")
	}
	for _, e := range All {
		t.Run(e.Name, func(t *testing.T) {
			if _, err := e.find(); err != nil {
				t.Skip(err) // what has to be tested is said by the tests of the engines
			}
			folder, err := os.MkdirTemp("", "jobdbtest-") //nolint:usetesting // t.TempDir is closed to other users
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(folder) })
			if err := os.Chmod(folder, 0o777|os.ModeSticky); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", folder)
			broken := *e
			broken.fast = "--no-such-setting=1"
			server, err := broken.Start(t.Context(), false)
			if err == nil {
				server.Stop()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), "no-such-setting") && !strings.Contains(err.Error(), "no_such_setting") {
				t.Errorf("the server's message is not in: %v", err)
			}
			if left, _ := os.ReadDir(folder); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
