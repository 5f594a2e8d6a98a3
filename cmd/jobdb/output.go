package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"jobdb"
)

// output prints rows that came as JSON, page by page.
type output interface {
	rows(body []byte) error
	close() error
}

// newOutput prints columns of the rows: those of a table, and those that a CSV was asked for (none:
// all).
func newOutput(w io.Writer, form string, table, asked []string) output {
	switch form {
	case "json":
		return &jsonOutput{w: w}
	case "csv":
		if len(asked) == 0 {
			for _, c := range jobdb.Columns() {
				asked = append(asked, c.Name())
			}
		}
		return &csvOutput{w: csv.NewWriter(w), columns: asked}
	}
	return &tableOutput{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), columns: table}
}

func decodeRows(body []byte) ([]map[string]any, error) {
	var rows []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&rows); err != nil {
		return nil, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	return rows, nil
}

// texts are the values of a row; NULL is empty.
func texts(row map[string]any, columns []string) []string {
	values := make([]string, len(columns))
	for i, name := range columns {
		if row[name] != nil {
			values[i] = fmt.Sprint(row[name])
		}
	}
	return values
}

type tableOutput struct {
	w       *tabwriter.Writer
	columns []string
	headed  bool
}

func (o *tableOutput) rows(body []byte) error {
	if !o.headed {
		o.headed = true
		if _, err := fmt.Fprintln(o.w, strings.Join(o.columns, "\t")); err != nil {
			return err
		}
	}
	rows, err := decodeRows(body)
	for _, row := range rows {
		values := texts(row, o.columns)
		for i := range values {
			values[i] = printable(values[i])
		}
		if _, err := fmt.Fprintln(o.w, strings.Join(values, "\t")); err != nil {
			return err
		}
	}
	return err
}

func (o *tableOutput) close() error { return o.w.Flush() }

// printable keeps what users wrote into jobs from commanding a terminal.
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
	columns []string
	headed  bool
}

func (o *csvOutput) rows(body []byte) error {
	if !o.headed {
		o.headed = true
		if err := o.w.Write(o.columns); err != nil {
			return err
		}
	}
	rows, err := decodeRows(body)
	for _, row := range rows {
		if err := o.w.Write(texts(row, o.columns)); err != nil {
			return err
		}
	}
	return err
}

func (o *csvOutput) close() error {
	o.w.Flush()
	return o.w.Error()
}

// jsonOutput prints one list of all pages, one row a line.
type jsonOutput struct {
	w     io.Writer
	begun bool
}

func (o *jsonOutput) rows(body []byte) error {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	for _, row := range rows {
		before := ",\n"
		if !o.begun {
			before = "[\n"
		}
		o.begun = true
		if _, err := fmt.Fprintf(o.w, "%s%s", before, row); err != nil {
			return err
		}
	}
	return nil
}

func (o *jsonOutput) close() error {
	end := "\n]\n"
	if !o.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(o.w, end)
	return err
}
