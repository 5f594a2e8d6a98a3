package jobdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// What the tests outside of this package need of the inside.

// Raw is the writing pool, for what no method does.
func (db *DB) Raw() *sql.DB { return db.engine.Writer }

// SchemaFacts are those of the schema as it was probed.
type SchemaFacts struct {
	Kind                                        schema.Kind
	WholeSeconds, Cascade, History, AtticCycles bool
	Parameters                                  bool
	Collations                                  map[string]string
	ExactCollation                              string
	Indexes                                     []schema.Index
}

func (db *DB) SchemaFacts() SchemaFacts {
	s := db.schema
	return SchemaFacts{s.Kind, s.WholeSeconds, s.Cascade, s.History, s.AtticCycles, s.Parameters, s.Collations, s.ExactCollation, s.Indexes}
}

// Catalog is all that the engine says of the tables, to compare with a later answer.
func (db *DB) Catalog(ctx context.Context) (any, error) {
	return schema.ReadCatalog(ctx, db.engine.Reader, db.dialect)
}

// BeginMigration does what a migration had done when the server died: the
// first statements, which no row records. It returns how many there are.
func (db *DB) BeginMigration(ctx context.Context, statements int) (int, error) {
	all := schema.Migrations(db.dialect)[0].Statements()
	for _, statement := range slices.Concat([]string{schema.CreateMigrationsTable}, all[:statements]) {
		if _, err := db.engine.Writer.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// MigrateTo makes what an older jobdb, which knew so many migrations, made.
func (db *DB) MigrateTo(ctx context.Context, version int) error {
	if _, err := db.engine.Writer.ExecContext(ctx, schema.CreateMigrationsTable); err != nil {
		return err
	}
	for _, m := range schema.Migrations(db.dialect)[:version] {
		for _, statement := range m.Statements() {
			if _, err := db.engine.Writer.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		if err := db.migrator().Record(ctx, db.engine.Writer, m); err != nil {
			return err
		}
	}
	return nil
}

// SweepSoon has the next fold delete counts that are zero.
func (db *DB) SweepSoon() { db.unswept.Store(sweepThreshold) }

// Counted reports whether totals and summaries are answered from counts.
func (db *DB) Counted() bool { return db.counted.Load() }

// Product is what people call the engine.
func (db *DB) Product() string { return db.dialect.Product }

// StopWatching ends the goroutine that calls LookForNewer.
func (db *DB) StopWatching() { db.stopWatching() }

// LookForNewer looks whether a newer jobdb has migrated the database.
func (db *DB) LookForNewer(ctx context.Context) error { return db.lookForNewer(ctx) }

// MigrationNames are those of this program.
func (db *DB) MigrationNames() []string { return schema.MigrationNames(schema.Migrations(db.dialect)) }

// WantedSchema describes the tables that columns.go knows, a line for each column and key.
func WantedSchema() []string {
	var lines []string
	for _, t := range tables.Tables {
		for _, c := range t.Columns {
			value := c.Value
			if t == tables.Jobs && c.Name == "JobID" {
				value = 0 // DiracX's default, which no statement of ours relies on
			}
			lines = append(lines, describeColumn(t.Name, c, value))
		}
		lines = append(lines, t.Name+" key "+strings.Join(t.Key, ", "))
	}
	return lines
}

func describeColumn(table string, c tables.Column, value any) string {
	kind := c.Kind
	if kind == tables.KindVerified || kind == tables.KindAccounted {
		kind = tables.KindText
	}
	if value == nil {
		value = "none"
	}
	return fmt.Sprintf("%s.%s kind %d length %d nullable %v default %v", table, c.Name, kind, c.Length, c.Nullable, value)
}

// FoundSchema describes the tables as the catalog has them, in the form of [WantedSchema].
func (db *DB) FoundSchema(ctx context.Context) ([]string, error) {
	c, err := schema.ReadCatalog(ctx, db.engine.Reader, db.dialect)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range tables.Tables {
		// The order of columns is an engine's own affair: all that jobdb says names them.
		place := func(c schema.Column) int {
			return slices.IndexFunc(t.Columns, func(want tables.Column) bool { return want.Name == c.Name })
		}
		columns := slices.Clone(c[t.Name].Columns)
		slices.SortStableFunc(columns, func(a, b schema.Column) int { return place(a) - place(b) })
		for _, found := range columns {
			want := t.Columns[max(0, place(found))]
			lines = append(lines, describeColumn(t.Name, db.columnFound(found, want), plainDefault(found.Value)))
		}
		lines = append(lines, t.Name+" key "+strings.Join(c[t.Name].Key, ", "))
	}
	return lines, nil
}

// columnFound evens out in what the engines' catalogs can't be alike.
func (db *DB) columnFound(found schema.Column, want tables.Column) tables.Column {
	c := tables.Column{Name: found.Name, Kind: schema.KindOfType[found.Type], Nullable: found.Nullable}
	if db.dialect.Catalog.Untyped && want.Kind == tables.KindTime && found.Type == "text" {
		c.Kind = tables.KindTime
	}
	if c.Kind == tables.KindText {
		c.Length = found.Size
	}
	if found.Type == "enum" {
		c.Length = want.Length
	}
	return c
}

// plainDefault is 'user', 'user'::character varying or _utf8mb4\'user\' without what isn't the
// value.
func plainDefault(value sql.NullString) any {
	if !value.Valid || value.String == "NULL" {
		return nil
	}
	plain, _, _ := strings.Cut(value.String, "::")
	return strings.Trim(strings.TrimPrefix(plain, "_utf8mb4"), `'\`)
}

func (db *DB) migrator() *schema.Migrator {
	return &schema.Migrator{Engine: db.engine, Logger: db.options.Logger, Now: db.now}
}
