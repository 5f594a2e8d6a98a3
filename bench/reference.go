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

// order is what the reference is to do: the name of a method in reference.py, and what it takes.
type order struct {
	method   string
	argument any
}

// reference is the reference's library in a process of its own, on the same database, with the same
// rows and the indexes and triggers that we made.
type reference struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	took    time.Duration // of the latest call, by its own clock
	ids     []jobdb.JobID // that it made
	failure string
}

// referenceURL is the database's in SQLAlchemy's form; the reference has no PostgreSQL.
func (w *world) referenceURL() string {
	switch w.engine {
	case "sqlite":
		return "sqlite+aiosqlite:///" + strings.TrimPrefix(w.url, "sqlite:")
	case "mariadb":
		return "mysql+aiomysql" + strings.TrimPrefix(w.url, "mysql")
	}
	return ""
}

// startReference starts it, if there is one for the engine.
func (w *world) startReference(ctx context.Context, python string) error {
	url := w.referenceURL()
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
	w.reference = r
	return r.command.Start()
}

func (w *world) stopReference() error {
	if w.reference == nil {
		return nil
	}
	return errors.Join(w.reference.input.Close(), w.reference.command.Wait())
}

// prepare gives it an order, so that handing it over isn't timed.
func (r *reference) prepare(o order) error {
	text, err := json.Marshal([]any{o.method, o.argument})
	if err == nil {
		_, err = fmt.Fprintf(r.input, "%s\n", text)
	}
	if err != nil {
		return err
	}
	if line, err := r.output.ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("it isn't ready for %s: %q, %w", o.method, line, err)
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
		Took  time.Duration `json:"took"`
		Gave  int64         `json:"gave"`
		IDs   []jobdb.JobID `json:"ids"`
		Error string        `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return 0, err
	}
	r.took, r.ids, r.failure = answer.Took, answer.IDs, answer.Error
	if answer.Error != "" {
		return 0, fmt.Errorf("%w: %s", errReference, answer.Error)
	}
	return answer.Gave, nil
}

// mostForReference is the largest call that the reference is given: larger ones take it minutes.
const mostForReference = 1000

// measureReference measures ours beside the reference, in turns, where it has such a method.
func (w *world) measureReference(ctx context.Context, c comparison, budget time.Duration, r *result) error {
	if w.reference == nil || c.reference == nil || c.size > 1 && c.size != mostForReference {
		return nil
	}
	theirs := c
	theirs.before = func(ctx context.Context) error {
		if c.before != nil {
			if err := c.before(ctx); err != nil {
				return err
			}
		}
		return w.reference.prepare(c.reference())
	}
	theirs.after = func(ctx context.Context) error {
		if c.made != nil {
			c.made(w.reference.ids)
		}
		if c.after == nil {
			return nil
		}
		return c.after(ctx)
	}
	sides := [2]timed{{"ours", c, c.ours, nil}, {"the reference", theirs, w.reference.run, func() time.Duration { return w.reference.took }}}
	measured, err := inTurns(ctx, budget, sides)
	if errors.Is(err, errReference) {
		log.Printf("%s of %d: %v", c.method, c.size, err)
		r.ReferenceFailure = w.reference.failure
		return nil
	}
	r.Reference, r.BesideReference = measured.Bare, measured.Ours
	r.TimesLow, r.Times, r.TimesHigh = measured.RatioLow, measured.Ratio, measured.RatioHigh
	return err
}

// referenceQuery is a search as the reference takes it.
type referenceQuery struct {
	Parameters []string           `json:"parameters"`
	Search     []jobdb.FilterSpec `json:"search"`
	Sort       []jobdb.SortSpec   `json:"sort"`
	PerPage    int                `json:"per_page"`
	Page       *int               `json:"page"` // nil: all rows
}

// ofVO adds the filter that our scope is.
func ofVO(vo string, search []jobdb.FilterSpec) []jobdb.FilterSpec {
	if vo == "" {
		return append([]jobdb.FilterSpec{}, search...)
	}
	return append([]jobdb.FilterSpec{equal("VO", vo)}, search...)
}

var byJobID = jobdb.SortSpec{Parameter: "JobID", Direction: "asc"}

func (q query) reference() order {
	sort := q.request.Sort
	if len(sort) == 0 {
		sort = []jobdb.SortSpec{byJobID}
	}
	return order{"Search", referenceQuery{q.request.Parameters, ofVO(q.vo, q.request.Search), sort, perPage, &q.page}}
}
