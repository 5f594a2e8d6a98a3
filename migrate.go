package jobdb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const mostMigrationTries = 3

// migrator brings a database up to date.
type migrator struct {
	engine *engine
	logger *slog.Logger
	now    func() time.Time
}

// refusedError is why a database is not migrated.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

func (m *migrator) migrate(ctx context.Context) ([]string, error) {
	// Most starts end here, without a lock and without rights to change tables.
	pending, err := pendingMigrations(ctx, m.engine.reader, &m.engine.dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	var applied []string
	for range mostMigrationTries {
		err = m.locked(ctx, func(q querier) error {
			var err error
			applied, err = m.applyPending(ctx, q)
			return err
		})
		// The lock of MariaDB holds on one node of a cluster; servers on two nodes can get in each other's way.
		if class := m.engine.classOf(err); class != classRetry && class != classDuplicate {
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
		return nil, &refusedError{foreignReason(c, d)}
	}
	s, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return nil, err
	}
	if reason := s.refusal(); reason != "" {
		return nil, &refusedError{reason}
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
func (m *migrator) applyPending(ctx context.Context, q querier) ([]string, error) {
	pending, err := pendingMigrations(ctx, q, &m.engine.dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	// First of all: where DDL doesn't roll back, this says whose a half-made database is.
	if _, err := q.ExecContext(ctx, createMigrationsTable); err != nil {
		return nil, err
	}
	adapt, err := m.adaptation(ctx, q)
	if err != nil {
		return nil, err
	}
	var applied []string
	for _, next := range pending {
		for _, statement := range next.statements() {
			if _, err := q.ExecContext(ctx, adapt.Replace(statement)); err != nil {
				return applied, fmt.Errorf("migration %s: %w", next.name, err)
			}
		}
		if err := m.record(ctx, q, next); err != nil {
			return applied, fmt.Errorf("migration %s: %w", next.name, err)
		}
		applied = append(applied, next.name)
		m.logger.InfoContext(ctx, "migration applied", "migration", next.name)
	}
	return applied, nil
}

func (m *migrator) record(ctx context.Context, q querier, done migration) error {
	const insert = `INSERT INTO "` + migrationsTable + `" ("version", "name", "checksum", "applied_at") VALUES (?, ?, ?, ?)`
	_, err := q.ExecContext(ctx, m.engine.dialect.rebind(insert), done.version, done.name, done.checksum, m.now().Format(time.RFC3339))
	return err
}

// adaptation changes what MySQL calls otherwise than MariaDB.
func (m *migrator) adaptation(ctx context.Context, q querier) (*strings.Replacer, error) {
	if m.engine.dialect.name != "mysql" {
		return strings.NewReplacer(), nil
	}
	maria, err := isMariaDB(ctx, q)
	if err != nil || maria {
		return strings.NewReplacer(), err
	}
	return strings.NewReplacer(mariaDBExact, mysqlExact, "ADD INDEX IF NOT EXISTS", "ADD INDEX"), nil
}
