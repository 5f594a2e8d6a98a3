package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// pager is a writer that starts the user's pager once the text is longer than the terminal.
type pager struct {
	program *program
	height  int
	waiting bytes.Buffer // the text so far, until the pager is started
	command *exec.Cmd    // nil until the pager is started
	in      io.WriteCloser
}

// errPagerClosed means that the user has left the pager before the end.
var errPagerClosed = errors.New("the pager was closed")

func newPager(p *program) *pager {
	_, height := terminalSize(p.stdout)
	return &pager{program: p, height: height}
}

func (g *pager) Write(b []byte) (int, error) {
	if g.command == nil {
		g.waiting.Write(b)
		if bytes.Count(g.waiting.Bytes(), []byte("\n")) < g.height || !g.start() {
			return len(b), nil
		}
		_, err := g.in.Write(g.waiting.Bytes())
		return len(b), closedPager(err)
	}
	n, err := g.in.Write(b)
	return n, closedPager(err)
}

// start runs the pager, and reports whether there is one.
func (g *pager) start() bool {
	words := strings.Fields(cmp.Or(os.Getenv("JOBDB_PAGER"), os.Getenv("PAGER"), "less"))
	command := exec.Command(words[0], words[1:]...) //nolint:gosec,noctx // the user's own choice; it ends when the user leaves it
	command.Stdout, command.Stderr = g.program.stdout, g.program.stderr
	command.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		command.Env = append(command.Env, "LESS=FRX")
	}
	in, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil { // then Close prints the text
		g.height = int(^uint(0) >> 1)
		return false
	}
	g.command, g.in = command, in
	return true
}

// Close shows what fits, or waits until the user leaves the pager.
func (g *pager) Close() error {
	if g.command == nil {
		_, err := g.program.stdout.Write(g.waiting.Bytes())
		return err
	}
	err := closedPager(g.in.Close())
	if waited := g.command.Wait(); waited != nil && err == nil {
		return nil // the pager's exit code doesn't matter
	}
	return err
}

func closedPager(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return errPagerClosed
	}
	return err
}
