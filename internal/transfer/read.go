package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// event is one step of the writer: a range begins, rows come, a range is done.
type event struct {
	begins    bool
	replace   bool // it was copied before
	table     *tables.Table
	rows      [][]any
	done      *record
	found     *pass // of a range that is done
	unchanged bool  // nothing of a range that is done was to be written
}

// reader goes through the source and says what is to be written.
type reader struct {
	im    *Import
	after *record  // the last that the target has; nil: none
	again []record // of ranges that may have changed since
	emit  func(context.Context, event) error
}

// readAll reads what the target hasn't got, then what may have changed, so that a run that goes on
// after another loses no time.
func (r *reader) readAll(ctx context.Context) error {
	if err := r.readNew(ctx); err != nil {
		return err
	}
	for _, before := range r.again {
		if err := r.readAgain(ctx, before); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readNew(ctx context.Context) error {
	all, none, err := r.im.source.bounds(ctx)
	if err != nil || none {
		return err
	}
	next := min(all.first, 1)
	if r.after != nil {
		next = r.after.last + 1
	}
	for next <= all.last {
		last, err := r.im.source.lastOf(ctx, next, r.im.options.Batch, all.last)
		if err != nil {
			return fmt.Errorf("look for the next jobs: %w", err)
		}
		if err := r.copyRange(ctx, span{next, last}, false); err != nil {
			return err
		}
		next = last + 1
	}
	return nil
}

// readAgain copies a range anew if the source has changed.
func (r *reader) readAgain(ctx context.Context, before record) error {
	snap, err := r.im.source.snapshot(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	defer snap.end()
	pass := r.newPass(func(context.Context, *tables.Table, [][]any) error { return nil })
	now, err := pass.read(ctx, snap, before.span)
	if err != nil {
		return err
	}
	if now.checksum != before.checksum {
		return r.copySnapshot(ctx, snap, before.span, true)
	}
	return r.emit(ctx, event{done: &now, found: pass, unchanged: true})
}

func (r *reader) copyRange(ctx context.Context, in span, replace bool) error {
	snap, err := r.im.source.snapshot(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	defer snap.end()
	return r.copySnapshot(ctx, snap, in, replace)
}

func (r *reader) copySnapshot(ctx context.Context, snap *snapshot, in span, replace bool) error {
	if err := r.emit(ctx, event{begins: true, replace: replace, done: &record{span: in}}); err != nil {
		return err
	}
	pass := r.newPass(func(ctx context.Context, t *tables.Table, rows [][]any) error {
		return r.emit(ctx, event{table: t, rows: rows})
	})
	now, err := pass.read(ctx, snap, in)
	if err != nil {
		return err
	}
	return r.emit(ctx, event{done: &now, found: pass})
}

// tally is what a run has done so far.
type tally struct {
	result  Report
	rows    map[string]int64
	repairs map[string]int64
}

func newTally() *tally { return &tally{rows: map[string]int64{}, repairs: map[string]int64{}} }

// add takes a range that is done.
func (t *tally) add(e event) {
	for what, n := range e.found.repairer.counts {
		t.repairs[what] += n
	}
	if e.unchanged {
		t.result.Unchanged += e.done.jobs
		return
	}
	t.result.Jobs += e.done.jobs
	for table, d := range e.found.digests {
		t.rows[table] += d.rows
	}
}

func (t *tally) report(left []string) Report {
	report := t.result
	report.Left = left
	for _, table := range tables.Tables {
		if n := t.rows[table.Name]; n > 0 {
			report.Rows = append(report.Rows, Count{table.Name, n})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(t.repairs)) {
		report.Repairs = append(report.Repairs, Count{what, t.repairs[what]})
	}
	return report
}

// pass reads one range once.
type pass struct {
	source   *source
	repairer *repairer // nil: rows are taken as they are
	digests  digests
	emit     func(context.Context, *tables.Table, [][]any) error
	rows     [][]any // gathered for emit
	bytes    int
}

func (r *reader) newPass(emit func(context.Context, *tables.Table, [][]any) error) *pass {
	return &pass{source: r.im.source, repairer: newRepairer(r.im.source.groups), digests: digests{}, emit: emit}
}

// read gives the rows of all tables, parents first, and returns the range's record.
func (p *pass) read(ctx context.Context, snap *snapshot, in span) (record, error) {
	ids, err := snap.jobIDs(ctx, in)
	if err != nil {
		return record{}, fmt.Errorf("read Jobs: %w", err)
	}
	for _, t := range p.source.tables {
		if err := p.readTable(ctx, snap, t, in, ids); err != nil {
			return record{}, err
		}
		if err := p.flush(ctx, t.Table); err != nil {
			return record{}, err
		}
	}
	if p.repairer != nil {
		if err := unknownGroups(p.repairer.unknownGroups); err != nil {
			return record{}, err
		}
	}
	return record{in, int64(len(ids)), p.digests.sum()}, nil
}

// readTable leaves out what belongs to no job, except JDLs: a job that is being made begins with
// one.
func (p *pass) readTable(ctx context.Context, snap *snapshot, t sourceTable, in span, ids []int64) error {
	withJDL := 0 // how many of the jobs were passed in JobJDLs
	err := snap.eachJob(ctx, t, in, func(id int64, rows [][]any) error {
		if t.Table == tables.JobJDLs {
			n, found := slices.BinarySearch(ids, id)
			if err := p.addMissingJDLs(ctx, ids[withJDL:n]); err != nil {
				return err
			}
			if withJDL = n; found {
				withJDL++
			}
		} else if _, found := slices.BinarySearch(ids, id); !found && p.repairer != nil {
			p.repairer.counts[t.Name+": rows without a job, left out"] += int64(len(rows))
			return nil
		}
		return p.add(ctx, t.Table, rows)
	})
	if err == nil && t.Table == tables.JobJDLs {
		err = p.addMissingJDLs(ctx, ids[withJDL:])
	}
	return err
}

// addMissingJDLs gives jobs that have none an empty one, which they need.
func (p *pass) addMissingJDLs(ctx context.Context, ids []int64) error {
	if p.repairer == nil {
		return nil
	}
	for _, id := range ids {
		p.repairer.note(tables.JobJDLs, "", "jobs without a row, now with empty texts")
		if err := p.add(ctx, tables.JobJDLs, [][]any{{id, "", "", ""}}); err != nil {
			return err
		}
	}
	return nil
}

// add takes all rows that a job has in a table.
func (p *pass) add(ctx context.Context, t *tables.Table, rows [][]any) error {
	if p.repairer != nil {
		rows = p.repairer.repair(t, rows)
	} else {
		asTheyAre(t, rows)
	}
	p.digests.of(t.Name).add(rows)
	for _, row := range rows {
		for _, value := range row {
			if text, ok := value.(string); ok {
				p.bytes += len(text)
			}
		}
		if p.rows = append(p.rows, row); len(p.rows) >= engine.MaxRows || p.bytes >= engine.MaxBytes {
			if err := p.flush(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pass) flush(ctx context.Context, t *tables.Table) error {
	if len(p.rows) == 0 {
		return nil
	}
	rows := p.rows
	p.rows, p.bytes = nil, 0
	return p.emit(ctx, t, rows)
}

// asTheyAre reads the values of a target. What can't be read stays as it is, and differs from all
// that can.
func asTheyAre(t *tables.Table, rows [][]any) {
	for _, row := range rows {
		for i, c := range t.Columns {
			if value, ok := convert(c.Kind, row[i]); ok {
				row[i] = value
			} else {
				row[i] = false
			}
		}
	}
}
