package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressText(t *testing.T) {
	p := &progress{what: "sqlite: filling", unit: "jobs", total: 1_000_000}
	for _, test := range []struct {
		done int
		took time.Duration
		want string
	}{
		{250_000, 10 * time.Second, "sqlite: filling:  25% of 1,000,000 jobs, 25,000 a second, 30s left"},
		{1_000_000, 50 * time.Second, "sqlite: filling: 100% of 1,000,000 jobs, 20,000 a second, 50s"},
		{0, time.Second, "sqlite: filling:   0% of 1,000,000 jobs, 1s"},
		{50, 100 * time.Second, "sqlite: filling:   0% of 1,000,000 jobs, 555h31m40s left"},
	} {
		if got := p.text(test.done, test.took); got != test.want {
			t.Errorf("%d after %v: %q, want %q", test.done, test.took, got, test.want)
		}
	}
}

// A terminal has one line that is rewritten; elsewhere are few lines.
func TestProgressLines(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		p := &progress{what: "x", unit: "jobs", total: 100, out: &out, terminal: terminal, start: time.Now(), said: time.Now()}
		for done := range 101 {
			p.said = p.said.Add(-terminalWait / 10)
			p.at(done)
		}
		rewritten := strings.Count(out.String(), clearLine)
		if lines := strings.Count(out.String(), "\n"); lines != 1 || terminal != (rewritten > 3) || rewritten > 20 {
			t.Errorf("terminal %v: %d lines, %d times rewritten: %q", terminal, lines, rewritten, out.String())
		}
	}
}
