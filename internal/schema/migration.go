package schema

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"path"
	"strconv"
	"strings"

	"jobdb/internal/engine"
)

//go:embed migrations
var migrationFiles embed.FS

// MigrationsTable says which migrations made a database. That it is there
// means that the database is ours: migrations touch no other.
const MigrationsTable = "jobdb_migrations"

const CreateMigrationsTable = `CREATE TABLE IF NOT EXISTS "` + MigrationsTable + `" (
	"version" INTEGER NOT NULL PRIMARY KEY,
	"name" VARCHAR(100) NOT NULL,
	"checksum" CHAR(64) NOT NULL,
	"applied_at" VARCHAR(32) NOT NULL
)`

// migration is one file: NNNN_name.sql.
type migration struct {
	version  int
	name     string // of the file, without .sql
	checksum string // SHA-256 of the file, in hex
	text     string // empty when it was read from a database
}

// migrationFolder has those of a product. MariaDB's keep the name of their family.
var migrationFolder = map[string]string{"SQLite": "sqlite", "MariaDB": "mysql", "MySQL": "mysql8", "PostgreSQL": "postgres"}

// Migrations are those of this program for one product, in their order.
func Migrations(d *engine.Dialect) []migration {
	folder := path.Join("migrations", migrationFolder[d.Product])
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

// Statements splits the text: a statement ends with a line that ends with ";".
func (m migration) Statements() []string {
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
	Applied []migration // by the database's own account
	Pending []migration // of this program's
	Newer   []migration // applied ones that this program doesn't know
	Changed []migration // applied ones whose text was another
}

func ReadMigrationState(ctx context.Context, q engine.Querier, d *engine.Dialect, c catalog) (migrationState, error) {
	var s migrationState
	if c[MigrationsTable] != nil {
		const query = `SELECT "version", "name", "checksum" FROM "` + MigrationsTable + `" ORDER BY "version"`
		err := engine.EachRow(ctx, q, query, func(rows *sql.Rows) error {
			var m migration
			err := rows.Scan(&m.version, &m.name, &m.checksum)
			s.Applied = append(s.Applied, m)
			return err
		})
		if err != nil {
			return s, err
		}
	}
	left := map[int]migration{}
	for _, m := range s.Applied {
		left[m.version] = m
	}
	for _, m := range Migrations(d) {
		applied, ok := left[m.version]
		delete(left, m.version)
		switch {
		case !ok:
			s.Pending = append(s.Pending, m)
		case applied.checksum != m.checksum:
			s.Changed = append(s.Changed, applied)
		}
	}
	for _, m := range s.Applied {
		if _, unknown := left[m.version]; unknown {
			s.Newer = append(s.Newer, m)
		}
	}
	return s, nil
}

// refusal is why this program must not migrate or use the database.
func (s migrationState) refusal() string {
	switch {
	case len(s.Newer) > 0:
		return "the database is from the future: it has " + joinNames(s.Newer) +
			", which this program doesn't know; use a newer jobdb"
	case len(s.Changed) > 0:
		return "the database was made with another text of " + joinNames(s.Changed) +
			" than this program has; use the jobdb that made it, or a later release of it"
	}
	return ""
}

func joinNames(migrations []migration) string {
	return "migration " + strings.Join(MigrationNames(migrations), ", ")
}

func MigrationNames(migrations []migration) []string {
	names := make([]string, len(migrations))
	for i, m := range migrations {
		names[i] = m.name
	}
	return names
}
