package main

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"jobdb"
)

// tableOutput prints a table. The first rows set the widths of its columns. On a terminal columns
// are made narrower until the table fits.
type tableOutput struct {
	w       io.WriteCloser
	columns []string
	width   int // of the terminal; 0: any
	colours bool
	widths  []int // of the columns
}

const gap = "  " // between columns

func (o *tableOutput) rows(rows []row) error {
	cells := make([][]string, 0, len(rows)+1)
	if o.widths == nil {
		cells = append(cells, o.columns)
	}
	for _, r := range rows {
		line, err := texts(r, o.columns)
		if err != nil {
			return err
		}
		for i, name := range o.columns {
			if isTime(name) {
				line[i] = localTime(line[i])
			}
			line[i] = printable(line[i])
		}
		cells = append(cells, line)
	}
	if o.widths == nil {
		o.widths = fit(naturalWidths(cells), o.columns, o.width)
	}
	return o.print(cells)
}

func (o *tableOutput) print(cells [][]string) error {
	var b strings.Builder
	for _, line := range cells {
		for i, cell := range line {
			last := i == len(line)-1
			if o.width > 0 {
				cell = cut(cell, o.widths[i])
			}
			padding := strings.Repeat(" ", max(0, o.widths[i]-displayWidth(cell)))
			if rightAligned[o.columns[i]] {
				cell, padding = padding+cell, ""
			}
			b.WriteString(o.coloured(o.columns[i], cell))
			if !last {
				b.WriteString(padding + gap)
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(o.w, b.String())
	return err
}

// rightAligned are the columns of counts. IDs are left-aligned, like names.
var rightAligned = map[string]bool{"count": true, "jobs": true}

func (*tableOutput) printed() {}

func (o *tableOutput) close(whole bool) error {
	if whole && o.widths == nil {
		if err := o.rows(nil); err != nil {
			return err
		}
	}
	return o.w.Close()
}

func isTime(column string) bool {
	c, err := jobdb.ParseColumn(column)
	return err == nil && c.Kind() == jobdb.KindTime || column == "StatusTime"
}

func naturalWidths(cells [][]string) []int {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	return widths
}

// narrowest is the least width of a column that was made narrower.
const narrowest = 8

// fit makes columns narrower, always the widest, until a line is at most so long. IDs, statuses,
// counts and times keep their widths. A limit of 0 is none.
func fit(widths []int, columns []string, most int) []int {
	if most <= 0 {
		return widths
	}
	used := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		used += w
	}
	for ; used > most; used-- {
		widest := -1
		for i, w := range widths {
			if columns[i] == "JobID" || columns[i] == "Status" || columns[i] == "count" || isTime(columns[i]) || w <= narrowest {
				continue
			}
			if widest < 0 || w > widths[widest] {
				widest = i
			}
		}
		if widest < 0 {
			return widths
		}
		widths[widest]--
	}
	return widths
}

// cut cuts a text to a width, and ends it with … then.
func cut(text string, most int) string {
	if displayWidth(text) <= most {
		return text
	}
	used := 1 // for the …
	for i, r := range text {
		if used += runeWidth(r); used > most {
			return text[:i] + "…"
		}
	}
	return text
}

// displayWidth is how many cells of a terminal a text takes.
func displayWidth(text string) int {
	cells := 0
	for _, r := range text {
		cells += runeWidth(r)
	}
	return cells
}

func runeWidth(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// coloured returns a status in its colour.
func (o *tableOutput) coloured(column, cell string) string {
	if !o.colours || column != "Status" {
		return cell
	}
	return inColour(strings.TrimRight(cell, " "), cell)
}

// statusColours are ANSI colours by status.
var statusColours = map[string]string{
	"Done": "32", "Completed": "32", "Completing": "36", "Running": "34", "Matched": "36",
	"Submitting": "33", "Received": "33", "Checking": "33", "Staging": "33", "Scouting": "33", "Waiting": "33", "Rescheduled": "33",
	"Stalled": "35", "Failed": "31", "Killed": "31", "Deleted": "90",
}

// inColour writes a text in the colour of a status.
func inColour(status, text string) string {
	colour := statusColours[status]
	if colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
