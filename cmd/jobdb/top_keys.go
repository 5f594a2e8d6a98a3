package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"jobdb"
	"jobdb/choose"
)

const topKeys = `↑ ↓  j k       to another job; PgUp PgDn Home End
space  x       mark the job, or take its mark away
X              mark all jobs of the list, or take all marks away
/              filter: Status=Failed  site~^LCG  "JobName like prod%"  since=2d  mine  12 15-20
Enter          all that is known of the job
K  R  D        kill, reschedule, delete the marked jobs or, without marks, this one:
               what would be done is shown first
s              sort by the last change, or by the newest jobs
r              ask the server now
?              this text
q  Ctrl-C      leave`

// key handles a key in the list.
func (m *top) key(key tea.KeyPressMsg) tea.Cmd {
	if key.String() == "ctrl+c" {
		return tea.Quit
	}
	switch m.mode {
	case inFilter, inReason:
		return m.keyInLine(key)
	case inQuestion:
		return m.keyInQuestion(key)
	case inText:
		return m.keyInText(key)
	default:
		return m.keyInList(key)
	}
}

func (m *top) keyInList(key tea.KeyPressMsg) tea.Cmd {
	m.message = ""
	switch key.String() {
	case "up", "k":
		m.moveTo(m.at - 1)
	case "down", "j":
		m.moveTo(m.at + 1)
	case "pgup", "ctrl+b":
		m.moveTo(m.at - m.listHeight())
	case "pgdown", "ctrl+f":
		m.moveTo(m.at + m.listHeight())
	case "home", "g":
		m.moveTo(0)
	case "end", "G":
		m.moveTo(len(m.jobs) - 1)
	case "space", "x":
		m.mark()
	case "X":
		m.markAll()
	case "/":
		m.mode, m.line = inFilter, m.filter
	case "K", "R", "D":
		return m.begin(key.String())
	case "enter":
		return m.askDetails()
	case "s":
		m.byID = !m.byID
		return m.refresh()
	case "r":
		return m.refresh()
	case "?":
		m.read(topKeys)
	case "q":
		return tea.Quit
	case "esc":
		clear(m.marks)
	}
	return nil
}

// mark marks the job under the cursor, and goes on to the next.
func (m *top) mark() {
	if len(m.jobs) == 0 {
		return
	}
	if id := m.jobs[m.at].JobID; m.marks[id] {
		delete(m.marks, id)
	} else {
		m.marks[id] = true
	}
	m.moveTo(m.at + 1)
}

func (m *top) markAll() {
	if len(m.marks) > 0 {
		clear(m.marks)
		return
	}
	for _, job := range m.jobs {
		m.marks[job.JobID] = true
	}
}

// marked returns the marked jobs or, without marks, the one under the cursor.
func (m *top) marked() (ids []choose.IDs) {
	for _, job := range m.jobs {
		if m.marks[job.JobID] {
			ids = append(ids, choose.IDs{First: job.JobID, Last: job.JobID})
		}
	}
	if len(ids) == 0 && len(m.jobs) > 0 {
		id := m.jobs[m.at].JobID
		ids = append(ids, choose.IDs{First: id, Last: id})
	}
	return ids
}

// keyInLine handles a key while a line is written.
func (m *top) keyInLine(key tea.KeyPressMsg) tea.Cmd {
	switch key.String() {
	case "esc":
		m.leaveLine()
	case "enter":
		if m.mode == inReason {
			m.pending.reason = strings.TrimSpace(m.line)
			m.leaveLine()
			return nil
		}
		return m.setFilter(m.line)
	default:
		m.edit(key)
	}
	return nil
}

// edit changes the line that is being written.
func (m *top) edit(key tea.KeyPressMsg) {
	switch key.String() {
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.line)
		m.line = m.line[:len(m.line)-size]
	case "ctrl+u":
		m.line = ""
	case "ctrl+w":
		m.line = m.line[:strings.LastIndexByte(strings.TrimRight(m.line, " "), ' ')+1]
	default:
		m.line += printable(key.Text)
	}
}

func (m *top) leaveLine() {
	if m.mode == inReason {
		m.mode, m.line = inQuestion, ""
		return
	}
	m.mode, m.message = inList, ""
}

// setFilter chooses other jobs. A filter with an error stays in the line, to be corrected.
func (m *top) setFilter(text string) tea.Cmd {
	added, err := choose.Reader{Now: m.p.clock(), User: m.server.user()}.Line(text)
	if err == nil && len(added.IDs) > 0 && (len(m.base.IDs) > 0 || len(m.base.Files) > 0) {
		err = fmt.Errorf("the command line has named jobs by their IDs already")
	}
	if err != nil {
		m.message = printable(err.Error())
		return nil
	}
	m.chosen = choose.Choice{
		IDs: append(added.IDs, m.base.IDs...), Files: m.base.Files, Search: append(append([]jobdb.FilterSpec{}, m.base.Search...), added.Search...),
	}
	m.mode, m.filter, m.message = inList, text, ""
	if len(m.marks) > 0 {
		clear(m.marks)
		m.message = "the filter is another one: all marks were removed"
	}
	m.first, m.at = 0, 0
	m.cursor = 0
	return m.refresh()
}

// read shows a text in place of the list.
func (m *top) read(text string) {
	m.mode, m.text, m.from = inText, strings.Split(text, "\n"), 0
}

func (m *top) keyInText(key tea.KeyPressMsg) tea.Cmd {
	page := m.height - 4
	switch key.String() {
	case "up", "k":
		m.from--
	case "down", "j":
		m.from++
	case "pgup":
		m.from -= page
	case "pgdown", "space":
		m.from += page
	case "esc", "enter", "q", "?":
		m.mode = inList
	}
	m.from = max(0, min(m.from, len(m.text)-page))
	return nil
}
