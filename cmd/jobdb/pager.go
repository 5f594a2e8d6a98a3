package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// pager shows on a terminal what is longer than it.
type pager struct {
	program *program
	height  int
	waiting bytes.Buffer // what is shown when it turns out to be short
	command *exec.Cmd    // nil as long as all fits
	in      io.WriteCloser
}

// errPagerClosed says that somebody has seen enough.
var errPagerClosed = errors.New("the pager was closed")

func newPager(p *program) *pager {
	_, height := terminalSize(p.stdout)
	return &pager{program: p, height: height}
}

// terminalSize is how many columns and lines the terminal has; 0 where it is none, or doesn't tell.
// COLUMNS and LINES take precedence.
func terminalSize(w any) (columns, lines int) {
	if !isTerminal(w) {
		return 0, 0
	}
	columns, lines, _ = term.GetSize(int(w.(*os.File).Fd())) //nolint:forcetypeassert // isTerminal says so
	return cmp.Or(number("COLUMNS"), columns, 80), cmp.Or(number("LINES"), lines, 24)
}

func number(variable string) int {
	n, _ := strconv.Atoi(os.Getenv(variable))
	return max(0, n)
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
	if err != nil { // then all of it goes to the terminal at the end
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
		return nil // how a pager ends is no matter of ours
	}
	return err
}

func closedPager(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return errPagerClosed
	}
	return err
}
