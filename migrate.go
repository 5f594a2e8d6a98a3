package jobdb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations
var migrationFiles embed.FS

// migrationsTable says which migrations made a database. That it is there
// means that the database is ours: migrations touch no other.
const migrationsTable = "jobdb_migrations"

const createMigrationsTable = `CREATE TABLE IF NOT EXISTS "` + migrationsTable + `" (
	"version" INTEGER NOT NULL PRIMARY KEY,
	"name" VARCHAR(100) NOT NULL,
	"checksum" CHAR(64) NOT NULL,
	"applied_at" VARCHAR(32) NOT NULL
)`

const mostMigrationTries = 3

// migration is one file: NNNN_name.sql.
type migration struct {
	version  int
	name     string // of the file, without .sql
	checksum string // SHA-256 of the file, in hex
	text     string // empty when it was read from a database
}

// knownMigrations are those of this program for one engine, in their order.
func knownMigrations(d *dialect) []migration {
	folder := path.Join("migrations", d.name)
	files, err := migrationFiles.ReadDir(folder)
	if err != nil {
		panic(err) // they are embedded
	}
	known := make([]migration, len(files))
	for i, file := range files {
		content, readErr := migrationFiles.ReadFile(path.Join(folder, file.Name()))
		name := strings.TrimSuffix(file.Name(), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, numberErr := strconv.Atoi(number)
		if err := errors.Join(readErr, numberErr); err != nil {
			panic(err)
		}
		text := strings.ReplaceAll(string(content), "\r\n", "\n") // git may have changed them
		sum := sha256.Sum256([]byte(text))
		known[i] = migration{version, name, hex.EncodeToString(sum[:]), text}
	}
	return known
}

// statements splits the text: a statement ends with a line that ends with ";".
func (m migration) statements() []string {
	var (
		all []string
		b   strings.Builder
	)
	for line := range strings.Lines(m.text) {
		line = strings.TrimRight(line, " \n")
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		statement, end := strings.CutSuffix(line, ";")
		b.WriteString(statement + "\n")
		if end {
			all = append(all, b.String())
			b.Reset()
		}
	}
	return all
}

// migrationState compares what made a database with what this program knows.
type migrationState struct {
	applied []migration // by the database's own account
	pending []migration // of this program's
	newer   []migration // applied ones that this program doesn't know
	changed []migration // applied ones whose text was another
}

func readMigrationState(ctx context.Context, q querier, d *dialect, c catalog) (migrationState, error) {
	var s migrationState
	if c[migrationsTable] != nil {
		const query = `SELECT "version", "name", "checksum" FROM "` + migrationsTable + `" ORDER BY "version"`
		err := eachRow(ctx, q, query, func(rows *sql.Rows) error {
			var m migration
			err := rows.Scan(&m.version, &m.name, &m.checksum)
			s.applied = append(s.applied, m)
			return err
		})
		if err != nil {
			return s, err
		}
	}
	left := map[int]migration{}
	for _, m := range s.applied {
		left[m.version] = m
	}
	for _, m := range knownMigrations(d) {
		applied, ok := left[m.version]
		delete(left, m.version)
		switch {
		case !ok:
			s.pending = append(s.pending, m)
		case applied.checksum != m.checksum:
			s.changed = append(s.changed, applied)
		}
	}
	for _, m := range s.applied {
		if _, unknown := left[m.version]; unknown {
			s.newer = append(s.newer, m)
		}
	}
	return s, nil
}

// refusal is why this program must not migrate or use the database.
func (s migrationState) refusal() string {
	switch {
	case len(s.newer) > 0:
		return "the database is from the future: it has " + migrationNames(s.newer) +
			", which this program doesn't know; use a newer jobdb"
	case len(s.changed) > 0:
		return "the database was made with another text of " + migrationNames(s.changed) +
			" than this program has; use the jobdb that made it, or a later release of it"
	}
	return ""
}

func migrationNames(migrations []migration) string {
	return "migration " + strings.Join(namesOf(migrations), ", ")
}

func namesOf(migrations []migration) []string {
	names := make([]string, len(migrations))
	for i, m := range migrations {
		names[i] = m.name
	}
	return names
}

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
