package main

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Styles of the terminal.
const (
	bold    = "\x1b[1m"
	faint   = "\x1b[2m"
	reverse = "\x1b[7m"
	red     = "\x1b[31m"
	reset   = "\x1b[0m"
)

// patience is how long a question may run before the screen says that it waits.
const patience = 3 * time.Second

// linesAround is the number of lines of the screen that aren't the list's.
const linesAround = 6

func (m *top) listHeight() int { return max(1, m.height-linesAround) }

// View draws the screen.
func (m *top) View() tea.View {
	lines := append(m.head(), m.body()...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, m.height-1)], m.foot())
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], m.width, "…")
	}
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen, view.WindowTitle = true, "jobdb top"
	return view
}

// head draws the lines above the list: the server, the counts, the filter.
func (m *top) head() []string {
	state := faint + "asking …" + reset
	if !m.asked.IsZero() {
		state = faint + m.asked.Format(time.TimeOnly) + ", every " + m.every.String() + reset
	}
	switch silence := m.p.clock().Sub(m.asked); {
	case m.failed != "":
		state = red + m.failed + reset
	case !m.asked.IsZero() && silence > m.every+patience:
		state = red + "no answer since " + m.asked.Format(time.TimeOnly) + reset
	}
	filter := printable(describeChoice(m.chosen))
	if filter == "" {
		filter = "all jobs"
	}
	if m.mode == inFilter {
		filter = "/" + m.line + reverse + " " + reset
	}
	return []string{
		bold + "jobdb top" + reset + gap + state + gap + m.server.base + gap + printable(m.server.user()),
		m.numbers(),
		m.bar(),
		filter,
	}
}

// numbers draws the counts of jobs by status.
func (m *top) numbers() string {
	texts := []string{plural(m.counts.total(), "job")}
	for _, status := range statusOrder(m.counts) {
		texts = append(texts, inColour(status, printable(status)+" "+thousands(m.counts[status])))
	}
	return strings.Join(texts, gap)
}

// bar draws the same counts as a bar, with a piece for each status.
func (m *top) bar() string {
	total := m.counts.total()
	if total == 0 {
		return ""
	}
	var b strings.Builder
	drawn, sum := 0, 0
	for _, status := range statusOrder(m.counts) {
		sum += m.counts[status]
		end := sum * m.width / total
		b.WriteString(inColour(status, strings.Repeat("█", end-drawn)))
		drawn = end
	}
	return b.String()
}

// body draws the list, or the text that covers it.
func (m *top) body() []string {
	switch m.mode {
	case inText:
		return append([]string{""}, m.text[m.from:min(len(m.text), m.from+m.height-linesAround)]...)
	case inQuestion, inReason:
		return m.dialog()
	default:
		return m.list()
	}
}

var topColumns = []string{"JobID", "Status", "MinorStatus", "Site", "JobName", "Owner", "Changed"}

// list draws the names of the columns and the jobs that fit.
func (m *top) list() []string {
	shown := m.jobs[m.first:min(len(m.jobs), m.first+m.listHeight())]
	cells := [][]string{topColumns}
	for _, job := range shown {
		cells = append(cells, []string{
			fmt.Sprint(job.JobID), printable(string(job.Status)), printable(job.MinorStatus), printable(job.Site),
			printable(job.JobName), printable(job.Owner), m.ago(job.LastUpdateTime),
		})
	}
	widths := fit(naturalWidths(cells), topColumns, m.width-2)
	lines := []string{bold + "  " + tableLine(cells[0], widths, "") + reset}
	for i, job := range shown {
		mark, status := "  ", string(job.Status)
		if m.marks[job.JobID] {
			mark = "● "
		}
		if m.first+i == m.at {
			lines = append(lines, reverse+mark+tableLine(cells[i+1], widths, "")+reset)
			continue
		}
		lines = append(lines, mark+tableLine(cells[i+1], widths, status))
	}
	if len(m.jobs) == 0 && !m.asked.IsZero() {
		lines = append(lines, "  "+faint+"no job"+reset)
	}
	return lines
}

// tableLine puts cells into columns. A status colours the second one.
func tableLine(cells []string, widths []int, status string) string {
	padded := make([]string, len(cells))
	for i, cell := range cells {
		cell = cut(cell, widths[i])
		padded[i] = cell + strings.Repeat(" ", max(0, widths[i]-displayWidth(cell)))
		if i == 1 && status != "" {
			padded[i] = inColour(status, padded[i])
		}
	}
	return strings.Join(padded, gap)
}

// ago returns how long ago a time was.
func (m *top) ago(text string) string {
	at, err := parseTime(text)
	if err != nil {
		return printable(text)
	}
	return duration(max(0, m.p.clock().Sub(at)))
}

// dialog says what an action would do.
func (m *top) dialog() []string {
	lines := []string{""}
	if m.pending.ready == nil {
		return append(lines, "asking what would be done …")
	}
	lines = append(lines, m.pending.preview...)
	if m.pending.reason != "" {
		lines = append(lines, "reason: "+m.pending.reason)
	}
	question, _ := m.pending.question()
	if m.mode == inReason {
		question = "Reason, for the histories of the jobs:"
	}
	return append(lines, "", bold+question+reset+" "+m.line+reverse+" "+reset)
}

// foot draws a message, or the keys.
func (m *top) foot() string {
	switch {
	case m.message != "":
		return m.message
	case m.mode == inFilter:
		return faint + "Enter: show these jobs, Esc: leave the filter as it is" + reset
	case m.mode == inQuestion:
		return faint + "Esc: leave them as they are, e: give a reason" + reset
	case m.mode == inReason:
		return faint + "Enter: take this reason, Esc: leave it" + reset
	case m.mode == inText:
		return faint + "Esc: back, ↑ ↓ PgUp PgDn" + reset
	case m.mode == inList && len(m.marks) > 0:
		return fmt.Sprintf("%s marked: K kill, R reschedule, D delete, Esc no marks", plural(len(m.marks), "job"))
	case m.mode == inList:
		return faint + "/ filter  x mark  K kill  R reschedule  D delete  Enter details  s sort  ? keys  q leave" + reset
	}
	return ""
}
