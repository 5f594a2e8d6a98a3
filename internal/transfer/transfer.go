// Package transfer moves all jobs of one database into another, of any engine and of any
// release's schema into jobdb's own.
//
// Jobs move in ranges of JobIDs. A range is one transaction on the target, together with a record
// of what was read (record.go): whatever is killed at any moment, the next run goes on with the
// ranges that have no record. A range that has one is read again and, where its checksum is another
// now, replaced as a whole, so that nothing that changed or went meanwhile is missed.
//
// A reader takes rows from the source (source.go), makes them what the target can hold
// (repair.go) and adds them to checksums (digest.go); beside it a writer inserts them (write.go).
package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/opensearch"
)

// Options say what moves where.
type Options struct {
	From           string            // URL of the source
	FromHistory    string            // URL of the source's LoggingInfo; "": the same database; NoHistory: it doesn't move
	FromParameters *opensearch.DB    // has the source's parameters; nil: the table JobParameters does
	To             string            // URL of the target, which is empty or has what earlier runs brought
	Groups         map[string]string // the VO of each OwnerGroup, for sources that have no VO
	Batch          int               // jobs in a range; 0: 1000, or 200 into SQLite, where nobody else writes meanwhile
	Now            func() time.Time
	Logger         *slog.Logger
	Progress       func(Progress) // called after each range; may be nil
}

// NoHistory in [Options.FromHistory] leaves the history behind.
const NoHistory = "none"

// statementTimeout is only a net: a range is read in seconds.
const statementTimeout = time.Hour

// Progress is how far a run is.
type Progress struct {
	Jobs  int64 // copied or found unchanged, in this run
	Total int64 // in the source when the run began
}

// Report is what a run did, or a dry run would do.
type Report struct {
	Jobs      int64    // in the ranges that were copied
	Unchanged int64    // in the ranges that an earlier run had copied and that are the same
	Rows      []Count  // copied, by table
	Repairs   []Count  // what was made right, by kind
	Left      []string // what of the source doesn't move
	NextID    int64    // of the target from now on
	Recount   bool     // the target's counts of jobs are to be made
}

// Count is a number of things.
type Count struct {
	What string
	N    int64
}

// Import is an opened source and target.
type Import struct {
	options Options
	source  *source
	target  *engine.Engine
	empty   bool // the target has no tables yet
}

// RefusedError is why a source or target can't be used. Nothing was written.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Open opens both databases and refuses what can't be moved. It writes nothing.
func Open(ctx context.Context, o Options) (*Import, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	s, err := openSource(ctx, o)
	if err != nil {
		return nil, err
	}
	im := &Import{options: o, source: s}
	if err := im.openTarget(ctx); err != nil {
		return nil, errors.Join(err, im.Close())
	}
	if im.options.Batch == 0 {
		im.options.Batch = 1000
		if im.target.Dialect.OneWriter {
			im.options.Batch = 200
		}
	}
	return im, nil
}

// Close closes the connections.
func (im *Import) Close() error {
	err := im.source.close()
	if im.target != nil {
		err = errors.Join(err, im.target.Close())
	}
	return err
}

// openEngine opens one database. Its errors don't repeat the URL.
func openEngine(ctx context.Context, what, url string, readOnly bool) (*engine.Engine, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	e, err := engine.Open(ctx, t, engine.Settings{StatementTimeout: statementTimeout, ReadOnly: readOnly})
	if err != nil {
		return nil, fmt.Errorf("%s: open the database: %w", what, err)
	}
	if err := e.Recognize(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: open the database: %w", what, err), e.Close())
	}
	return e, nil
}

// Run copies what isn't in the target yet and what changed since it was copied.
func (im *Import) Run(ctx context.Context) (Report, error) {
	records, err := im.prepareTarget(ctx)
	if err != nil {
		return Report{}, err
	}
	report, err := im.copyAll(ctx, records)
	if err == nil {
		report.Recount, err = im.finishCounts(ctx)
	}
	return report, err
}

// DryRun reads all that a run would copy into an empty target, and writes nothing. A target that a run
// would refuse it refuses, too.
func (im *Import) DryRun(ctx context.Context) (Report, error) {
	if err := im.check(ctx); err != nil {
		return Report{}, err
	}
	done := newTally()
	reader := &reader{im: im, emit: func(_ context.Context, e event) error {
		if e.found != nil {
			done.add(e)
		}
		return nil
	}}
	if err := reader.readAll(ctx); err != nil {
		return Report{}, err
	}
	return done.report(im.source.left), nil
}

// migrate makes the target's tables.
func (im *Import) migrate(ctx context.Context) error {
	m := schema.Migrator{Engine: im.target, Logger: im.options.Logger, Now: im.options.Now}
	if _, err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	return nil
}
