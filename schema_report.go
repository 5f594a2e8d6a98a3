package jobdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SchemaReport says what a database is, and what of it jobdb can't work with.
type SchemaReport struct {
	Kind    SchemaKind `json:"kind"`
	Engine  string     `json:"engine"`  // SQLite, MariaDB, MySQL or PostgreSQL
	Version string     `json:"version"` // the engine's
	Jobs    bool       `json:"jobs"`    // the tables of jobs are here
	History bool       `json:"history"` // LoggingInfo is here

	// Names of migrations, of databases that jobdb made.
	Applied []string `json:"applied"`
	Pending []string `json:"pending"` // jobdb migrate will apply them
	Newer   []string `json:"newer"`   // applied by a newer jobdb
	Changed []string `json:"changed"` // applied with another text

	Limits   []string `json:"limits"`   // what jobdb can't promise there
	Problems []string `json:"problems"` // why jobdb can't use it
}

// Usable says whether jobdb can work on the database as it is.
func (r SchemaReport) Usable() bool {
	known := r.Kind == SchemaOurs || r.Kind == SchemaDiracX || r.Kind == SchemaLegacy
	return known && len(r.Pending)+len(r.Newer)+len(r.Changed)+len(r.Problems) == 0
}

// CheckSchema looks at the database as it is now. It changes nothing.
func (db *DB) CheckSchema(ctx context.Context) (SchemaReport, error) {
	r, err := db.checkSchema(ctx)
	return r, db.explain("check the schema", db.typed(err))
}

// Migrate makes the tables of a new database and brings those of an older
// jobdb up to date. It returns the names of the migrations that it applied;
// none means that nothing was to do. Several servers may migrate one database
// at the same time, but no other method of this DB may run meanwhile.
//
// A database that migrations did not make, one of a newer jobdb and one whose migrations had
// another text are refused with a [SchemaError] and stay as they are.
func (db *DB) Migrate(ctx context.Context) ([]string, error) {
	applied, err := (&migrator{db.engine, db.options.Logger, db.now}).migrate(ctx)
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(ctx.Err(), err) // engines tell it in their own words
	}
	if err != nil {
		return applied, db.explain("migrate the database", db.typed(err))
	}
	migrated, err := probeSchema(ctx, db.engine.reader, db.dialect)
	if err != nil {
		return applied, db.explain("read the migrated schema", db.typed(err))
	}
	db.use(ctx, migrated)
	if h := db.history; h != db && (h.schema.kind == SchemaEmpty || h.schema.kind == SchemaOurs) {
		more, err := h.Migrate(ctx)
		return append(applied, more...), err
	}
	return applied, nil
}

func (db *DB) checkSchema(ctx context.Context) (SchemaReport, error) {
	version, err := askText(ctx, db.engine.reader, catalogQueriesOf[db.dialect.name].version)
	if err != nil {
		return SchemaReport{}, err
	}
	c, err := readCatalog(ctx, db.engine.reader, db.dialect)
	if err != nil {
		return SchemaReport{}, err
	}
	state, err := readMigrationState(ctx, db.engine.reader, db.dialect, c)
	if err != nil {
		return SchemaReport{}, err
	}
	s := inspect(c, db.dialect, len(state.pending) > 0)
	r := SchemaReport{
		Kind: s.kind, Engine: engineName(db.dialect, version), Version: version, Jobs: c[jobs.name] != nil, History: s.history,
		Applied: namesOf(state.applied), Newer: namesOf(state.newer), Changed: namesOf(state.changed),
		Pending: []string{}, Limits: []string{}, Problems: []string{},
	}
	if c[migrationsTable] != nil {
		r.Pending = namesOf(state.pending)
	}
	switch s.kind {
	case SchemaUnknown:
		r.Problems = append(r.Problems, c.problems(db.dialect)...)
	case SchemaOurs, SchemaDiracX, SchemaLegacy:
		if len(r.Pending) > 0 {
			break
		}
		r.Limits = append(r.Limits, c.limits(s, db.dialect)...)
		counts, _, err := keepsCounts(ctx, db.engine.reader, db.dialect, c)
		if err != nil {
			return r, err
		}
		if s.kind == SchemaOurs && !counts {
			r.Limits = append(r.Limits, "totals and summaries read all jobs: the triggers of Jobs that count them are missing, or can't be seen by this user")
		}
	case SchemaEmpty:
	}
	r.Problems = append(r.Problems, tooOld(r.Engine, version)...)
	return r, nil
}

