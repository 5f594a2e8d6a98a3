package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"jobdb/choose"
)

// topAction is an action that was begun and isn't confirmed yet.
type topAction struct {
	ids     []choose.IDs
	do      action
	make    func(reason string) action
	reason  string
	server  *client
	preview []string
	found   targets
	ready   []target // nil until the preview has come
}

// begin begins an action on the marked jobs with a preview of it.
func (m *top) begin(key string) tea.Cmd {
	ids := m.marked()
	if len(ids) == 0 {
		return nil
	}
	makes := map[string]func(reason string) action{
		"K": func(reason string) action { return killAction(m.quiet(nil), reason) },
		"R": func(reason string) action { return rescheduleAction(m.quiet(nil), false, reason) },
		"D": func(reason string) action { return deleteAction(m.quiet(nil), reason) },
	}[key]
	m.pending = &topAction{ids: ids, make: makes, do: makes("")}
	m.mode, m.line = inQuestion, ""
	pending := *m.pending
	return func() tea.Msg {
		var said bytes.Buffer
		p := m.quiet(&said)
		chosen := choose.Choice{IDs: pending.ids}
		server, err := m.connect()
		if err != nil {
			return topPreview{err: err}
		}
		found, err := server.findTargets(m.ctx, p, chosen)
		if err != nil {
			return topPreview{err: err}
		}
		ready := actFlags{}.preview(p, chosen, found, pending.do)
		return topPreview{text: said.String(), server: server, found: found, ready: ready}
	}
}

// quiet returns a copy of the program that prints to the writers given, not to the screen.
func (m *top) quiet(said *bytes.Buffer) *program {
	if said == nil {
		said = &bytes.Buffer{}
	}
	return &program{stdin: m.p.stdin, stdout: said, stderr: said, clock: m.p.clock}
}

// topPreview says what an action would do.
type topPreview struct {
	text   string
	server *client
	found  targets
	ready  []target
	err    error
}

func (m *top) takePreview(msg topPreview) {
	switch {
	case m.mode != inQuestion && m.mode != inReason || m.pending == nil:
		return
	case msg.err != nil:
		m.mode, m.pending, m.message = inList, nil, printable(msg.err.Error())
	case len(msg.ready) == 0:
		m.pending = nil
		m.read(printableLines(msg.text))
	default:
		m.pending.preview = strings.Split(strings.TrimRight(printableLines(msg.text), "\n"), "\n")
		m.pending.server, m.pending.found, m.pending.ready = msg.server, msg.found, msg.ready
	}
}

// question returns the question that confirms the action.
func (a *topAction) question() (text, want string) {
	n := len(a.ready)
	if n > confirmedByYes {
		return fmt.Sprintf("Type the number of jobs to %s them:", a.do.verb), strconv.Itoa(n)
	}
	return fmt.Sprintf("%s %s? [y/N]", capital(a.do.verb), plural(n, "job")), "y"
}

func (m *top) keyInQuestion(key tea.KeyPressMsg) tea.Cmd {
	if key.String() == "esc" || key.String() == "n" || key.String() == "q" {
		m.mode, m.pending, m.message = inList, nil, "nothing was changed"
		return nil
	}
	if m.pending.ready == nil {
		return nil // the preview hasn't come
	}
	_, want := m.pending.question()
	switch {
	case key.String() == "e":
		m.mode, m.line = inReason, m.pending.reason
	case want == "y" && key.String() == "y":
		return m.act()
	case want != "y" && key.String() == "enter":
		if strings.ReplaceAll(m.line, ",", "") == want {
			return m.act()
		}
		m.message = "that is another number"
	case want != "y":
		m.edit(key)
	}
	return nil
}

// act does what was confirmed, in the background.
func (m *top) act() tea.Cmd {
	a := *m.pending
	m.mode, m.pending, m.line = inList, nil, ""
	m.message = fmt.Sprintf("%s: %s under way …", a.do.verb, plural(len(a.ready), "job"))
	return func() tea.Msg {
		var said bytes.Buffer
		p := m.quiet(&said)
		do := a.make(a.reason)
		results := a.found.outcomes(do)
		stopped := a.server.actOn(m.ctx, p, a.ready, do, results)
		_ = actFlags{}.conclude(p, results, do, stopped) // its messages are in said
		return topDone{said.String()}
	}
}

// topDone says what became of an action.
type topDone struct{ text string }

// takeDone shows the outcome, in place of the list if it has more than one line, and asks for the
// jobs again.
func (m *top) takeDone(msg topDone) tea.Cmd {
	text := strings.TrimSpace(printableLines(msg.text))
	if first, rest, several := strings.Cut(text, "\n"); !several {
		m.message = first
	} else if m.mode == inList {
		m.read(text)
	} else {
		m.message = first + " " + strings.ReplaceAll(rest, "\n", "; ")
	}
	clear(m.marks)
	return m.refresh()
}

// topDetails is the answer to askDetails: a job as jobdb show prints it.
type topDetails struct {
	text string
	err  error
}

// askDetails asks for all of the job under the cursor.
func (m *top) askDetails() tea.Cmd {
	if len(m.jobs) == 0 {
		return nil
	}
	id, width := m.jobs[m.at].JobID, m.width
	return func() tea.Msg {
		d, _, err := m.server.job(m.ctx, id)
		if err != nil {
			return topDetails{err: err}
		}
		s := sheet{width: width, colours: true, now: m.server.now(m.p)}
		s.job(d)
		return topDetails{text: s.String()}
	}
}

func (m *top) takeDetails(msg topDetails) {
	switch {
	case msg.err != nil:
		m.message = printable(msg.err.Error())
	case m.mode == inList:
		m.read(strings.TrimRight(msg.text, "\n"))
	}
}
