package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// schemaLockWait is how long a server waits for another one to finish migrating.
const schemaLockWait = 10 * time.Minute

// tableLockWait is how long a statement that changes a table waits for transactions that use it,
// because all later ones wait behind it, on every server.
const tableLockWait = time.Second

// WithSchemaLock runs fn while no other server migrates this database, in one transaction where the
// engine's DDL can be rolled back.
func (e *Engine) WithSchemaLock(ctx context.Context, fn func(Querier) error) error {
	return e.withSchemaLock(ctx, e, fn)
}

// Users describes the connections that have used the tables for longest, for the log. It is empty
// if this user may not see them.
func (e *Engine) Users(ctx context.Context) (users []string) {
	for _, query := range e.Dialect.Catalog.Users {
		err := EachRow(ctx, e.Reader, query, func(rows *sql.Rows) error {
			user := ""
			err := rows.Scan(&user)
			users = append(users, user)
			return err
		})
		if err == nil {
			return users
		}
		users = nil // it takes a right that this user lacks
	}
	return nil
}

// sqliteSchemaLock needs no lock: the writer's transactions begin IMMEDIATE, which is one.
func sqliteSchemaLock(ctx context.Context, e *Engine, fn func(Querier) error) error {
	if err := startWAL(ctx, e); err != nil {
		return err
	}
	tx, err := new(turns).begin(ctx, e.Writer, nil)
	if err != nil {
		return err
	}
	return endTransaction(tx, fn)
}

func inTransaction(ctx context.Context, pool *sql.DB, options *sql.TxOptions, fn func(Querier) error) error {
	tx, err := pool.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	return endTransaction(tx, fn)
}

func endTransaction(tx *sql.Tx, fn func(Querier) error) error {
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// startWAL switches a file to a write-ahead log, with which readers don't wait for the writer. The
// file keeps that setting, so only an empty file is switched. Some file systems can't do it; jobdb
// works there, too.
func startWAL(ctx context.Context, e *Engine) error {
	tables, err := AskText(ctx, e.Writer, "SELECT count(*) FROM sqlite_master")
	if err != nil || tables != "0" {
		return err
	}
	mode := ""
	for range maxWALTries { // where two switch at once, SQLite doesn't wait by itself
		mode, err = AskText(ctx, e.Writer, "PRAGMA journal_mode = WAL")
		if err == nil || e.ClassOf(err) != ClassRetry {
			break
		}
		if err := Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	if err == nil && mode != "wal" && mode != "memory" {
		e.logger.WarnContext(ctx, "no write-ahead log on this file system: readers wait for writers", "mode", mode)
	}
	return err
}

const maxWALTries = 30

// postgresLock is any number that nobody else takes.
const postgresLock = "8314046631205172805"

// postgresSchemaLock takes a lock that ends with the transaction. Neither waiting for it nor making
// an index on many rows is bound by the limit for statements.
func postgresSchemaLock(ctx context.Context, e *Engine, fn func(Querier) error) error {
	// READ COMMITTED, because what was committed while waiting for the lock must be seen.
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	return inTransaction(ctx, e.Writer, options, func(q Querier) error {
		for _, statement := range []string{
			"SET LOCAL statement_timeout = 0",
			"SET LOCAL lock_timeout = " + strconv.FormatInt(schemaLockWait.Milliseconds(), 10),
			"SELECT pg_advisory_xact_lock(" + postgresLock + ")",
			"SET LOCAL lock_timeout = " + strconv.FormatInt(tableLockWait.Milliseconds(), 10),
		} {
			if _, err := q.ExecContext(ctx, statement); e.ClassOf(err) == ClassRetry {
				return fmt.Errorf("another server has been migrating this database for %v: %w", schemaLockWait, ErrGaveUp)
			} else if err != nil {
				return err
			}
		}
		return fn(q)
	})
}

const mysqlLockWait = 5 * time.Second // in each GET_LOCK

// mysqlSchemaLock holds the lock on a connection of its own. That is closed afterwards, because it
// has other limits, and because closing it surely ends the lock.
func mysqlSchemaLock(ctx context.Context, e *Engine, fn func(Querier) error) error {
	conn, err := e.Writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	d := &e.Dialect
	for _, statement := range []string{d.unlimited, "SET SESSION lock_wait_timeout = " + strconv.Itoa(int(tableLockWait.Seconds()))} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for waited := time.Duration(0); ; waited += mysqlLockWait {
		if got, err := AskText(ctx, conn, "SELECT GET_LOCK("+d.lockName+", 5)"); err != nil {
			return err
		} else if got == "1" {
			break
		}
		if waited >= schemaLockWait {
			return fmt.Errorf("another server has been migrating this database for %v: %w", schemaLockWait, ErrGaveUp)
		}
	}
	// Released explicitly, because the server may notice late that the connection is closed.
	defer conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+d.lockName+")") //nolint:errcheck // it ends with the connection
	if cluster, err := inCluster(ctx, conn); err != nil {
		return err
	} else if cluster {
		return withClusterLease(ctx, e, conn, fn)
	}
	return fn(conn)
}

// discard closes a connection instead of giving it back to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}
