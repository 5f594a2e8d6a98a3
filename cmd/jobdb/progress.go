package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far a command came, on one line of standard error.
type progress struct {
	w      io.Writer // nil: nobody looks
	clock  func() time.Time
	format string // of how many and of how many in all
	total  int
	last   time.Time
	shown  bool
}

func (p *program) progress(format string, total int) *progress {
	bar := &progress{clock: p.clock, format: format, total: total, last: p.clock()}
	if isTerminal(p.stderr) {
		bar.w = p.stderr
	}
	return bar
}

// at shows a number, but not more often than anybody reads.
func (b *progress) at(done int) {
	now := b.clock()
	if b.w == nil || now.Sub(b.last) < 200*time.Millisecond {
		return
	}
	b.last, b.shown = now, true
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K"+b.format, done, b.total) // nothing is lost when it fails
}

// end takes the line away.
func (b *progress) end() {
	if b.shown {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
	}
}

// isTerminal reports whether somebody looks at what is written there.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
