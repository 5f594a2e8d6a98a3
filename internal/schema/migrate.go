package schema

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"jobdb/internal/engine"
)

const maxMigrationTries = 3

// Migrator brings a database up to date.
type Migrator struct {
	Engine *engine.Engine
	Logger *slog.Logger
	Now    func() time.Time
	Refuse error // instead of applying migrations; nil: they are applied
}

// RefusedError is why a database is not migrated.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Migrate applies what is pending, and returns the names of what it applied.
func (m *Migrator) Migrate(ctx context.Context) ([]string, error) {
	// Most starts end here, without a lock and without rights to change tables.
	pending, err := pendingMigrations(ctx, m.Engine.Reader, &m.Engine.Dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	if m.Refuse != nil {
		return nil, m.Refuse
	}
	var applied []string
	for range maxMigrationTries {
		err = m.Engine.WithSchemaLock(ctx, func(q engine.Querier) error {
			var err error
			applied, err = m.applyPending(ctx, q)
			return err
		})
		// The lock of MariaDB holds on one node of a cluster; servers on two nodes can get in each
		// other's way.
		if class := m.Engine.ClassOf(err); class != engine.ClassRetry && class != engine.ClassDuplicate {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// pendingMigrations also refuses databases that are not ours to migrate.
func pendingMigrations(ctx context.Context, q engine.Querier, d *engine.Dialect) ([]Migration, error) {
	c, err := ReadCatalog(ctx, q, d)
	if err == nil && c.foreign() {
		// MariaDB's catalog is no snapshot: another server's migrations may have begun while it was
		// read.
		c, err = ReadCatalog(ctx, q, d)
	}
	if err != nil {
		return nil, err
	}
	if c.foreign() {
		return nil, &RefusedError{foreignReason(c, d)}
	}
	s, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return nil, err
	}
	if reason := s.refusal(); reason != "" {
		return nil, &RefusedError{reason}
	}
	return s.pending, nil
}

func foreignReason(c Catalog, d *engine.Dialect) string {
	const never = "migrations touch no database that they did not make"
	if kind := inspect(c, d, false).Kind; kind != KindUnknown {
		return "the tables in this database were made by " + string(kind) + "; jobdb works on them as they are, and " + never
	}
	return `the database has tables of the same names as jobdb's, made by something else; "jobdb schema check" says more, and ` + never
}

// applyPending runs under the lock: what was pending before may be done now.
func (m *Migrator) applyPending(ctx context.Context, q engine.Querier) ([]string, error) {
	pending, err := pendingMigrations(ctx, q, &m.Engine.Dialect)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	// First of all: where DDL doesn't roll back, this says whose a half-made database is.
	if _, err := q.ExecContext(ctx, CreateMigrationsTable); err != nil {
		return nil, err
	}
	var applied []string
	for _, next := range pending {
		for _, statement := range next.Statements() {
			if _, err := q.ExecContext(ctx, statement); err != nil {
				return applied, fmt.Errorf("migration %s: %w", next.Name, err)
			}
		}
		if err := m.Record(ctx, q, next); err != nil {
			return applied, fmt.Errorf("migration %s: %w", next.Name, err)
		}
		applied = append(applied, next.Name)
		m.Logger.InfoContext(ctx, "migration applied", "migration", next.Name)
	}
	return applied, nil
}

// Record notes that a migration was applied.
func (m *Migrator) Record(ctx context.Context, q engine.Querier, done Migration) error {
	const insert = `INSERT INTO "` + migrationsTable + `" ("version", "name", "checksum", "applied_at") VALUES (?, ?, ?, ?)`
	_, err := q.ExecContext(ctx, m.Engine.Dialect.Rebind(insert), done.version, done.Name, done.checksum, m.Now().Format(time.RFC3339))
	return err
}
