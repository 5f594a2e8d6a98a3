package engine

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"

	"jobdb/internal/tables"
)

// NextID returns the ID that the next new job gets, by the database's own counter; 0 where there is
// none.
func NextID(ctx context.Context, q Querier, d *Dialect) (int64, error) { return nextID[d.Name](ctx, q) }

// RaiseNextID makes next the ID of the next new job, unless that is higher already. On MariaDB and
// MySQL it commits the open transaction.
func RaiseNextID(ctx context.Context, q Querier, d *Dialect, next int64) error {
	now, err := NextID(ctx, q, d)
	if err != nil || now >= next {
		return err
	}
	return setNextID[d.Name](ctx, q, next)
}

var nextID = map[string]func(context.Context, Querier) (int64, error){
	"sqlite": func(ctx context.Context, q Querier) (int64, error) {
		last, err := askID(ctx, q, `SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'`)
		if err != nil || last == 0 { // no table of the file is AUTOINCREMENT
			return 0, err
		}
		last, err = askID(ctx, q, `SELECT COALESCE(max(seq), -1) FROM sqlite_sequence WHERE name = '`+tables.JobJDLs.Name+`'`)
		return last + 1, err
	},
	"mysql": func(ctx context.Context, q Querier) (int64, error) {
		next := int64(0)
		// information_schema caches the number, for a day by default on MySQL.
		err := EachRow(ctx, q, "SHOW CREATE TABLE "+tables.JobJDLs.Quoted(), func(rows *sql.Rows) error {
			var name, text string
			if err := rows.Scan(&name, &text); err != nil {
				return err
			}
			if found := autoIncrement.FindStringSubmatch(text); found != nil {
				var err error
				next, err = strconv.ParseInt(found[1], 10, 64)
				return err
			}
			return nil
		})
		return next, err
	},
	"postgres": func(ctx context.Context, q Querier) (int64, error) {
		last, err := askID(ctx, q, `SELECT COALESCE(pg_sequence_last_value(`+identity+`::regclass), 0)`)
		return last + 1, err
	},
}

var setNextID = map[string]func(context.Context, Querier, int64) error{
	"sqlite": func(ctx context.Context, q Querier, next int64) error {
		result, err := q.ExecContext(ctx, `UPDATE sqlite_sequence SET seq = ? WHERE name = ?`, next-1, tables.JobJDLs.Name)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		_, err = q.ExecContext(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, tables.JobJDLs.Name, next-1)
		return err
	},
	"mysql": func(ctx context.Context, q Querier, next int64) error {
		_, err := q.ExecContext(ctx, "ALTER TABLE "+tables.JobJDLs.Quoted()+" AUTO_INCREMENT = "+strconv.FormatInt(next, 10))
		return err
	},
	"postgres": func(ctx context.Context, q Querier, next int64) error {
		_, err := q.ExecContext(ctx, `SELECT setval(`+identity+`, $1)`, next-1)
		return err
	},
}

// autoIncrement is among the options at the end of a CREATE TABLE.
var autoIncrement = regexp.MustCompile(`(?s)\n\).* AUTO_INCREMENT=([0-9]+)`)

// identity is the sequence of PostgreSQL that numbers jobs.
const identity = `pg_get_serial_sequence('"JobJDLs"', 'JobID')`

func askID(ctx context.Context, q Querier, query string) (int64, error) {
	var id int64
	err := EachRow(ctx, q, query, func(rows *sql.Rows) error { return rows.Scan(&id) })
	return id, err
}
