package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommandLineDocument runs every line of the blocks of docs/command-line.md, on a server with a
// few jobs, and compares what it shows, but for numbers and widths.
func TestCommandLineDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(sh|text)\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	withJobs(t, func(string) string { return "60" }, func(run func(string) (string, int)) {
		said := ""
		for _, block := range blocks {
			if block[1] == "text" {
				if got, want := masked(said), masked(block[2]); got != want {
					t.Errorf("the document shows\n%s\nand not\n%s", block[2], said)
				}
				continue
			}
			for line := range strings.Lines(block[2]) {
				if strings.HasPrefix(line, "export JOBDB_URL=") {
					continue // the test's own server has another address
				}
				out, code := run(line)
				if said = out; code != 0 {
					t.Errorf("exit code %d of %s%s", code, line, out)
				}
			}
		}
	})
}

// masked leaves of a text what is the same each time.
func masked(text string) string {
	text = regexp.MustCompile(`[0-9]+`).ReplaceAllString(text, "0")
	return strings.TrimSpace(regexp.MustCompile(` *\n`).ReplaceAllString(regexp.MustCompile(`  +`).ReplaceAllString(text, "  "), "\n"))
}

// notExamples are commands whose examples need servers, databases or issuers of their own; scripts
// run them.
var notExamples = regexp.MustCompile(`jobdb (serve|config|import|shadow|schema|parameters|counts|migrate|token|login|logout|backup|restore|check|purge|stalled|demo)\b`)

// endless are commands that go on until somebody ends them, which happens to their examples soon.
var endless = regexp.MustCompile(`jobdb (watch|wait)\b`)

func endlessSoon(line string) string {
	if endless.MatchString(line) {
		return "0.5"
	}
	return "60"
}

// TestHelpExamples runs the examples of each command's help on a server with a few jobs: none is
// wrong usage. Where somebody would be asked, nobody is there.
func TestHelpExamples(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("jobdb"), kong.Vars{"data_dir": "data", "user": "alice"})
	if err != nil {
		t.Fatal(err)
	}
	withJobs(t, endlessSoon, func(run func(string) (string, int)) {
		for _, node := range parser.Model.Leaves(true) {
			if notExamples.MatchString(node.FullPath()) || node.Name == "version" {
				continue
			}
			help, ok := reflect.TypeAssert[interface{ Help() string }](node.Target.Addr())
			examples := 0
			if ok {
				for line := range strings.Lines(help.Help()) {
					if !regexp.MustCompile(`^  (\S.*)?\bjobdb `).MatchString(line) {
						continue
					}
					examples++
					out, code := run(line)
					if !isGoodExample(node, line, out, code) {
						t.Errorf("exit code %d of %s%s", code, line, out)
					}
				}
			}
			if examples == 0 {
				t.Errorf("%s --help has no examples", node.FullPath())
			}
		}
	})
}

// isGoodExample reports whether an example ended as it should: none is wrong usage.
func isGoodExample(node *kong.Node, line, out string, code int) bool {
	switch {
	case code == 0 || code == exitRefused || endless.MatchString(line) && code != exitUsage:
		return true
	case node.Name == "check":
		return code == exitError // mistakes, in files that are not of the examples' own
	}
	return strings.Contains(out, "nobody is there to answer") || strings.Contains(out, "top needs a terminal")
}

// withJobs starts a server with jobs in a folder of files that examples read. run runs a line of a
// shell, and returns all that it printed.
// A line is interrupted after so many seconds.
func withJobs(t *testing.T, seconds func(line string) string, do func(run func(line string) (string, int))) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "lines.txtar")
	if err := os.WriteFile(script, []byte(jobsForExamples), 0o600); err != nil {
		t.Fatal(err)
	}
	runScriptsWith(t, filepath.Dir(script), nil, func(ts *testscript.TestScript, _ bool, _ []string) {
		do(func(line string) (string, int) {
			command := exec.Command("timeout", "--preserve-status", "--signal=INT", "--kill-after=5", seconds(line), "sh", "-c", line)
			command.Dir = ts.MkAbs(".")
			command.Env = append(environment(ts), "JOBDB_URL="+ts.Getenv("JOBDB_URL"), "JOBDB_TOKEN="+ts.Getenv("JOBDB_TOKEN"), "BROWSER=true")
			out, _ := command.CombinedOutput() // its exit code says it
			return string(out), command.ProcessState.ExitCode()
		})
	})
}

const jobsForExamples = `server start
exec jobdb token --user alice --vo lhcb --property NormalUser --property JobAdministrator
setenv JOBDB_TOKEN stdout
exec jobdb submit hello.jdl hello.jdl hello.jdl hello.jdl hello.jdl
exec jobdb submit cern.jdl hello.jdl hello.jdl hello.jdl hello.jdl hello.jdl hello.jdl
lines
-- hello.jdl --
JobName = "hello"; Executable = "/bin/echo"; JobGroup = "prod";
-- cern.jdl --
JobName = "cern"; Executable = "/bin/echo"; Site = "LCG.CERN.cern";
-- scan.jdl --
JobName = "scan"; Executable = "/bin/echo"; Arguments = "%(x)s";
-- ids.txt --
1
2
-- std.out --
the last line
`
