package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"
)

// progress tells how far something long is: on a terminal in one line that is rewritten, elsewhere in few lines.
type progress struct {
	what, unit  string
	total       int
	out         io.Writer
	terminal    bool
	start, said time.Time
}

const (
	clearLine    = "\r\x1b[K"
	barWidth     = 30
	terminalWait = 100 * time.Millisecond
	linesWait    = 30 * time.Second
)

func newProgress(what string, total int, unit string) *progress {
	start := time.Now()
	return &progress{what: what, unit: unit, total: total, out: os.Stderr, terminal: isTerminal(os.Stderr), start: start, said: start}
}

// at says that so many are done, unless it said something a short time ago.
func (p *progress) at(done int) {
	wait := linesWait
	if p.terminal {
		wait = terminalWait
	}
	if done < p.total && time.Since(p.said) < wait {
		return
	}
	p.said = time.Now()
	text := p.text(done, p.said.Sub(p.start))
	switch {
	case !p.terminal:
		text += "\n"
	case done >= p.total:
		text = clearLine + text + "\n"
	default:
		full := barWidth * done / p.total
		text = clearLine + "[" + strings.Repeat("#", full) + strings.Repeat(" ", barWidth-full) + "] " + text
	}
	fmt.Fprint(p.out, text) //nolint:errcheck // it only tells
}

func (p *progress) text(done int, took time.Duration) string {
	text := fmt.Sprintf("%s: %3d%% of %s %s", p.what, 100*done/p.total, grouped(p.total), p.unit)
	if rate := float64(done) / took.Seconds(); rate >= 10 && took > 0 {
		text += ", " + grouped(int(rate)) + " a second"
	}
	if done < p.total && done > 0 {
		return text + fmt.Sprintf(", %v left", (took*time.Duration(p.total-done)/time.Duration(done)).Round(time.Second))
	}
	return text + fmt.Sprintf(", %v", took.Round(time.Second/10))
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// logBesideProgress has lines of the log replace the line of progress, which is written again later.
func logBesideProgress() {
	if isTerminal(os.Stderr) {
		log.SetPrefix(clearLine + log.Prefix())
	}
}
