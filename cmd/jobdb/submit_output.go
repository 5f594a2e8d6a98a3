package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// submitOutput prints which file became which job.
type submitOutput interface {
	job(job newJob, id int64) error
	close() error
}

func (c *submitCommand) output(p *program, jobs int) submitOutput {
	form := c.Output
	if form == "" && jobs > 1 && isTerminal(p.stdout) {
		form = "table"
	}
	switch form {
	case "table":
		return &mapTable{w: tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)}
	case "json":
		return &mapJSON{w: p.stdout}
	}
	return idLines{p.stdout}
}

// idLines prints IDs as they come.
type idLines struct{ w io.Writer }

func (o idLines) job(_ newJob, id int64) error {
	_, err := fmt.Fprintln(o.w, id)
	return err
}

func (idLines) close() error { return nil }

// mapTable prints a line for each job, with the values of its parameters.
type mapTable struct {
	w      *tabwriter.Writer
	headed bool
}

func (o *mapTable) job(job newJob, id int64) error {
	if !o.headed {
		o.headed = true
		if _, err := fmt.Fprintln(o.w, "File\tJobID\tParameters"); err != nil {
			return err
		}
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(job.parameters)) {
		values = append(values, name+"="+job.parameters[name])
	}
	_, err := fmt.Fprintf(o.w, "%s\t%d\t%s\n", printable(job.file), id, printable(strings.Join(values, " ")))
	return err
}

func (o *mapTable) close() error { return o.w.Flush() }

// mapJSON prints a list of the jobs, one a line.
type mapJSON struct {
	w     io.Writer
	begun bool
}

func (o *mapJSON) job(job newJob, id int64) error {
	line, err := json.Marshal(struct {
		File       string            `json:"file"`
		JobID      int64             `json:"JobID"` //nolint:tagliatelle // as everywhere
		Parameters map[string]string `json:"parameters,omitempty"`
	}{job.file, id, job.parameters})
	if err != nil {
		return err
	}
	before := ",\n"
	if !o.begun {
		before = "[\n"
	}
	o.begun = true
	_, err = fmt.Fprintf(o.w, "%s%s", before, line)
	return err
}

func (o *mapJSON) close() error {
	end := "\n]\n"
	if !o.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(o.w, end)
	return err
}
