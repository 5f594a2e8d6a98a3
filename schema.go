package jobdb

import (
	"context"
	"fmt"
	"strings"

	"jobdb/internal/schema"
)

// SchemaReport says what a database is, and what of it jobdb can't work with.
type SchemaReport struct {
	Kind    schema.Kind `json:"kind"`
	Engine  string      `json:"engine"`  // SQLite, MariaDB, MySQL or PostgreSQL
	Version string      `json:"version"` // the engine's
	Jobs    bool        `json:"jobs"`    // the tables of jobs are here
	History bool        `json:"history"` // LoggingInfo is here

	// Others are tables of something else, in a database that is empty but for them.
	Others []string `json:"others,omitempty"`

	// Names of migrations, of databases that jobdb made.
	Applied []string `json:"applied"`
	Pending []string `json:"pending"` // jobdb migrate will apply them
	Newer   []string `json:"newer"`   // applied by a newer jobdb
	Changed []string `json:"changed"` // applied with another text

	// Obstacles are what the user lacks, or the server is set to, so that jobdb can't migrate or
	// change rows; each with the statement that helps.
	Obstacles []string `json:"obstacles"`

	// Indexes are statements that would make a live database faster, each with a comment that says
	// for which questions and by how much. Jobdb runs none of them.
	Indexes []string `json:"indexes"`

	Limits   []string `json:"limits"`   // what jobdb can't promise there
	Problems []string `json:"problems"` // why jobdb can't use it
}

// Usable reports whether jobdb can work on the database as it is.
func (r SchemaReport) Usable() bool {
	known := r.Kind == schema.KindOurs || r.Kind == schema.KindDiracX || r.Kind == schema.KindLegacy
	return known && len(r.Pending)+len(r.Newer)+len(r.Changed)+len(r.Problems) == 0
}

// CheckSchema looks at the database as it is now. It changes nothing.
func (db *DB) CheckSchema(ctx context.Context) (SchemaReport, error) {
	if err := db.misused(ctx); err != nil {
		return SchemaReport{}, err
	}
	r, err := db.checkSchema(ctx)
	return r, db.wrapError("check the schema", db.publicError(err))
}

// CheckHistorySchema is CheckSchema for the database that has the histories of jobs, which often is
// the same.
func (db *DB) CheckHistorySchema(ctx context.Context) (SchemaReport, error) {
	r, err := db.history.CheckSchema(ctx)
	if err != nil {
		err = fmt.Errorf("the history: %w", err)
	}
	return r, err
}

// MigrateOption is about the counts of jobs, which [DB.Migrate] makes unless told otherwise.
type MigrateOption = schema.Option

// The options of [DB.Migrate].
const (
	// WithoutCounts leaves the counts out of a database that has none yet, for a user who may not
	// make triggers. Totals and summaries then read the jobs. Later calls leave them out, too.
	WithoutCounts = schema.WithoutCounts
	// AddCounts makes the counts that an earlier call left out.
	AddCounts = schema.AddCounts
)

// Migrate makes the tables of a new database and brings those of an older jobdb up to date. It
// returns the names of the migrations that it applied; none means that nothing was to do. Several
// servers may migrate one database at the same time, but no other method of this DB may run
// meanwhile.
//
// A database that migrations did not make, one of a newer jobdb and one whose migrations had
// another text are refused with a [SchemaError] and stay as they are, as does one whose user lacks
// the right to make tables or triggers: the error says which statement gives it.
func (db *DB) Migrate(ctx context.Context, options ...MigrateOption) ([]string, error) {
	if err := db.misused(ctx); err != nil {
		return nil, err
	}
	applied, err := db.migrate(ctx, options)
	if err == nil && db.schema.NoCounts {
		db.options.Logger.WarnContext(ctx, `no counts of jobs are kept: totals and summaries read all jobs; "jobdb migrate" adds the counts`)
	}
	return applied, err
}

func (db *DB) migrate(ctx context.Context, options []MigrateOption) ([]string, error) {
	m := schema.Migrator{Engine: db.engine, Logger: db.options.Logger, Now: db.now, Options: options}
	if db.options.ReadOnly {
		m.Refuse = errReadOnly
	}
	applied, err := m.Migrate(ctx)
	if err = withContext(ctx, err); err != nil {
		return applied, db.wrapError("migrate the database", db.publicError(err))
	}
	migrated, err := schema.Probe(ctx, db.engine.Reader, db.dialect)
	if err != nil {
		return applied, db.wrapError("read the migrated schema", db.publicError(err))
	}
	db.useSchema(ctx, migrated)
	if h := db.history; h != db && (h.schema.Kind == schema.KindEmpty || h.schema.Kind == schema.KindOurs) {
		more, err := h.migrate(ctx, options)
		return append(applied, more...), err
	}
	return applied, nil
}

func (db *DB) checkSchema(ctx context.Context) (SchemaReport, error) {
	r, err := schema.Check(ctx, db.engine)
	if err != nil {
		return SchemaReport{}, err
	}
	return SchemaReport{
		Kind: r.Facts.Kind, Engine: db.dialect.Product, Version: r.Version, Jobs: r.Facts.Jobs, History: r.Facts.History,
		Applied: r.Applied, Pending: r.Pending, Newer: r.Newer, Changed: r.Changed,
		Others: r.Others, Obstacles: r.Obstacles, Indexes: r.Indexes, Limits: r.Limits, Problems: r.Problems,
	}, nil
}

// String is the report for an operator.
func (r SchemaReport) String() string {
	var b strings.Builder
	b.WriteString(r.Engine + " " + r.Version + "\n" + r.summary() + "\n")
	list := func(title string, items []string) {
		if len(items) == 0 {
			return
		}
		b.WriteString("\n" + title + "\n  - " + strings.Join(items, "\n  - ") + "\n")
	}
	list("Migrations that were applied:", r.Applied)
	list(`Migrations that are missing; run "jobdb migrate":`, r.Pending)
	list("Migrations of a newer jobdb, which this one doesn't know; use a newer jobdb:", r.Newer)
	list("Migrations that were applied with another text than this jobdb has; use the jobdb that made the database, or a later release:",
		r.Changed)
	list("Jobdb can't use it, because:", r.Problems)
	list("What is in the way of making tables or changing rows:", r.Obstacles)
	list("What jobdb can't promise on it:", r.Limits)
	list("Indexes that would make it faster; whose tables these are decides:", r.Indexes)
	return b.String()
}

func (r SchemaReport) summary() string {
	what := "with jobs and their history"
	switch {
	case !r.History:
		what = "with jobs, without their history"
	case !r.Jobs:
		what = "with the history of jobs only"
	}
	switch {
	case r.Kind == schema.KindEmpty && len(r.Others) > 0:
		return `Without jobs, but with tables of something else. "jobdb migrate" makes jobdb's beside them.`
	case r.Kind == schema.KindEmpty:
		return `An empty database. "jobdb migrate" makes the tables.`
	case r.Usable():
		return "A database made by " + string(r.Kind) + ", " + what + ". Jobdb can work on it."
	case r.Kind == schema.KindUnknown:
		return "Not a job database that jobdb can use."
	}
	return "A database made by " + string(r.Kind) + ". Jobdb can't work on it as it is."
}
