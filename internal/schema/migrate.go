package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
)

const (
	maxDuplicates    = 3                // tries if another server creates the same at the same time
	maxMigrationWait = 10 * time.Minute // for others to stop using the tables
	minPause         = time.Second      // in which others can work, before the next try
	maxPause         = 8 * time.Second
)

// Option is a setting of a [Migrator].
type Option uint8

// The options of migrations.
const (
	WithoutCounts Option = iota + 1 // keep no counts of jobs, for a user who may not make triggers
	AddCounts                       // make the counts that were left out by WithoutCounts
)

// Migrator brings a database up to date.
type Migrator struct {
	Engine  *engine.Engine
	Logger  *slog.Logger
	Now     func() time.Time
	Options []Option
	Refuse  error // the error of Migrate if migrations are pending; nil: they are applied
}

func (m *Migrator) has(o Option) bool { return slices.Contains(m.Options, o) }

// leavesOut reports whether a migration is recorded as left out instead of being applied.
func (m *Migrator) leavesOut(next Migration) bool {
	return next.counts() && m.has(WithoutCounts) && !m.has(AddCounts)
}

// RefusedError says why a database is not migrated.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Migrate applies the pending migrations, and returns the names of those it applied.
func (m *Migrator) Migrate(ctx context.Context) ([]string, error) {
	// Most starts end here, without a lock and without rights to change tables.
	pending, err := m.pending(ctx, m.Engine.Reader)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	if m.Refuse != nil {
		return nil, m.Refuse
	}
	if err := m.checkRights(ctx, pending); err != nil {
		return nil, err
	}
	return m.tryAgain(ctx)
}

// tryAgain applies the pending migrations. While others use the tables it tries again: each try
// waits for the tables a second at most, because all others wait behind it.
func (m *Migrator) tryAgain(ctx context.Context) (applied []string, err error) {
	waited, pause := time.Duration(0), minPause
	for try := 1; ; try++ {
		var done []string
		err = m.Engine.WithSchemaLock(ctx, func(q engine.Querier) (err error) {
			done, err = m.applyPending(ctx, q)
			return err
		})
		if err == nil || m.Engine.Dialect.KeepsDDL {
			applied = append(applied, done...)
		}
		class := m.Engine.ClassOf(err)
		if errors.Is(err, engine.ErrLost) {
			class = engine.ClassRetry
		}
		switch class {
		case engine.ClassRetry:
			if waited >= maxMigrationWait {
				return applied, fmt.Errorf("others have used the tables for %v: %w", waited, err)
			}
		case engine.ClassDuplicate:
			// An older jobdb on another node of a cluster, which doesn't know the lease, may be
			// migrating, too.
			if try >= maxDuplicates {
				return applied, err
			}
		default:
			return applied, err
		}
		m.Logger.WarnContext(ctx, "the database can't be migrated while others use its tables; trying again",
			"pause", pause, "users", m.Engine.Users(ctx), "error", err)
		if err := engine.Sleep(ctx, pause); err != nil {
			return applied, err
		}
		waited, pause = waited+pause, min(2*pause, maxPause)
	}
}

// checkRights refuses migrations that would fail for want of a right. Where DDL can't be rolled
// back they would leave half of the tables behind.
func (m *Migrator) checkRights(ctx context.Context, pending []Migration) error {
	obstacles, err := m.Engine.MigrationObstacles(ctx)
	if err != nil {
		return err
	}
	triggers := slices.ContainsFunc(pending, func(next Migration) bool {
		return next.counts() && !m.leavesOut(next)
	})
	var reasons []string
	avoidable := true
	for _, o := range obstacles {
		if triggers || !o.Triggers {
			reasons = append(reasons, o.Reason)
			avoidable = avoidable && o.Triggers
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	if avoidable {
		reasons = append(reasons, `or "jobdb migrate --without-counts" makes the tables without the counts that triggers keep`)
	}
	return &RefusedError{strings.Join(reasons, "; ")}
}

// pending returns the pending migrations. A database that jobdb must not migrate is a
// [RefusedError].
func (m *Migrator) pending(ctx context.Context, q engine.Querier) ([]Migration, error) {
	d := &m.Engine.Dialect
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
	if m.has(AddCounts) {
		s.pending = append(s.pending, s.leftOut...)
		slices.SortFunc(s.pending, func(a, b Migration) int { return a.version - b.version })
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

// applyPending applies the pending migrations under the lock. Another server may have applied them
// since they were first read.
func (m *Migrator) applyPending(ctx context.Context, q engine.Querier) ([]string, error) {
	pending, err := m.pending(ctx, q)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	// Before all others: where DDL can't be rolled back, this table says that a half-made database
	// is jobdb's.
	if _, err := q.ExecContext(ctx, CreateMigrationsTable); err != nil {
		return nil, err
	}
	var applied []string
	for _, next := range pending {
		if err := m.apply(ctx, q, next); err != nil {
			return applied, fmt.Errorf("migration %s: %w", next.Name, err)
		}
		if m.leavesOut(next) {
			m.Logger.InfoContext(ctx, "migration left out", "migration", next.Name)
			continue
		}
		applied = append(applied, next.Name)
		m.Logger.InfoContext(ctx, "migration applied", "migration", next.Name)
	}
	return applied, nil
}

func (m *Migrator) apply(ctx context.Context, q engine.Querier, next Migration) error {
	if m.leavesOut(next) {
		next.checksum = leftOut
		return m.Record(ctx, q, next)
	}
	if m.has(AddCounts) { // before its statements: a migration that is cut short is then pending, not left out
		const forget = `DELETE FROM "` + migrationsTable + `" WHERE "version" = ?`
		if _, err := q.ExecContext(ctx, m.Engine.Dialect.Rebind(forget), next.version); err != nil {
			return err
		}
	}
	if lock := m.Engine.Dialect.LockWriters; lock[0] != "" && next.changesJobs() {
		// Before all others: without this lock a transaction could lock rows between two statements
		// and write later, so that it and the next statement would wait for each other.
		if _, err := q.ExecContext(ctx, lock[0]+`"Jobs"`+lock[1]); err != nil {
			return err
		}
	}
	for _, statement := range next.Statements() {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return m.Record(ctx, q, next)
}

// Record records that a migration was applied.
func (m *Migrator) Record(ctx context.Context, q engine.Querier, done Migration) error {
	const insert = `INSERT INTO "` + migrationsTable + `" ("version", "name", "checksum", "applied_at") VALUES (?, ?, ?, ?)`
	_, err := q.ExecContext(ctx, m.Engine.Dialect.Rebind(insert), done.version, done.Name, done.checksum, m.Now().Format(time.RFC3339))
	return err
}
