package jobdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// What the tests outside of this package need of the inside.

// Raw is the writing pool, for what no method does.
func (db *DB) Raw() *sql.DB { return db.engine.writer }

// SchemaFacts are those of the schema as it was probed.
type SchemaFacts struct {
	Kind                                        SchemaKind
	WholeSeconds, Cascade, History, AtticCycles bool
	Collations                                  map[string]string
	ExactCollation                              string
}

func (db *DB) SchemaFacts() SchemaFacts {
	s := db.schema
	return SchemaFacts{s.kind, s.wholeSeconds, s.cascade, s.history, s.atticCycles, s.collations, s.exactCollation}
}

// Catalog is all that the engine says of the tables, to compare with a later answer.
func (db *DB) Catalog(ctx context.Context) (any, error) {
	return readCatalog(ctx, db.engine.reader, db.dialect)
}

// BeginMigration does what a migration had done when the server died: the
// first statements, which no row records. It returns how many there are.
func (db *DB) BeginMigration(ctx context.Context, statements int) (int, error) {
	all := knownMigrations(db.dialect)[0].statements()
	for _, statement := range slices.Concat([]string{createMigrationsTable}, all[:statements]) {
		if _, err := db.engine.writer.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// MigrateTo makes what an older jobdb, which knew so many migrations, made.
func (db *DB) MigrateTo(ctx context.Context, version int) error {
	adapt, err := db.migrator().adaptation(ctx, db.engine.writer)
	if err != nil {
		return err
	}
	if _, err := db.engine.writer.ExecContext(ctx, createMigrationsTable); err != nil {
		return err
	}
	for _, m := range knownMigrations(db.dialect)[:version] {
		for _, statement := range m.statements() {
			if _, err := db.engine.writer.ExecContext(ctx, adapt.Replace(statement)); err != nil {
				return err
			}
		}
		if err := db.migrator().record(ctx, db.engine.writer, m); err != nil {
			return err
		}
	}
	return nil
}

// SweepSoon has the next fold delete counts that are zero.
func (db *DB) SweepSoon() { db.unswept.Store(sweptAfter) }

// Counted reports whether totals and summaries are answered from counts.
func (db *DB) Counted() bool { return db.counted.Load() }

// MigrationNames are those of this program.
func (db *DB) MigrationNames() []string { return namesOf(knownMigrations(db.dialect)) }

// WantedSchema describes the tables that columns.go knows, a line for each column and key.
func WantedSchema() []string {
	var lines []string
	for _, t := range tables {
		for _, c := range t.columns {
			value := c.value
			if t == jobs && c.name == "JobID" {
				value = 0 // the seed's default, which no statement of ours relies on
			}
			lines = append(lines, describeColumn(t.name, c, value))
		}
		lines = append(lines, t.name+" key "+strings.Join(t.key, ", "))
	}
	return lines
}

func describeColumn(table string, c column, value any) string {
	kind := c.kind
	if kind == Verified || kind == Accounted {
		kind = Text
	}
	if value == nil {
		value = "none"
	}
	return fmt.Sprintf("%s.%s kind %d length %d nullable %v default %v", table, c.name, kind, c.length, c.nullable, value)
}

// FoundSchema describes the tables as the catalog has them, in the form of [WantedSchema].
func (db *DB) FoundSchema(ctx context.Context) ([]string, error) {
	c, err := readCatalog(ctx, db.engine.reader, db.dialect)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range tables {
		for i, found := range c[t.name].columns {
			want := t.columns[min(i, len(t.columns)-1)]
			lines = append(lines, describeColumn(t.name, db.columnFound(found, want), plainDefault(found.value)))
		}
		lines = append(lines, t.name+" key "+strings.Join(c[t.name].key, ", "))
	}
	return lines, nil
}

// columnFound evens out in what the engines' catalogs can't be alike.
func (db *DB) columnFound(found catalogColumn, want column) column {
	c := column{name: found.name, kind: kindOfType[found.typ], nullable: found.nullable}
	if db.dialect.name == "sqlite" && want.kind == Time && found.typ == "text" {
		c.kind = Time
	}
	if c.kind == Text {
		c.length = found.size
	}
	if found.typ == "enum" {
		c.length = want.length
	}
	return c
}

// plainDefault is 'user' or 'user'::character varying without what isn't the value.
func plainDefault(value sql.NullString) any {
	if !value.Valid || value.String == "NULL" {
		return nil
	}
	plain, _, _ := strings.Cut(value.String, "::")
	return strings.Trim(plain, "'")
}

func (db *DB) migrator() *migrator { return &migrator{db.engine, db.options.Logger, db.now} }
