package transfer

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// queued is how many events the reader may be ahead. With the rows of those that wait it bounds the memory.
const queued = 4

// copyAll copies what isn't in the target yet, and what changed. When a connection is lost or
// another transaction wins, it goes on with the range that was not done.
func (im *Import) copyAll(ctx context.Context, records []record) (Report, error) {
	next, err := im.source.nextID(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("the source: %w", err)
	}
	// First of all, so that whoever begins to use the target too early gets no number of the source's.
	if err := engine.RaiseNextID(ctx, im.target.Writer, &im.target.Dialect, next); err != nil {
		return Report{}, fmt.Errorf("the target: set the next JobID: %w", err)
	}
	w := &writer{im: im, again: records, done: newTally()}
	if w.progress.Total, err = im.source.count(ctx); err != nil {
		return Report{}, fmt.Errorf("count the source's jobs: %w", err)
	}
	for try := 1; ; try++ {
		before := w.ranges
		err := im.copyOnce(ctx, w)
		if err == nil {
			return im.finishIDs(ctx, w.done.report(im.source.left))
		}
		if w.ranges > before {
			try = 1
		}
		if try == maxTries || ctx.Err() != nil || !im.passes(err) {
			return Report{}, err
		}
		im.options.Logger.WarnContext(ctx, "trying again", "error", err)
		if err := engine.Sleep(ctx, min(maxPause, firstPause<<try)); err != nil {
			return Report{}, err
		}
	}
}

// A server that starts anew is back within these.
const (
	maxTries   = 12
	firstPause = 50 * time.Millisecond
	maxPause   = 15 * time.Second
)

// passes reports whether an error is one that may be over the next time: a transaction that lost
// against another one, a connection that is gone.
func (im *Import) passes(err error) bool {
	for _, e := range append(im.source.engines(), im.target) {
		if class := e.ClassOf(err); class == engine.ClassRetry || class == engine.ClassUnavailable {
			return true
		}
	}
	return false
}

// copyOnce goes on where the writer is, and reads and writes at the same time.
func (im *Import) copyOnce(ctx context.Context, w *writer) error {
	// Also whether a range was kept whose commit was interrupted, its record tells.
	records, err := readRecords(ctx, im.target.Writer)
	if err != nil {
		return fmt.Errorf("the target: read what was brought: %w", err)
	}
	events := make(chan event, queued)
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	reader := &reader{im: im, again: w.again, emit: func(ctx context.Context, e event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	if n := len(records); n > 0 {
		reader.after = &records[n-1]
	}
	var (
		readErr error
		group   sync.WaitGroup
	)
	group.Go(func() {
		defer close(events)
		readErr = reader.readAll(reading)
	})
	writeErr := w.writeAll(ctx, events)
	stop(writeErr)
	group.Wait()
	return cmp.Or(writeErr, readErr)
}

// finishIDs sets the next JobID again: jobs may have come meanwhile.
func (im *Import) finishIDs(ctx context.Context, report Report) (Report, error) {
	next, err := im.source.nextID(ctx)
	if err != nil {
		return report, fmt.Errorf("the source: %w", err)
	}
	if err := engine.RaiseNextID(ctx, im.target.Writer, &im.target.Dialect, next); err != nil {
		return report, fmt.Errorf("the target: set the next JobID: %w", err)
	}
	report.NextID, err = engine.NextID(ctx, im.target.Writer, &im.target.Dialect)
	return report, err
}

// writer writes one range after the other.
type writer struct {
	im       *Import
	tx       *sql.Tx  // of the range that was begun, once it is written
	begun    event    // the range's beginning
	waiting  []event  // what is to be written of it
	again    []record // of ranges of earlier runs that are still to be read again
	ranges   int      // that are done
	done     *tally
	progress Progress
}

// writeAll returns when events ends, which it does early when the reader fails.
func (w *writer) writeAll(ctx context.Context, events <-chan event) error {
	defer func() {
		if w.tx != nil {
			_ = w.tx.Rollback()
			w.tx = nil
		}
	}()
	for e := range events {
		if err := w.write(ctx, e); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(context.Cause(ctx), err)
			}
			return fmt.Errorf("write the target: %w", err)
		}
	}
	return nil
}

