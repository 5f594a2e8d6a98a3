package jobdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const mostMigrationTries = 3

// Migrate makes the tables of a new database and brings those of an older
// jobdb up to date. It returns the names of the migrations that it applied;
// none means that nothing was to do. Several servers may migrate one database
// at the same time, but no other method of this DB may run meanwhile.
//
// A database that migrations did not make, one of a newer jobdb and one whose migrations had
// another text are refused with a [SchemaError] and stay as they are.
func (db *DB) Migrate(ctx context.Context) ([]string, error) {
	applied, err := db.migrate(ctx)
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(ctx.Err(), err) // engines tell it in their own words
	}
	if err != nil {
		return applied, db.explain("migrate the database", db.typed(err))
	}
	migrated, err := probeSchema(ctx, db.reader, db.dialect)
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

func (db *DB) migrate(ctx context.Context) ([]string, error) {
	// Most starts end here, without a lock and without rights to change tables.
	pending, err := pendingMigrations(ctx, db.reader, db.dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	var applied []string
	for range mostMigrationTries {
		err = db.locked(ctx, func(q querier) error {
			var err error
			applied, err = db.applyPending(ctx, q)
			return err
		})
		// The lock of MariaDB holds on one node of a cluster; servers on two nodes can get in each other's way.
		if class := db.classOf(err); class != classRetry && class != classDuplicate {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// pendingMigrations also refuses databases that are not ours to migrate.
func pendingMigrations(ctx context.Context, q querier, d *dialect) ([]migration, error) {
	c, err := readCatalog(ctx, q, d)
	if err == nil && c.foreign() {
		// MariaDB's catalog is no snapshot: another server's migrations may have begun while it was read.
		c, err = readCatalog(ctx, q, d)
	}
	if err != nil {
		return nil, err
	}
	if c.foreign() {
		return nil, &SchemaError{Reason: foreignReason(c, d)}
	}
	s, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return nil, err
	}
	if reason := s.refusal(); reason != "" {
		return nil, &SchemaError{Reason: reason}
	}
	return s.pending, nil
}

func foreignReason(c catalog, d *dialect) string {
	const never = "migrations touch no database that they did not make"
	if kind := inspect(c, d, false).kind; kind != SchemaUnknown {
		return "the tables in this database were made by " + string(kind) + "; jobdb works on them as they are, and " + never
	}
	return `the database has tables of the same names as jobdb's, made by something else; "jobdb schema check" says more, and ` + never
}

// applyPending runs under the lock: what was pending before may be done now.
func (db *DB) applyPending(ctx context.Context, q querier) ([]string, error) {
	pending, err := pendingMigrations(ctx, q, db.dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	// First of all: where DDL doesn't roll back, this says whose a half-made database is.
	if _, err := q.ExecContext(ctx, createMigrationsTable); err != nil {
		return nil, err
	}
	adapt, err := db.adaptation(ctx, q)
	if err != nil {
		return nil, err
	}
	var applied []string
	for _, m := range pending {
		for _, statement := range m.statements() {
			if _, err := q.ExecContext(ctx, adapt.Replace(statement)); err != nil {
				return applied, fmt.Errorf("migration %s: %w", m.name, err)
			}
		}
		if err := db.record(ctx, q, m); err != nil {
			return applied, fmt.Errorf("migration %s: %w", m.name, err)
		}
		applied = append(applied, m.name)
		db.options.Logger.InfoContext(ctx, "migration applied", "migration", m.name)
	}
	return applied, nil
}

func (db *DB) record(ctx context.Context, q querier, m migration) error {
	const insert = `INSERT INTO "` + migrationsTable + `" ("version", "name", "checksum", "applied_at") VALUES (?, ?, ?, ?)`
	_, err := q.ExecContext(ctx, db.dialect.rebind(insert), m.version, m.name, m.checksum, db.now().Format(time.RFC3339))
	return err
}

// adaptation changes what MySQL calls otherwise than MariaDB.
func (db *DB) adaptation(ctx context.Context, q querier) (*strings.Replacer, error) {
	if db.dialect.name != "mysql" {
		return strings.NewReplacer(), nil
	}
	maria, err := isMariaDB(ctx, q)
	if err != nil || maria {
		return strings.NewReplacer(), err
	}
	return strings.NewReplacer(mariaDBExact, mysqlExact, "ADD INDEX IF NOT EXISTS", "ADD INDEX"), nil
}
