package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// outputFlags say how rows are printed.
type outputFlags struct {
	Output  string `short:"o" help:"Format: table, wide (more columns, nothing cut), json, ndjson (one JSON object a line), csv, tsv or ids." default:"table" enum:"table,wide,json,ndjson,csv,tsv,ids"`
	JQ      string `name:"jq" help:"Print what this jq expression makes of the JSON list or, with -o ndjson, of each object." placeholder:"EXPRESSION"`
	Color   string `help:"Colours: auto (on a terminal, unless NO_COLOR is set), always or never." default:"auto" enum:"auto,always,never"`
	NoPager bool   `help:"Don't show long output in a pager (JOBDB_PAGER, PAGER or less)."`

	watched bool // jobdb watch prints it to a terminal later
}

// row is a row of an answer, as JSON.
type row json.RawMessage

// UnmarshalJSON keeps a copy of the text.
func (r *row) UnmarshalJSON(text []byte) error { //nolint:unparam // as encoding/json wants it
	*r = append((*r)[:0], text...)
	return nil
}

// values returns the values of a row by column.
func (r row) values() (map[string]any, error) {
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(r))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return nil, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return values, nil
}

// decode reads a row into a struct.
func (r row) decode(into any) error {
	if err := json.Unmarshal(r, into); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return nil
}

// decodeRows splits an answer into its rows.
func decodeRows(body []byte) ([]row, error) {
	var rows []row
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return rows, nil
}

// output prints rows, page by page.
type output interface {
	rows(rows []row) error
	printed() // the rows were printed without this output
	// close ends the output. After a failure it prints no head of an empty table and no end of a
	// list: a part must not look like the whole, nor a failure like an answer without rows.
	close(whole bool) error
}

// finish ends an output, after an error or without one.
func finish(out output, err error) error {
	if errors.Is(err, errPagerClosed) {
		err = nil
	}
	return cmp.Or(err, out.close(err == nil))
}

// open makes an output of these columns.
func (f outputFlags) open(p *program, columns []string) (output, error) {
	screen := f.screen(p)
	if f.JQ != "" || f.Output != "table" && f.Output != "wide" { // these have colours, and look at each cell
		screen = f.sanitized(p, screen)
	}
	if f.JQ != "" {
		return newJQOutput(screen, f.JQ, f.Output == "ndjson")
	}
	switch f.Output {
	case "json":
		return &jsonOutput{w: screen}, nil
	case "ndjson":
		return &linesOutput{w: screen}, nil
	case "csv":
		return &csvOutput{w: csv.NewWriter(screen), screen: screen, columns: columns}, nil
	case "tsv":
		return &tsvOutput{w: screen, columns: columns}, nil
	case "ids":
		return &idsOutput{w: screen}, nil
	}
	return &tableOutput{w: screen, columns: columns, width: f.width(p), colours: f.colours(p)}, nil
}

// screen returns where output goes: on a terminal to a pager, if it is long.
func (f outputFlags) screen(p *program) io.WriteCloser {
	if f.NoPager || !isTerminal(p.stdout) {
		return unpaged{p.stdout}
	}
	return newPager(p)
}

// sanitized replaces control characters with � on a terminal, which would obey them. Files and
// pipes get the text unchanged.
func (f outputFlags) sanitized(p *program, screen io.WriteCloser) io.WriteCloser {
	if !f.watched && !isTerminal(p.stdout) {
		return screen
	}
	return sanitizer{transform.NewWriter(screen, runes.Map(sanitizeRune)), screen}
}

type sanitizer struct {
	*transform.Writer
	screen io.Closer
}

// Close shows what is left, and ends the screen.
func (s sanitizer) Close() error { return errors.Join(s.Writer.Close(), s.screen.Close()) }

func sanitizeRune(r rune) rune {
	if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
		return utf8.RuneError
	}
	return r
}

type unpaged struct{ io.Writer }

func (unpaged) Close() error { return nil }

// width returns how wide a table may be, in columns of the terminal; 0 means any width.
func (f outputFlags) width(p *program) int {
	if f.Output == "wide" {
		return 0
	}
	columns, _ := terminalSize(p.stdout)
	return columns
}

