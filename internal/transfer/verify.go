package transfer

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// Difference is a table that has other rows in the target than in the source, in a range of JobIDs.
type Difference struct {
	Table       string
	First, Last int64
	Source      int64 // rows, made what the target can hold
	Target      int64 // rows
}

func (d Difference) String() string {
	where := d.Table + ", JobIDs " + strconv.FormatInt(d.First, 10) + " to " + strconv.FormatInt(d.Last, 10) + ": "
	if d.Source == d.Target {
		return where + "other values in the source than in the target, " + strconv.FormatInt(d.Source, 10) + " rows in both"
	}
	return where + strconv.FormatInt(d.Source, 10) + " rows in the source, " + strconv.FormatInt(d.Target, 10) + " in the target"
}

// Verify reads all of the source and of the target, and calls each for what differs.
func (im *Import) Verify(ctx context.Context, each func(Difference) error) error {
	if im.empty {
		return &RefusedError{"the target is an empty database"}
	}
	if err := im.source.checkGroups(ctx); err != nil {
		return err
	}
	target := databaseOf(im.target)
	all, none, err := bothBounds(ctx, im.source, target)
	if err != nil || none {
		return err
	}
	v := verifier{im: im, target: target, each: each}
	if v.progress.Total, err = im.source.count(ctx); err != nil {
		return fmt.Errorf("count the source's jobs: %w", err)
	}
	for first := all.first; first <= all.last; {
		last, err := im.source.lastOf(ctx, first, im.options.Batch, all.last)
		if err != nil {
			return fmt.Errorf("look for the next jobs: %w", err)
		}
		if err := v.compare(ctx, span{first, last}); err != nil {
			return err
		}
		first = last + 1
	}
	return v.compareNextIDs(ctx)
}

func bothBounds(ctx context.Context, a, b *source) (span, bool, error) {
	ofA, noneA, err := a.bounds(ctx)
	if err != nil {
		return span{}, false, fmt.Errorf("the source: %w", err)
	}
	ofB, noneB, err := b.bounds(ctx)
	if err != nil {
		return span{}, false, fmt.Errorf("the target: %w", err)
	}
	switch {
	case noneA:
		return ofB, noneB, nil
	case noneB:
		return ofA, false, nil
	}
	return span{min(ofA.first, ofB.first), max(ofA.last, ofB.last)}, false, nil
}

type verifier struct {
	im       *Import
	target   *source
	each     func(Difference) error
	progress Progress
}

func (v *verifier) compare(ctx context.Context, in span) error {
	var (
		wanted, found        digests
		jobs                 int64
		sourceErr, targetErr error
		both                 sync.WaitGroup
	)
	both.Go(func() { wanted, jobs, sourceErr = digestsOf(ctx, v.im.source, in, newRepairer(v.im.source.groups)) })
	both.Go(func() { found, _, targetErr = digestsOf(ctx, v.target, in, nil) })
	both.Wait()
	if sourceErr != nil {
		return fmt.Errorf("the source: %w", sourceErr)
	}
	if targetErr != nil {
		return fmt.Errorf("the target: %w", targetErr)
	}
	for _, t := range tables.Tables {
		a, b := wanted.of(t.Name), found.of(t.Name)
		if a.sum() == b.sum() {
			continue
		}
		if err := v.each(Difference{t.Name, in.first, in.last, a.rows, b.rows}); err != nil {
			return err
		}
	}
	v.progress.Jobs += jobs
	v.im.options.Progress(v.progress)
	return nil
}

// digestsOf reads a range; a nil repairer takes the rows as they are.
func digestsOf(ctx context.Context, s *source, in span, r *repairer) (digests, int64, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer snap.end()
	p := &pass{source: s, repairer: r, digests: digests{}, emit: func(context.Context, *tables.Table, [][]any) error { return nil }}
	read, err := p.read(ctx, snap, in)
	return p.digests, read.jobs, err
}

// compareNextIDs holds that no number of the source's is given again.
func (v *verifier) compareNextIDs(ctx context.Context) error {
	source, err := v.im.source.nextID(ctx)
	if err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	target, err := engine.NextID(ctx, v.im.target.Writer, &v.im.target.Dialect)
	if err != nil {
		return fmt.Errorf("the target: ask for the next JobID: %w", err)
	}
	if target < source {
		return v.each(Difference{"the next JobID", target, source - 1, source, target})
	}
	return nil
}
