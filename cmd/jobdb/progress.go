package main

import (
	"fmt"
	"io"
	"time"
)

// progress shows how far a command is, on one line of standard error if that is a terminal.
type progress struct {
	w      io.Writer // nil if there is no terminal
	clock  func() time.Time
	format string // for two numbers: done and total
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

// at shows how many are done, at most five times a second.
func (b *progress) at(done int) {
	now := b.clock()
	if b.w == nil || now.Sub(b.last) < 200*time.Millisecond {
		return
	}
	b.last, b.shown = now, true
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K"+b.format, done, b.total) // an error does no harm
}

// end takes the line away.
func (b *progress) end() {
	if b.shown {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
	}
}
