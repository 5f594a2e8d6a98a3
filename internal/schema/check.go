package schema

import (
	"context"

	"jobdb/internal/engine"
)

// Report is what [Check] finds.
type Report struct {
	Version string // the engine's own name for its release
	Facts   *Facts

	Applied, Pending, Newer, Changed []string // names of migrations; only our own databases have some

	Limits   []string // promises that can't be kept there
	Problems []string // why the database can't be used
}

// Check looks at a database as it is now, and changes nothing.
func Check(ctx context.Context, e *engine.Engine) (Report, error) {
	q, d := e.Reader, &e.Dialect
	version, err := e.Version(ctx)
	if err != nil {
		return Report{}, err
	}
	c, err := ReadCatalog(ctx, q, d)
	if err != nil {
		return Report{}, err
	}
	state, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Version: version, Facts: inspect(c, d, len(state.pending) > 0), Applied: MigrationNames(state.applied),
		Pending: []string{}, Newer: MigrationNames(state.newer), Changed: MigrationNames(state.changed),
		Limits: []string{}, Problems: []string{},
	}
	if c[migrationsTable] != nil {
		r.Pending = MigrationNames(state.pending)
	}
	switch r.Facts.Kind {
	case KindUnknown:
		r.Problems = append(r.Problems, c.problems(d)...)
	case KindOurs, KindDiracX, KindLegacy:
		if len(r.Pending) > 0 {
			break
		}
		r.Limits = append(r.Limits, c.limits(r.Facts, d)...)
		counts, _, err := keepsCounts(ctx, q, d, c)
		if err != nil {
			return r, err
		}
		if r.Facts.Kind == KindOurs && !counts {
			r.Limits = append(r.Limits, "totals and summaries read all jobs: "+
				"the triggers of Jobs that count them are missing, or can't be seen by this user")
		}
	case KindEmpty:
	}
	r.Problems = append(r.Problems, tooOld(d, version)...)
	return r, nil
}
