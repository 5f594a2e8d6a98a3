package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"jobdb/jdl"
)

type jdlCommands struct {
	Check  jdlCheckCommand  `cmd:"" help:"Look for mistakes in JDL files."`
	Expand jdlExpandCommand `cmd:"" help:"Print the JDL of each job that a file describes."`
	Show   jdlShowCommand   `cmd:"" help:"Print the attributes of a JDL file as DIRAC reads them."`
}

type jdlCheckCommand struct {
	Files  []string `arg:"" name:"file" help:"JDL file; - is standard input."`
	Strict bool     `help:"Warnings count as errors."`
	Output string   `short:"o" help:"Format: text or json." default:"text" enum:"text,json"`
}

// Help is printed by jobdb jdl check --help.
func (*jdlCheckCommand) Help() string {
	return `Prints what is wrong in each file, with its line and column, and what was likely meant: as an error if DIRAC refuses the
text or would silently lose a part of it, and as a warning if it takes what was likely not meant. No server is asked. The
exit code is 1 if there is an error.

Examples:

  jobdb jdl check hello.jdl
  jobdb jdl check --strict hello.jdl
  jobdb jdl check *.jdl
  jobdb jdl check -o json hello.jdl`
}

// Run checks the files.
func (c *jdlCheckCommand) Run(p *program) error {
	found, err := p.checkFiles(c.Files)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = writeJSON(p.stdout, found)
	} else {
		err = writeFindings(p.stdout, found)
	}
	if err != nil {
		return err
	}
	if stops(found, c.Strict) {
		return errReported
	}
	return nil
}

// fileFinding is a finding in one of several files.
type fileFinding struct {
	File     string       `json:"file"`
	Line     int          `json:"line"`
	Column   int          `json:"column"`
	Severity jdl.Severity `json:"severity"`
	Message  string       `json:"message"`
}

// checkFiles reads and checks files.
func (p *program) checkFiles(names []string) (found []fileFinding, err error) {
	found = []fileFinding{}
	for _, name := range names {
		text, err := p.readFile(name)
		if err != nil {
			return nil, err
		}
		found = append(found, checkText(name, text)...)
	}
	return found, nil
}

func checkText(name, text string, given ...string) (found []fileFinding) {
	for _, f := range jdl.Check(text, given...) {
		found = append(found, fileFinding{name, f.Line, f.Column, f.Severity, f.Message})
	}
	return found
}

// stops reports whether some finding is so bad that nothing is submitted.
func stops(found []fileFinding, strict bool) bool {
	for _, f := range found {
		if strict || f.Severity == jdl.Mistake {
			return true
		}
	}
	return false
}

func writeFindings(w io.Writer, found []fileFinding) error {
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%s:%d:%d: %s: %s\n", f.File, f.Line, f.Column, f.Severity, printable(f.Message)); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// readFile reads a file, or standard input if its name is "-", and says which it was if it can't.
func (p *program) readFile(name string) (string, error) {
	from := p.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close() //nolint:errcheck // it was only read
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, longestJDL+1))
	if len(text) > longestJDL {
		return "", fmt.Errorf("%s has more than %d MB, too much for a JDL; is it the right file?", name, longestJDL>>20)
	}
	return string(text), err
}

// longestJDL is the maximum size in bytes of a file of JDL. By default a server takes no larger
// request.
const longestJDL = 10 << 20

type jdlExpandCommand struct {
	jdlChanges

	File   string `arg:"" help:"JDL file; - is standard input."`
	Output string `short:"o" help:"Format: text, with an empty line between jobs, or json." default:"text" enum:"text,json"`
}

// Help is printed by jobdb jdl expand --help.
func (*jdlExpandCommand) Help() string {
	return `Prints what submit would submit, a JDL for each job. No server is asked.

Examples:

  jobdb jdl expand scan.jdl
  jobdb jdl expand --param x=1..3 --set JobGroup=test scan.jdl` + changesHelp
}

// Run prints the jobs.
func (c *jdlExpandCommand) Run(p *program) error {
	text, err := p.readFile(c.File)
	if err != nil {
		return err
	}
	jobs, err := c.jobs(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.Output == "json" {
		return writeJSON(p.stdout, jobs)
	}
	screen := outputFlags{}.sanitized(p, unpaged{p.stdout})
	_, err = io.WriteString(screen, strings.Join(jobs, "\n\n")+"\n")
	return errors.Join(err, screen.Close())
}

type jdlShowCommand struct {
	File   string `arg:"" help:"JDL file; - is standard input."`
	Output string `short:"o" help:"Format: text, with an item of a list on each line, or json." default:"text" enum:"text,json"`
}

// Help is printed by jobdb jdl show --help.
func (*jdlShowCommand) Help() string {
	return `Prints each attribute and its value as DIRAC reads them, which need not be how they were meant: see jobdb jdl check. Of a
parametric JDL it is the text before its jobs are made. No server is asked.

Examples:

  jobdb jdl show hello.jdl
  jobdb jdl show -o json hello.jdl`
}

// Run prints the attributes.
func (c *jdlShowCommand) Run(_ context.Context, p *program) error {
	text, err := p.readFile(c.File)
	if err != nil {
		return err
	}
	ad, err := readAsStored(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	values := make(map[string]any, len(ad.Names()))
	for _, name := range ad.Names() {
		values[name] = ad.Text(name)
		if items, ok := ad.Items(name); ok {
			values[name] = items
		}
	}
	if c.Output == "json" {
		return writeJSON(p.stdout, values)
	}
	for _, name := range ad.Names() {
		shown := values[name]
		if items, ok := shown.([]string); ok {
			shown = strings.Join(items, "\n  ")
			if len(items) > 0 {
				shown = "\n  " + strings.Join(items, "\n  ")
			}
		}
		if _, err := fmt.Fprintf(p.stdout, "%s: %s\n", printable(name), printableLines(fmt.Sprint(shown))); err != nil {
			return err
		}
	}
	return nil
}

// readAsStored parses a text, and then what it became, as DIRAC does before it stores it.
func readAsStored(text string) (*jdl.Ad, error) {
	manifest, err := jdl.ParseManifest(text)
	if err != nil {
		return nil, err
	}
	written, err := manifest.JDL()
	if err != nil {
		return nil, err
	}
	ad, err := jdl.ParseAd(written)
	if err != nil {
		return nil, errors.New("there is no attribute in it")
	}
	return ad, nil
}

// printableLines is printable for a text of several lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
