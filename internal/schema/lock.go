package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"

	"jobdb/internal/engine"
)

// migrationWait is how long a server waits for another one to finish migrating.
const migrationWait = 10 * time.Minute

// locked runs fn while no other server migrates this database, in one
// transaction where the engine's DDL can be rolled back.
func (m *Migrator) locked(ctx context.Context, fn func(engine.Querier) error) error {
	switch m.Engine.Dialect.Name {
	case "sqlite":
		if err := m.startWAL(ctx); err != nil {
			return err
		}
		return m.inTransaction(ctx, fn) // it begins IMMEDIATE, which is the lock
	case "postgres":
		return m.inTransaction(ctx, func(q engine.Querier) error {
			if err := lockPostgres(ctx, q); err != nil {
				return err
			}
			return fn(q)
		})
	}
	return m.lockedMySQL(ctx, fn)
}

func (m *Migrator) inTransaction(ctx context.Context, fn func(engine.Querier) error) error {
	// What a lock was waited for must be seen after it, so no older snapshot. SQLite knows no levels.
	options := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	if m.Engine.Dialect.Name == "sqlite" {
		options = nil
	}
	tx, err := m.Engine.Writer.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// startWAL lets readers go on while one writes. It stays so with the file, so
// only a file in which there is nothing yet is changed. Some file systems can't; jobdb works there, too.
func (m *Migrator) startWAL(ctx context.Context) error {
	tables, err := engine.AskText(ctx, m.Engine.Writer, "SELECT count(*) FROM sqlite_master")
	if err != nil || tables != "0" {
		return err
	}
	mode := ""
	for range maxWALTries { // where two switch at once, SQLite doesn't wait by itself
		mode, err = engine.AskText(ctx, m.Engine.Writer, "PRAGMA journal_mode = WAL")
		if err == nil || m.Engine.ClassOf(err) != engine.ClassRetry {
			break
		}
		if err := engine.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	if err == nil && mode != "wal" && mode != "memory" {
		m.Logger.WarnContext(ctx, "no write-ahead log on this file system: readers wait for writers", "mode", mode)
	}
	return err
}

const maxWALTries = 30

// postgresLock is any number that nobody else takes.
const postgresLock = "8314046631205172805"

// lockPostgres takes a lock that ends with the transaction. Neither waiting
// for it nor making an index on many rows is bound by the limit for statements.
func lockPostgres(ctx context.Context, q engine.Querier) error {
	for _, statement := range []string{
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL lock_timeout = " + strconv.FormatInt(migrationWait.Milliseconds(), 10),
		"SELECT pg_advisory_xact_lock(" + postgresLock + ")",
	} {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

const mysqlLockWait = 5 * time.Second // in each GET_LOCK

// lockedMySQL holds the lock with a connection of its own, which is not used
// again: it has other limits, and with it every lock ends.
func (m *Migrator) lockedMySQL(ctx context.Context, fn func(engine.Querier) error) error {
	conn, err := m.Engine.Writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	d := m.Engine.Dialect
	if _, err := conn.ExecContext(ctx, d.Unlimited); err != nil {
		return err
	}
	for waited := time.Duration(0); ; waited += mysqlLockWait {
		if got, err := engine.AskText(ctx, conn, "SELECT GET_LOCK("+d.LockName+", 5)"); err != nil {
			return err
		} else if got == "1" {
			break
		}
		if waited >= migrationWait {
			return fmt.Errorf("another server has been migrating this database for %v: %w", migrationWait, engine.ErrGaveUp)
		}
	}
	// Told before the connection ends, which the server may notice late.
	defer conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+d.LockName+")") //nolint:errcheck // it ends with the connection
	return fn(conn)
}

// discard closes a connection instead of giving it back to its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}