// colours reports whether statuses are coloured.
func (f outputFlags) colours(p *program) bool {
	switch f.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(p.stdout)
}

// text returns a value as tables show it: nested values as JSON, NULL as an empty text.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(b.String())
}

// texts returns the values of a row's columns as text.
func texts(r row, columns []string) ([]string, error) {
	values, err := r.values()
	if err != nil {
		return nil, err
	}
	cells := make([]string, len(columns))
	for i, name := range columns {
		cells[i] = text(values[name])
	}
	return cells, nil
}

// printable replaces the control characters in what users wrote into jobs: a terminal would obey
// them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

type csvOutput struct {
	w       *csv.Writer
	screen  io.Closer
	columns []string
	headed  bool
}

func (o *csvOutput) rows(rows []row) error {
	if !o.headed {
		o.headed = true
		if err := o.w.Write(o.columns); err != nil {
			return err
		}
	}
	for _, r := range rows {
		cells, err := texts(r, o.columns)
		if err != nil {
			return err
		}
		if err := o.w.Write(cells); err != nil {
			return err
		}
	}
	return nil
}

func (o *csvOutput) printed() { o.headed = true }

func (o *csvOutput) close(whole bool) (err error) {
	if whole {
		err = o.rows(nil)
	}
	o.w.Flush()
	return errors.Join(err, o.w.Error(), o.screen.Close())
}

// tsvOutput separates cells by tabs. Those in values, and ends of lines, become spaces.
type tsvOutput struct {
	w       io.WriteCloser
	columns []string
	headed  bool
}

var oneCell = strings.NewReplacer("\t", " ", "\r\n", " ", "\n", " ", "\r", " ")

func (o *tsvOutput) rows(rows []row) error {
	var b strings.Builder
	if !o.headed {
		o.headed = true
		b.WriteString(strings.Join(o.columns, "\t") + "\n")
	}
	for _, r := range rows {
		cells, err := texts(r, o.columns)
		if err != nil {
			return err
		}
		for i := range cells {
			cells[i] = oneCell.Replace(cells[i])
		}
		b.WriteString(strings.Join(cells, "\t") + "\n")
	}
	_, err := io.WriteString(o.w, b.String())
	return err
}

func (o *tsvOutput) printed() { o.headed = true }

func (o *tsvOutput) close(whole bool) (err error) {
	if whole {
		err = o.rows(nil)
	}
	return errors.Join(err, o.w.Close())
}

// idsOutput prints the IDs, one a line.
type idsOutput struct{ w io.WriteCloser }

func (o *idsOutput) rows(rows []row) error {
	var b strings.Builder
	for _, r := range rows {
		cells, err := texts(r, []string{"JobID"})
		if err != nil {
			return err
		}
		b.WriteString(printable(cells[0]) + "\n")
	}
	_, err := io.WriteString(o.w, b.String())
	return err
}

func (*idsOutput) printed() {}

func (o *idsOutput) close(bool) error { return o.w.Close() }

// linesOutput prints one JSON object a line.
type linesOutput struct{ w io.WriteCloser }

func (o *linesOutput) rows(rows []row) error {
	var b bytes.Buffer
	for _, r := range rows {
		if err := json.Compact(&b, r); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	_, err := o.w.Write(b.Bytes())
	return err
}

func (*linesOutput) printed() {}

func (o *linesOutput) close(bool) error { return o.w.Close() }

// jsonOutput prints one list of all pages, one row a line.
type jsonOutput struct {
	w     io.WriteCloser
	begun bool
}

func (o *jsonOutput) rows(rows []row) error {
	for _, r := range rows {
		before := ",\n"
		if !o.begun {
			before = "[\n"
		}
		o.begun = true
		if _, err := fmt.Fprintf(o.w, "%s%s", before, r); err != nil {
			return err
		}
	}
	return nil
}

func (*jsonOutput) printed() {}

func (o *jsonOutput) close(whole bool) error {
	if !whole {
		return o.w.Close()
	}
	end := "\n]\n"
	if !o.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(o.w, end)
	return errors.Join(err, o.w.Close())
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return thousands(n) + " " + thing
}

// thousands writes a number with commas: 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
