package schema

import (
	"context"
	"database/sql"
	"slices"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// Report is what [Check] finds.
type Report struct {
	Version string // the engine's own name for its release
	Facts   *Facts

	Applied, Pending, Newer, Changed []string // names of migrations; only of our own databases

	Others   []string // tables of something else, where none is of jobs
	Limits   []string // what jobdb can't promise there
	Problems []string // why the database can't be used

	Indexes   []string // statements that would make it faster
	Obstacles []string // rights and settings that keep this user from migrating or changing rows
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
		Limits: []string{}, Problems: []string{}, Obstacles: []string{}, Indexes: []string{},
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
		if r.Facts.Kind != KindOurs && r.Facts.Jobs {
			r.Indexes = c.advice()
		}
		counts, _, err := keepsCounts(ctx, q, d, c)
		if err != nil {
			return r, err
		}
		switch {
		case counts || r.Facts.Kind != KindOurs:
		case state.withoutCounts:
			r.Limits = append(r.Limits, `totals and summaries read all jobs: the tables were made without counts; "jobdb migrate" adds them`)
		default:
			r.Limits = append(r.Limits, "totals and summaries read all jobs: "+
				"the triggers of Jobs that count them are missing, or can't be seen by this user")
		}
	case KindEmpty:
		r.Others = slices.DeleteFunc(c.Tables(), func(name string) bool { return name == engine.LeaseTable }) // another server is about to migrate
	}
	r.Problems = append(r.Problems, tooOld(d, version)...)
	return r, r.addServerSide(ctx, e, c)
}

// addServerSide adds what the definitions of tables don't tell: the user's rights, the server's
// settings, and tables without transactions.
func (r *Report) addServerSide(ctx context.Context, e *engine.Engine, c Catalog) error {
	var names []string
	for _, t := range tables.Tables {
		if c[t.Name] != nil {
			names = append(names, t.Name)
		}
	}
	obstacles, err := e.WriteObstacles(ctx, names)
	if err != nil {
		return err
	}
	if r.Facts.Kind == KindEmpty || len(r.Pending) > 0 {
		more, err := e.MigrationObstacles(ctx)
		if err != nil {
			return err
		}
		obstacles = append(obstacles, more...)
	}
	for _, o := range obstacles {
		r.Obstacles = append(r.Obstacles, o.Reason)
	}
	if e.Dialect.Catalog.Untransacted == "" {
		return nil
	}
	return engine.EachRow(ctx, e.Reader, e.Dialect.Catalog.Untransacted, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if slices.Contains(names, name) {
			r.Limits = append(r.Limits, "the table "+name+" is not InnoDB's: it keeps what a failed transaction wrote")
		}
		return err
	})
}