func engineName(d *dialect, version string) string {
	switch {
	case d.name == "sqlite":
		return "SQLite"
	case d.name == "postgres":
		return "PostgreSQL"
	case strings.Contains(version, "MariaDB"):
		return "MariaDB"
	}
	return "MySQL"
}

// tooOld compares with the oldest releases that have what jobdb's statements need.
func tooOld(engine, version string) []string {
	oldest, ok := map[string][2]int{"MariaDB": {10, 6}, "MySQL": {8, 0}, "PostgreSQL": {14, 0}}[engine]
	var have [2]int
	_, _ = fmt.Sscanf(version, "%d.%d", &have[0], &have[1]) // "16beta1" has only one number
	if ok && slices.Compare(have[:], oldest[:]) < 0 {
		return []string{fmt.Sprint("jobdb needs ", engine, " ", oldest[0], ".", oldest[1], " or newer")}
	}
	return nil
}

// limits are promises that can't be kept on this schema.
func (c catalog) limits(s *schema, d *dialect) []string {
	var limits []string
	add := func(when bool, limit string) {
		if when {
			limits = append(limits, limit)
		}
	}
	withJobs := c[jobs.name] != nil
	charsets, collations := s.foreignTexts()
	add(s.wholeSeconds, "times are cut to whole seconds")
	add(len(charsets) > 0, "texts in "+strings.Join(charsets, ", ")+
		" can't hold every character: what doesn't fit is refused when it is stored, and found by no filter")
	add(len(collations) > 0, "the engine compares texts by "+strings.Join(collations, ", ")+
		": jobdb compares them byte by byte all the same, but sorts without an index, and keys that differ only in case or in spaces at their end collide")
	if short := c.columnsWhere(isShort); len(short) > 0 && d.name == "mysql" {
		add(true, "64 kB is the most that these can hold: "+strings.Join(short, ", "))
	}
	add(len(c.columnsWhere(isInt)) > 0 && d.name != "sqlite", "integers have 32 bits")
	add(withJobs && !s.cascade, "deleting a job leaves rows of it in other tables unless jobdb is the one who deletes it")
	add(withJobs && !s.atticCycles, "AtticJobParameters keeps only one reschedule cycle of a parameter, the last")
	add(withJobs && !c.generated(), "the number of the newest job is given again when that job is deleted")
	add(withJobs && !s.history, "the history of states (LoggingInfo) is not in this database; name the one that has it as the history database")
	add(withJobs && !c.indexedByVO(), "no index begins with VO: searches and summaries within a VO are slower by far")
	add(withJobs && s.kind != SchemaOurs, "jobdb adds no tables here: an Idempotency-Key is refused, and counts are not kept")
	return limits
}

// foreignTexts lists the character sets other than UTF-8, and all collations.
func (s *schema) foreignTexts() (charsets, collations []string) {
	for _, collation := range s.collations {
		charset, _, _ := strings.Cut(collation, "_")
		if charset != "utf8mb4" {
			charsets = append(charsets, charset)
		}
		collations = append(collations, collation)
	}
	return unique(charsets), unique(collations)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func isShort(want column, found catalogColumn) bool {
	return want.kind == Text && want.length == 0 && (found.typ == "text" || found.typ == "blob")
}

func isInt(want column, found catalogColumn) bool {
	return want.kind == Integer && found.typ != "bigint"
}

// columnsWhere names the columns of ours for which is holds.
func (c catalog) columnsWhere(is func(want column, found catalogColumn) bool) []string {
	var names []string
	for _, t := range tables {
		live := c[t.name]
		if live == nil {
			continue
		}
		for _, want := range t.columns {
			if found, ok := live.column(want.name); ok && is(want, found) {
				names = append(names, t.name+"."+want.name)
			}
		}
	}
	return names
}

// generated says that no number of a job is given twice.
func (c catalog) generated() bool {
	if c[jobJDLs.name] == nil {
		return false
	}
	number, _ := c[jobJDLs.name].column("JobID")
	return number.generated
}

func (c catalog) indexedByVO() bool {
	for _, columns := range c[jobs.name].indexes {
		if columns[0] == "VO" {
			return true
		}
	}
	return false
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
	list("What jobdb can't promise on it:", r.Limits)
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
	case r.Kind == SchemaEmpty:
		return `An empty database. "jobdb migrate" makes the tables.`
	case r.Usable():
		return "A database made by " + string(r.Kind) + ", " + what + ". Jobdb can work on it."
	case r.Kind == SchemaUnknown:
		return "Not a job database that jobdb can use."
	}
	return "A database made by " + string(r.Kind) + ". Jobdb can't work on it as it is."
}
