package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	"jobdb"
)

//go:embed reference.py
var referenceProgram string

// instruction is what the reference is to do: the name of a method in reference.py, and what it
// takes.
type instruction struct {
	method   string
	argument any
}

// reference is the reference's library in a process of its own, on the same database: with the same
// rows, and with our indexes and triggers.
type reference struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	took    time.Duration // by the latest call, on its own clock
	ids     []jobdb.JobID // that the latest call created
	failure string
}

// referenceURL is the database's in SQLAlchemy's form; the reference has no PostgreSQL.
func (d *database) referenceURL() string {
	switch d.engine {
	case "sqlite":
		return "sqlite+aiosqlite:///" + strings.TrimPrefix(d.url, "sqlite:")
	case "mariadb", "mysql":
		return "mysql+aiomysql" + strings.TrimPrefix(d.url, "mysql")
	}
	return ""
}

// startReference starts the reference with that Python interpreter, if there is one and it knows
// the engine.
func (d *database) startReference(ctx context.Context, python string) error {
	url := d.referenceURL()
	if url == "" || python == "" {
		return nil
	}
	r := &reference{command: exec.CommandContext(ctx, python, "-c", referenceProgram, url)}
	r.command.Stderr = os.Stderr
	var err error
	if r.input, err = r.command.StdinPipe(); err != nil {
		return err
	}
	output, err := r.command.StdoutPipe()
	if err != nil {
		return err
	}
	r.output = bufio.NewReader(output)
	d.reference = r
	return r.command.Start()
}

func (d *database) stopReference() error {
	if d.reference == nil {
		return nil
	}
	return errors.Join(d.reference.input.Close(), d.reference.command.Wait())
}

// prepare hands over an instruction, so that this isn't timed.
func (r *reference) prepare(i instruction) error {
	text, err := json.Marshal([]any{i.method, i.argument})
	if err == nil {
		_, err = fmt.Fprintf(r.input, "%s\n", text)
	}
	if err != nil {
		return err
	}
	if line, err := r.output.ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("it isn't ready for %s: %q, %w", i.method, line, err)
	}
	return nil
}

var errReference = errors.New("the reference failed")

// run lets it do what it was prepared for.
func (r *reference) run(context.Context) (int64, error) {
	if _, err := io.WriteString(r.input, "\n"); err != nil {
		return 0, err
	}
	line, err := r.output.ReadBytes('\n')
	if err != nil {
		return 0, err
	}
	var answer struct {
		Took     time.Duration `json:"took"`
		Returned int64         `json:"returned"`
		IDs      []jobdb.JobID `json:"ids"`
		Error    string        `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return 0, err
	}
	r.took, r.ids, r.failure = answer.Took, answer.IDs, answer.Error
	if answer.Error != "" {
		return 0, fmt.Errorf("%w: %s", errReference, answer.Error)
	}
	return answer.Returned, nil
}

// maxReferenceSize is the most jobs that one call of the reference has: more take it minutes.
const maxReferenceSize = 1000

// measureReference measures ours beside the reference, in turns, if that has such a method, and
// adds to the result.
func (d *database) measureReference(ctx context.Context, s settings, c comparison, r *result) error {
	if d.reference == nil || c.reference == nil || c.size > 1 && c.size != maxReferenceSize {
		return nil
	}
	measured, err := alternate(ctx, s.budget, [2]contender{c.contender("ours", c.ours), d.reference.contender(c)})
	if errors.Is(err, errReference) {
		log.Printf("%s of %d: %v", c.method, c.size, err)
		r.ReferenceFailure = d.reference.failure
		return nil
	}
	if err != nil {
		return err
	}
	r.Reference, r.BesideReference = measured.Bare, measured.Ours
	r.TimesLow, r.Times, r.TimesHigh = measured.RatioLow, measured.Ratio, measured.RatioHigh
	return s.samples.write(r.benchmark("reference"), batches(measured.took[1]))
}

// contender lets the reference do the work of a comparison, timed by its own clock.
func (r *reference) contender(c comparison) contender {
	theirs := c.contender("the reference", r.run)
	theirs.before = func(ctx context.Context) error {
		if c.before != nil {
			if err := c.before(ctx); err != nil {
				return err
			}
		}
		return r.prepare(c.reference())
	}
	theirs.after = func(ctx context.Context) error {
		if c.created != nil {
			c.created(r.ids)
		}
		if c.after == nil {
			return nil
		}
		return c.after(ctx)
	}
	theirs.took = func() time.Duration { return r.took }
	return theirs
}

// referenceQuery is a search as the reference takes it.
type referenceQuery struct {
	Parameters []string           `json:"parameters"`
	Search     []jobdb.FilterSpec `json:"search"`
	Sort       []jobdb.SortSpec   `json:"sort"`
	PerPage    int                `json:"per_page"`
	Page       *int               `json:"page"` // nil: all rows
}

// ofVO adds a filter by VO, which ours has as its scope.
func ofVO(vo string, search []jobdb.FilterSpec) []jobdb.FilterSpec {
	if vo == "" {
		return append([]jobdb.FilterSpec{}, search...)
	}
	return append([]jobdb.FilterSpec{equal("VO", vo)}, search...)
}

var byJobID = jobdb.SortSpec{Parameter: "JobID", Direction: "asc"}

func (q query) reference() instruction {
	sort := q.request.Sort
	if len(sort) == 0 {
		sort = []jobdb.SortSpec{byJobID}
	}
	return instruction{"Search", referenceQuery{q.request.Parameters, ofVO(q.vo, q.request.Search), sort, perPage, &q.page}}
}