func (w *writer) write(ctx context.Context, e event) error {
	switch {
	case e.begins:
		w.begun, w.waiting = e, w.waiting[:0] // what waits is of a range that was lost, and comes again
		return nil
	case e.table != nil:
		if w.waiting = append(w.waiting, e); len(w.waiting) < maxWaiting {
			return nil
		}
		return w.flush(ctx)
	case !e.unchanged:
		if err := w.flush(ctx); err != nil {
			return err
		}
		if err := e.done.write(ctx, w.tx, &w.im.target.Dialect); err != nil {
			return err
		}
		if err := w.tx.Commit(); err != nil {
			return err
		}
		w.im.target.EndWrite()
		w.tx = nil
	}
	w.ranges++
	if len(w.again) > 0 && w.again[0].span == e.done.span {
		w.again = w.again[1:]
	}
	w.done.add(e)
	w.progress.Jobs += e.done.jobs
	w.im.options.Progress(w.progress)
	return nil
}

// maxWaiting is how many statements of rows wait, so that a range whose source is slow keeps others
// from writing for as long only as it takes to write it.
const maxWaiting = 10

// flush writes what waits, in the range's transaction.
func (w *writer) flush(ctx context.Context) error {
	if w.tx == nil {
		var err error
		if w.tx, err = w.im.target.BeginWrite(ctx); err != nil {
			return err
		}
		if w.begun.replace {
			if err := w.remove(ctx, w.begun.done.span); err != nil {
				return err
			}
		}
	}
	for _, e := range w.waiting {
		if err := w.insert(ctx, e.table, e.rows); err != nil {
			return fmt.Errorf("%s, JobIDs %v to %v: %w", e.table.Name, e.rows[0][0], e.rows[len(e.rows)-1][0], err)
		}
	}
	clear(w.waiting)
	w.waiting = w.waiting[:0]
	return nil
}

// remove deletes all rows of a range, children first, so that no engine has to look for them.
func (w *writer) remove(ctx context.Context, in span) error {
	for _, t := range slices.Backward(tables.Tables) {
		text := w.im.target.Dialect.Rebind("DELETE FROM " + t.Quoted() + ` WHERE "JobID" BETWEEN ? AND ?`)
		if _, err := w.tx.ExecContext(ctx, text, in.first, in.last); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}

// maxArguments is what one INSERT … VALUES takes: fewer statements than the access layer's, which
// many connections remember.
const maxArguments = 16384

// insert writes rows; there are never more than one statement takes of a source.
func (w *writer) insert(ctx context.Context, t *tables.Table, rows [][]any) error {
	d := &w.im.target.Dialect
	into := "INSERT INTO " + t.Quoted() + " (" + tables.QuotedNames("", t.Columns) + ") "
	if d.MaxInsertArguments == 0 {
		source, args := d.Batch(t.Columns, rows)
		columns := make([]string, len(t.Columns))
		for i := range columns {
			columns[i] = "s.c" + itoa(i)
		}
		_, err := w.tx.ExecContext(ctx, d.Rebind(into+"SELECT "+strings.Join(columns, ", ")+" FROM "+source), args...)
		return err
	}
	row := "(?" + strings.Repeat(", ?", len(t.Columns)-1) + ")"
	for len(rows) > 0 {
		// Powers of two, so that there are few statements to prepare.
		n := 1 << (bits.Len(uint(min(len(rows), maxArguments/len(t.Columns)))) - 1)
		args := make([]any, 0, n*len(t.Columns))
		for _, values := range rows[:n] {
			args = append(args, values...)
		}
		if _, err := w.tx.ExecContext(ctx, into+"VALUES "+row+strings.Repeat(", "+row, n-1), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
