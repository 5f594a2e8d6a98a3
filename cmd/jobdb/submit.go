package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

type submitCommand struct {
	clientSettings

	Files []string `arg:"" name:"file" help:"JDL file; - is standard input."`
}

// Help is printed by jobdb submit --help.
func (*submitCommand) Help() string {
	return `Each file describes one job, or with Parameters several. The IDs of the new jobs are printed, one a line, in the order of the
files. If a file can't be read, nothing is submitted. If the server refuses one, the others are still submitted.

Examples:

  echo 'Executable = "/bin/echo"; Arguments = "hello"; JobName = "hello";' | jobdb submit -
  jobdb submit *.jdl >ids` + whoHelp
}

// Run submits the files.
func (c *submitCommand) Run(ctx context.Context, p *program) error {
	texts := make([]string, len(c.Files))
	failed := false
	for i, name := range c.Files {
		var err error
		if texts[i], err = p.readText(name); err != nil {
			p.say("jobdb: %v", err)
			failed = true
		}
	}
	if failed {
		p.say("jobdb: nothing was submitted")
		return errReported
	}
	server, err := c.client(p)
	if err != nil {
		return err
	}
	for first := 0; first < len(texts); first += submittedTogether {
		last := min(first+submittedTogether, len(texts))
		if !submitTogether(ctx, p, server, c.Files[first:last], texts[first:last]) {
			failed = true
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// readText reads a file, or standard input if its name is "-".
func (p *program) readText(name string) (string, error) {
	var (
		text []byte
		err  error
	)
	if name == "-" {
		text, err = io.ReadAll(p.stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return "", err
	}
	if !utf8.Valid(text) {
		return "", fmt.Errorf("%s: it is not a text in UTF-8", name)
	}
	return string(text), nil
}

// submittedTogether is how many jobs one request submits: as many as DiracX lets it.
const submittedTogether = 20

// submitTogether submits files in one request or, if the server refuses that, each by itself. It says
// which failed, and reports whether none did.
func submitTogether(ctx context.Context, p *program, server *client, names, texts []string) bool {
	err := submit(ctx, p, server, texts)
	if err == nil {
		return true
	}
	refused := (*refusalError)(nil)
	if len(texts) == 1 || !errors.As(err, &refused) || !refused.isOfBody() {
		for _, name := range names {
			p.say("jobdb: %s: %v", name, err)
		}
		return false
	}
	good := true
	for i := range texts {
		good = submitTogether(ctx, p, server, names[i:i+1], texts[i:i+1]) && good
	}
	return good
}

func submit(ctx context.Context, p *program, server *client, texts []string) error {
	a, err := server.post(ctx, "/api/jobs/jdl", texts)
	if err != nil {
		return err
	}
	var jobs []struct{ JobID int64 }
	if err := json.Unmarshal(a.body, &jobs); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	for _, job := range jobs {
		if _, err := fmt.Fprintln(p.stdout, job.JobID); err != nil {
			return err
		}
	}
	return nil
}
