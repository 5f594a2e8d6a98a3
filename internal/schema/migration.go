package schema

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"jobdb/internal/engine"
)

//go:embed migrations
var migrationFiles embed.FS

// migrationsTable has the migrations that were applied. A database that has this table is jobdb's
// own; migrations touch no other.
const migrationsTable = "jobdb_migrations"

// CreateMigrationsTable is the statement that makes the table of applied migrations.
const CreateMigrationsTable = `CREATE TABLE IF NOT EXISTS "` + migrationsTable + `" (
	"version" INTEGER NOT NULL PRIMARY KEY,
	"name" VARCHAR(100) NOT NULL,
	"checksum" CHAR(64) NOT NULL,
	"applied_at" VARCHAR(32) NOT NULL
)`

// Migration is one file: NNNN_name.sql.
type Migration struct {
	Name     string // of the file, without .sql
	version  int
	checksum string // SHA-256 of the file, in hex
	text     string // empty when it was read from a database
}

// Migrations returns this program's migrations for a dialect, in their order.
func Migrations(d *engine.Dialect) []Migration {
	folder := path.Join("migrations", d.Migrations)
	files, err := migrationFiles.ReadDir(folder)
	if err != nil {
		panic(err) // they are embedded
	}
	known := make([]Migration, len(files))
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
		known[i] = Migration{Name: name, version: version, checksum: hex.EncodeToString(sum[:]), text: text}
	}
	return known
}

// changesJobs reports whether a migration changes the existing table Jobs.
func (m Migration) changesJobs() bool {
	return m.version > 1 && strings.Contains(m.text, ` ON "Jobs"`)
}

// Statements splits the text into statements. Each ends with a line that ends with ";".
func (m Migration) Statements() []string {
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

// migrationState compares the migrations that a database has with those of this program.
type migrationState struct {
	applied []Migration // as the database has them
	pending []Migration // of this program, not applied yet
	newer   []Migration // applied ones that this program doesn't know
	changed []Migration // applied ones whose text differs from this program's

	withoutCounts bool        // the counts were left out
	leftOut       []Migration // the migrations of counts, if left out: neither applied nor pending
}

// leftOut is recorded in the place of the checksum of a migration that was left out.
const leftOut = "left out"

// counts reports whether a migration makes triggers that keep counts. Not every user may make
// triggers.
func (m Migration) counts() bool { return strings.Contains(m.Name, "_counts") }

// readMigrationState asks the database, whose catalog is c.
func readMigrationState(ctx context.Context, q engine.Querier, d *engine.Dialect, c Catalog) (migrationState, error) {
	var s migrationState
	if c[migrationsTable] != nil {
		const query = `SELECT "version", "name", "checksum" FROM "` + migrationsTable + `" ORDER BY "version"`
		err := engine.EachRow(ctx, q, query, func(rows *sql.Rows) error {
			var m Migration
			err := rows.Scan(&m.version, &m.Name, &m.checksum)
			if strings.TrimRight(m.checksum, " ") == leftOut { // PostgreSQL pads it to its length
				s.withoutCounts = true
			} else {
				s.applied = append(s.applied, m)
			}
			return err
		})
		if err != nil {
			return s, err
		}
	}
	left := map[int]Migration{}
	for _, m := range s.applied {
		left[m.version] = m
	}
	for _, m := range Migrations(d) {
		applied, ok := left[m.version]
		delete(left, m.version)
		switch {
		case !ok && m.counts() && s.withoutCounts:
			s.leftOut = append(s.leftOut, m)
		case !ok:
			s.pending = append(s.pending, m)
		case ok && applied.checksum != m.checksum:
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
		return "the database is from the future: it has " + joinNames(s.newer) +
			", which this program doesn't know; use a newer jobdb"
	case len(s.changed) > 0:
		return "the database was made with another text of " + joinNames(s.changed) +
			" than this program has; use the jobdb that made it, or a later release of it"
	}
	return ""
}

// endsOlder ends the name of a migration that an older jobdb must not work on.
const endsOlder = "_ends_older"

// Newer returns the migrations that a newer jobdb has applied to a database of ours, and whether
// this program must stop working on it.
func Newer(ctx context.Context, q engine.Querier, d *engine.Dialect) (names []string, ends bool, err error) {
	s, err := readMigrationState(ctx, q, d, Catalog{migrationsTable: {}})
	names = MigrationNames(s.newer)
	return names, slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, endsOlder) }), err
}

func joinNames(migrations []Migration) string {
	return "migration " + strings.Join(MigrationNames(migrations), ", ")
}

// MigrationNames returns the names of migrations.
func MigrationNames(migrations []Migration) []string {
	names := make([]string, len(migrations))
	for i, m := range migrations {
		names[i] = m.Name
	}
	return names
}
