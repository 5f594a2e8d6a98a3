package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

type watchCommand struct {
	Summary watchSummaryCommand `cmd:"" default:"withargs" help:"Numbers of jobs, again and again (the default)."`
	Search  watchSearchCommand  `cmd:"" help:"A list of jobs, again and again."`
}

// Help is printed by jobdb watch --help.
func (*watchCommand) Help() string {
	return `Shows a summary or a search again and again, until Ctrl-C. Where standard output is no terminal it prints each, with the time
above it.

Examples:

  jobdb watch
  jobdb watch --mine --by Status,Site
  jobdb watch search --mine --status Running --every 10s`
}

// watchFlags say how often it is shown.
type watchFlags struct {
	Every time.Duration `help:"Show it this often." default:"5s" placeholder:"TIME"`
	Count int           `help:"End after so many times. Default: never." placeholder:"N"`
}

type watchSummaryCommand struct {
	watchFlags
	summaryCommand
}

// Help is printed by jobdb watch summary --help.
func (*watchSummaryCommand) Help() string {
	return `Shows jobdb summary again and again.

Examples:

  jobdb watch summary --by Site since=1d
  jobdb watch summary --count 2 --every 1s` + chooseHelp + whoHelp
}

// Run shows summaries.
func (c *watchSummaryCommand) Run(ctx context.Context, p *program) error {
	return c.watch(ctx, p, &c.outputFlags, c.summaryCommand.Run)
}

type watchSearchCommand struct {
	watchFlags
	searchCommand
}

// Help is printed by jobdb watch search --help.
func (*watchSearchCommand) Help() string {
	return `Shows jobdb search again and again: as many jobs as fit, the newest first.

Examples:

  jobdb watch search --mine
  jobdb watch search Status=Failed since=1h --sort LastUpdateTime:desc` + chooseHelp + whoHelp
}

// Run shows searches.
func (c *watchSearchCommand) Run(ctx context.Context, p *program) error {
	return c.watch(ctx, p, &c.outputFlags, func(ctx context.Context, shown *program) error {
		again := c.searchCommand // a run writes into its flags
		if _, lines := terminalSize(p.stdout); again.Limit == nil && !again.All && lines > 0 {
			limit := max(1, lines-4)
			again.Limit = &limit
		}
		return again.Run(ctx, shown)
	})
}

// watch runs a command again and again, and shows what it prints.
func (f watchFlags) watch(ctx context.Context, p *program, form *outputFlags, run func(context.Context, *program) error) error {
	if f.Every < time.Second {
		return usageError{errors.New("--every must be at least 1s")}
	}
	if f.Count < 0 {
		return usageError{errors.New("--count can't be negative")}
	}
	screen := newScreen(p, f.Every)
	if form.colours(p) {
		form.Color = "always"
	}
	form.NoPager, form.watched = true, screen.isTerminal
	if err := screen.open(); err != nil {
		return err
	}
	defer screen.close()
	for n := 1; ; n++ {
		var out, said bytes.Buffer
		shown := &program{stdin: p.stdin, stdout: &out, stderr: &said, clock: p.clock}
		err := run(ctx, shown)
		if ended := shown.end(); err == nil {
			err = ended
		}
		usage := usageError{}
		switch {
		case ctx.Err() != nil:
			return nil // Ctrl-C is how to leave
		case errors.As(err, &usage) || err != nil && n == 1:
			screen.close()
			return err
		case err != nil:
			fmt.Fprintf(&said, "jobdb: %v\n", err)
		}
		if err := screen.show(out.String(), said.String()); err != nil {
			return err
		}
		if n == f.Count || sleep(ctx, f.Every) != nil {
			return nil
		}
	}
}

// screen is where watch shows something: all of a terminal, or standard output.
type screen struct {
	p          *program
	w          io.Writer
	isTerminal bool
	isOpen     bool
	every      time.Duration
	last       string // what was shown last
}

func newScreen(p *program, every time.Duration) *screen {
	return &screen{p: p, w: p.stdout, isTerminal: isTerminal(p.stdout), every: every}
}

// open switches to the terminal's alternate screen, without a cursor.
func (s *screen) open() error {
	if !s.isTerminal {
		return nil
	}
	s.isOpen = true
	_, err := io.WriteString(s.w, "\x1b[?1049h\x1b[?25l")
	return err
}

// close switches back, and prints there what was shown last.
func (s *screen) close() {
	if s.isOpen {
		s.isOpen = false
		_, _ = io.WriteString(s.w, "\x1b[?25h\x1b[?1049l"+s.last) // there is nowhere left to complain
	}
}

// show shows an output with the messages below it. After an error the last output stays.
func (s *screen) show(text, said string) error {
	now := s.p.clock().Format(time.DateTime)
	if !s.isTerminal {
		if _, err := io.WriteString(s.p.stderr, said); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.w, "%s\n%s\n", now, text)
		return err
	}
	if text != "" {
		s.last = text
	}
	columns, lines := terminalSize(s.w)
	head := fmt.Sprintf("%s, every %v; Ctrl-C ends", now, s.every)
	shown := strings.Split(strings.TrimRight(head+"\n\n"+s.last+said, "\n"), "\n")
	if len(shown) > lines-1 {
		shown = append(shown[:max(0, lines-2)], fmt.Sprintf("… %d more lines", len(shown)-lines+2))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range shown {
		b.WriteString(ansi.Truncate(line, columns, "…") + "\x1b[0m\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(s.w, b.String())
	return err
}
