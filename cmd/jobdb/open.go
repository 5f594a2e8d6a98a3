package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"

	"jobdb/choose"
)

type openCommand struct {
	Server string   `help:"URL of the server. Default: ${default}." default:"http://127.0.0.1:8000" env:"JOBDB_URL,DIRACX_URL" placeholder:"URL"`
	Print  bool     `help:"Print the address instead of opening it."`
	Jobs   []string `arg:"" optional:"" help:"ID of a job, or conditions for a list of jobs."`
}

// Help is printed by jobdb open --help.
func (*openCommand) Help() string {
	return `Opens the page of a job, or of the jobs that conditions choose, in the browser (BROWSER, or the system's own).

Examples:

  jobdb open 12 --print
  jobdb open Status=Failed since=2d --print` + chooseHelp
}

// Run opens the page.
func (c *openCommand) Run(ctx context.Context, p *program) error {
	base, err := serverURL("--server", c.Server)
	if err != nil {
		return err
	}
	address, err := c.address(p, base)
	if err != nil {
		return err
	}
	if c.Print {
		_, err := fmt.Fprintln(p.stdout, address)
		return err
	}
	browser := cmp.Or(os.Getenv("BROWSER"), map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS], "xdg-open")
	words := append(strings.Fields(browser), address)
	if err := exec.CommandContext(ctx, words[0], words[1:]...).Run(); err != nil { //nolint:gosec // the user's own choice
		return fmt.Errorf("open a browser: %w; the address is %s", err, address)
	}
	return nil
}

// address returns the page's URL of one job or of a list. That of a list has the terms as they were
// written, so that relative times stay relative.
func (c *openCommand) address(p *program, base string) (string, error) {
	reader := choose.Reader{Now: p.clock(), User: "?"}
	var chosen choose.Choice
	for _, term := range c.Jobs {
		if err := reader.Add(&chosen, term); err != nil {
			return "", usageError{err}
		}
	}
	text := strings.Join(c.Jobs, " ")
	line, err := reader.Line(text)
	switch {
	case len(chosen.Files) > 0:
		return "", usageError{errors.New("a page reads no files")}
	case err != nil || !reflect.DeepEqual(line, chosen):
		return "", usageError{errors.New(`in one line this means something else: put values with spaces in quotes, as in 'JobName="a b"'`)}
	}
	if len(chosen.IDs) == 1 && chosen.IDs[0].First == chosen.IDs[0].Last && len(chosen.Search) == 0 {
		return fmt.Sprintf("%s/#/job/%d", base, chosen.IDs[0].First), nil
	}
	if chosen.All() {
		return base + "/#/jobs", nil
	}
	return base + "/#/jobs?" + url.Values{"q": {text}}.Encode(), nil
}
