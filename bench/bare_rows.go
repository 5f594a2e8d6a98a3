package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"jobdb"
)

// field is a column with its type on PostgreSQL and in MariaDB's JSON_TABLE.
type field struct{ name, postgres, mariadb string }

var (
	idField    = field{"JobID", "bigint", "BIGINT"}
	timeType   = [2]string{"timestamptz", "DATETIME(6)"}
	textFields = func(names ...string) []field {
		fields := make([]field, len(names))
		for i, name := range names {
			fields[i] = field{name, "text", "TEXT"}
		}
		return fields
	}
)

// insert adds rows the fastest way that the engine has: a prepared loop on
// SQLite, statements of up to 1,000 rows on MariaDB, COPY on PostgreSQL.
// With a suffix (an upsert) COPY can't serve, and arrays take its place.
func (t *bareTx) insert(ctx context.Context, table string, fields []field, rows [][]any, suffix string) error {
	switch {
	case t.engine == "sqlite":
		return t.loop(ctx, insertText(table, fields, 1)+suffix, rows)
	case isMySQL(t.engine):
		for len(rows) > 0 {
			n := min(len(rows), 1000)
			if _, err := t.exec(ctx, insertText(table, fields, n)+suffix, flat(rows[:n])...); err != nil {
				return err
			}
			rows = rows[n:]
		}
		return nil
	case len(rows) < 10:
		_, err := t.exec(ctx, insertText(table, fields, len(rows))+suffix, flat(rows)...)
		return err
	case suffix != "":
		text := `INSERT INTO "` + table + `" (` + names(fields) + ") SELECT * FROM " + unnest(fields) + " WHERE true" + suffix
		_, err := t.exec(ctx, text, arrays(fields, rows)...)
		return err
	}
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = f.name
	}
	return t.conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
}

// loop runs one prepared statement for every row, on SQLite.
func (t *bareTx) loop(ctx context.Context, text string, rows [][]any) error {
	statement, err := t.tx.PrepareContext(ctx, text)
	if err != nil {
		return fmt.Errorf("%w in %.200s", err, text)
	}
	defer statement.Close()
	args := make([]any, 0, 32)
	for _, row := range rows {
		if _, err := statement.ExecContext(ctx, sqliteArgs(args, row)...); err != nil {
			return err
		}
	}
	return nil
}

// update sets the columns after the first in rows that begin with a JobID:
// a prepared loop on SQLite, a join with one batch elsewhere.
func (t *bareTx) update(ctx context.Context, table string, fields []field, rows [][]any, where string) (int64, error) {
	sets := make([]string, len(fields)-1)
	for i, f := range fields[1:] {
		sets[i] = `"` + f.name + `" = ?`
	}
	if t.engine == "sqlite" || len(rows) == 1 {
		for i, row := range rows {
			rows[i] = append(row[1:len(row):len(row)], row[0])
		}
		text := `UPDATE "` + table + `" SET ` + strings.Join(sets, ", ") + ` WHERE "JobID" = ?` + where
		if t.engine == "sqlite" {
			return int64(len(rows)), t.loop(ctx, text, rows)
		}
		return t.exec(ctx, text, rows[0]...)
	}
	for i, f := range fields[1:] {
		sets[i] = `"` + f.name + `" = s."new` + f.name + `"`
	}
	set := strings.Join(sets, ", ")
	if t.engine == "postgres" {
		return t.exec(ctx, `UPDATE "`+table+`" SET `+set+" FROM "+unnest(fields)+` WHERE "JobID" = s."newJobID"`+where, arrays(fields, rows)...)
	}
	batch, err := jsonRows(rows)
	if err != nil {
		return 0, err
	}
	return t.exec(ctx, "UPDATE "+jsonTable(fields)+` STRAIGHT_JOIN "`+table+`" ON "JobID" = s."newJobID" SET `+set+" WHERE 1 = 1"+where, batch)
}

// execIDs runs a statement for a list of jobs. The text ends with WHERE "JobID"; the suffix follows
// the list.
func (t *bareTx) execIDs(ctx context.Context, text string, ids []jobdb.JobID, suffix string) (int64, error) {
	condition, args := t.in(ids)
	return t.exec(ctx, text+condition+suffix, args...)
}

// queryIDs runs a query for a list of jobs. The text ends with WHERE "JobID"; the suffix follows
// the list.
func (b *bareDB) queryIDs(
	ctx context.Context, tx *sql.Tx, text string, ids []jobdb.JobID, suffix string, each func(*sql.Rows) error,
) (int64, error) {
	condition, args := b.in(ids)
	return b.query(ctx, tx, text+condition+suffix, args, each)
}

// in is the rest of a condition that a column has one of these IDs, with its arguments.
func (b *bareDB) in(ids []jobdb.JobID) (string, []any) {
	switch {
	case len(ids) == 1:
		return " = ?", []any{int64(ids[0])}
	case b.engine == "sqlite":
		list, _ := json.Marshal(ids) // of integers: can't fail
		return " IN (SELECT value FROM json_each(?))", []any{string(list)}
	case b.engine == "postgres":
		list := make([]int64, len(ids))
		for i, id := range ids {
			list[i] = int64(id)
		}
		return " = ANY(?)", []any{list}
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = int64(id)
	}
	return " IN (?" + strings.Repeat(",?", len(ids)-1) + ")", args
}

func names(fields []field) string {
	quoted := make([]string, len(fields))
	for i, f := range fields {
		quoted[i] = `"` + f.name + `"`
	}
	return strings.Join(quoted, ", ")
}

func insertText(table string, fields []field, rows int) string {
	row := "(?" + strings.Repeat(",?", len(fields)-1) + ")"
	return `INSERT INTO "` + table + `" (` + names(fields) + ") VALUES " + row + strings.Repeat(","+row, rows-1)
}

func unnest(fields []field) string {
	types, columns := make([]string, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		types[i], columns[i] = "?::"+f.postgres+"[]", `"new`+f.name+`"`
	}
	return "unnest(" + strings.Join(types, ", ") + ") AS s(" + strings.Join(columns, ", ") + ")"
}

func jsonTable(fields []field) string {
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = fmt.Sprintf(`"new%s" %s PATH '$[%d]'`, f.name, f.mariadb, i)
	}
	return "JSON_TABLE(?, '$[*]' COLUMNS(" + strings.Join(columns, ", ") + ")) AS s"
}

const sqliteTime = "2006-01-02 15:04:05.000000"

func jsonRows(rows [][]any) (string, error) {
	for _, row := range rows {
		for i, value := range row {
			if at, ok := value.(time.Time); ok {
				row[i] = at.Format(sqliteTime)
			}
		}
	}
	batch, err := json.Marshal(rows)
	return string(batch), err
}

func sqliteArgs(args, row []any) []any {
	args = args[:0]
	for _, value := range row {
		if at, ok := value.(time.Time); ok {
			value = at.Format(sqliteTime)
		}
		args = append(args, value)
	}
	return args
}

func flat(rows [][]any) []any {
	args := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// arrays turns rows into one array for each column.
func arrays(fields []field, rows [][]any) []any {
	columns := make([]any, len(fields))
	for i, f := range fields {
		switch f.postgres {
		case "bigint":
			columns[i] = column[int64](rows, i)
		case "float8":
			columns[i] = column[float64](rows, i)
		case "timestamptz":
			columns[i] = column[time.Time](rows, i)
		default:
			columns[i] = column[string](rows, i)
		}
	}
	return columns
}

func column[T any](rows [][]any, i int) []T {
	values := make([]T, len(rows))
	for j, row := range rows {
		values[j], _ = row[i].(T)
	}
	return values
}
