package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/stdlib"
)

// OnPool returns the engine of the caller's own pool, which its driver tells. It checks the
// settings of the connections, which it can't change. Close leaves the pool open.
func OnPool(ctx context.Context, pool *sql.DB, o Settings) (*Engine, error) {
	e, check := engineOfDriver(pool)
	if e == nil {
		return nil, fmt.Errorf("the pool's driver is %T; jobdb knows those of go-sql-driver/mysql, pgx's stdlib, and "+
			"the SQLite driver named %q", pool.Driver(), SQLiteDriver)
	}
	e.Given, e.Close, e.logger = true, func() error { return nil }, o.Logger
	if e.Dialect.Name != SQLite.Name {
		e.WriteOptions.ReadOnly = o.ReadOnly
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return e, err
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	return e, check(ctx, conn, o)
}

type poolCheck = func(context.Context, *sql.Conn, Settings) error

func engineOfDriver(pool *sql.DB) (*Engine, poolCheck) {
	switch driver := pool.Driver().(type) {
	case *mysql.MySQLDriver:
		return onMySQL(pool), checkMySQL
	case *stdlib.Driver:
		return onPostgres(pool), checkPostgres
	default:
		if !isSQLite(driver) {
			return nil, nil
		}
		e := onSQLite(pool)
		return e, func(ctx context.Context, conn *sql.Conn, _ Settings) error {
			return checkSQLite(ctx, conn, e.OneConnection)
		}
	}
}

// checkMySQL checks that a connection has the settings that mysqlConnector makes.
func checkMySQL(ctx context.Context, conn *sql.Conn, o Settings) error {
	var quotes, strict, utf8, commits bool
	var at any
	query := `SELECT @@sql_mode LIKE '%ANSI_QUOTES%', @@sql_mode LIKE '%STRICT_%', @@character_set_client = 'utf8mb4', @@autocommit, CAST('2024-07-01 12:00:00' AS DATETIME)`
	if err := conn.QueryRowContext(ctx, query).Scan(&quotes, &strict, &utf8, &commits, &at); err != nil {
		return err
	}
	parsed, isTime := at.(time.Time)
	switch {
	case !quotes || !strict:
		return errors.New("the pool's sql_mode must have ANSI_QUOTES and STRICT_ALL_TABLES: add sql_mode='ANSI_QUOTES,STRICT_ALL_TABLES' to its DSN, URL-encoded")
	case !utf8:
		return errors.New("the pool's character set must be utf8mb4: set charset=utf8mb4 in its DSN")
	case !commits:
		return errors.New("the pool's connections must commit each statement: add autocommit=1 to its DSN")
	case !isTime:
		return errors.New("the pool must read times: set parseTime=true in its DSN")
	case parsed.Location() != time.UTC:
		return errors.New("the pool must write times in UTC: set loc=UTC in its DSN")
	case o.ReadOnly:
		return nil // nothing is updated
	}
	return checkFoundRows(ctx, conn)
}

// checkFoundRows tries out how updated rows are counted, because no variable tells.
func checkFoundRows(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{`CREATE TEMPORARY TABLE "jobdb_found_rows" ("n" INTEGER)`, `INSERT INTO "jobdb_found_rows" VALUES (1)`} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("see in a temporary table whether the pool has clientFoundRows: %w", err)
		}
	}
	result, err := conn.ExecContext(ctx, `UPDATE "jobdb_found_rows" SET "n" = 1`)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = errors.New("the pool must count rows that an UPDATE finds, changed or not: set clientFoundRows=true in its DSN")
	}
	_, dropErr := conn.ExecContext(context.WithoutCancel(ctx), `DROP TEMPORARY TABLE "jobdb_found_rows"`)
	return errors.Join(err, dropErr)
}

func checkPostgres(ctx context.Context, conn *sql.Conn, _ Settings) error {
	var utc bool
	if err := conn.QueryRowContext(ctx, `SELECT current_setting('TimeZone') IN ('UTC', 'Etc/UTC')`).Scan(&utc); err != nil {
		return err
	}
	if !utc {
		return errors.New("the pool's time zone must be UTC: add timezone=UTC to its URL")
	}
	return nil
}

func checkSQLite(ctx context.Context, conn *sql.Conn, alone bool) error {
	var foreignKeys, functions int
	var file string
	query := `SELECT (SELECT foreign_keys FROM pragma_foreign_keys), (SELECT file FROM pragma_database_list WHERE name = 'main'),
		(SELECT count(*) FROM pragma_function_list WHERE name = 'regexp' AND narg = 2)`
	if err := conn.QueryRowContext(ctx, query).Scan(&foreignKeys, &file, &functions); err != nil {
		return err
	}
	switch {
	case foreignKeys != 1:
		return errors.New("the pool must enforce foreign keys: set " + foreignKeysOption + " in its DSN")
	case functions == 0:
		return fmt.Errorf("the pool lacks the function REGEXP: open it with the driver named %q", SQLiteDriver)
	case file == "" && !alone:
		return errors.New("each connection to a database in memory has its own: call SetMaxOpenConns(1), or open the URL sqlite::memory: instead")
	}
	return nil
}
