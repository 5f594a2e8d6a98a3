package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// queued is how many events the reader may be ahead. With the rows of one it bounds the memory.
const queued = 4

// copyAll reads and writes at the same time.
func (im *Import) copyAll(ctx context.Context, records []record) (Report, error) {
	next, err := im.source.nextID(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("the source: %w", err)
	}
	// First of all, so that whoever begins to use the target too early gets no number of the source's.
	if err := engine.RaiseNextID(ctx, im.target.Writer, &im.target.Dialect, next); err != nil {
		return Report{}, fmt.Errorf("the target: set the next JobID: %w", err)
	}
	events := make(chan event, queued)
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	reader, err := im.newReader(reading, records, func(ctx context.Context, e event) error {
		select {
		case events <- e:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if err != nil {
		return Report{}, err
	}
	var (
		readErr error
		group   sync.WaitGroup
	)
	group.Go(func() {
		defer close(events)
		readErr = reader.readAll(reading)
	})
	w := &writer{im: im, progress: Progress{Total: reader.total}}
	writeErr := w.writeAll(ctx, events)
	stop(writeErr)
	group.Wait()
	if writeErr != nil {
		return Report{}, writeErr
	}
	if readErr != nil {
		return Report{}, readErr
	}
	return im.finishIDs(ctx, reader.report())
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
	tx       *sql.Tx // of the range that was begun
	progress Progress
}

// writeAll returns when events ends, which it does early when the reader fails.
func (w *writer) writeAll(ctx context.Context, events <-chan event) error {
	defer func() {
		if w.tx != nil {
			_ = w.tx.Rollback()
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
		var err error
		if w.tx, err = w.im.target.Writer.BeginTx(ctx, &w.im.target.WriteOptions); err != nil {
			return err
		}
		if e.replace {
			return w.remove(ctx, e.done.span)
		}
		return nil
	case e.table != nil:
		if err := w.insert(ctx, e.table, e.rows); err != nil {
			return fmt.Errorf("%s, JobIDs %v to %v: %w", e.table.Name, e.rows[0][0], e.rows[len(e.rows)-1][0], err)
		}
		return nil
	case !e.unchanged:
		if err := e.done.write(ctx, w.tx, &w.im.target.Dialect); err != nil {
			return err
		}
		if err := w.tx.Commit(); err != nil {
			return err
		}
		w.tx = nil
	}
	w.progress.Jobs += e.done.jobs
	w.im.options.Progress(w.progress)
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
