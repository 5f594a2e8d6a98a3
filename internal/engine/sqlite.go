package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// openSQLite opens two pools on one file: one connection that writes, and several that read, each
// transaction in a snapshot. It creates the file, but not its folder.
func openSQLite(ctx context.Context, t Target, o Settings) (*Engine, error) {
	if t.path == inMemory {
		return openMemory(ctx)
	}
	folder := filepath.Dir(t.path)
	if info, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%w: %s is not a folder", ErrUnreachable, folder)
	}
	if err := createPrivate(t.path, o.ReadOnly); err != nil {
		return nil, err
	}
	readers := o.Connections
	if readers == 0 {
		readers = max(8, runtime.NumCPU())
	}
	writer, err := sql.Open(SQLiteDriver, sqliteDSN(t.path, o.ReadOnly, true))
	if err != nil {
		return nil, err
	}
	reader, err := sql.Open(SQLiteDriver, sqliteDSN(t.path, o.ReadOnly, false))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	probe, err := sql.Open(SQLiteDriver, sqliteDSN(t.path, o.ReadOnly, false))
	if err != nil {
		return nil, errors.Join(err, writer.Close(), reader.Close())
	}
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	probe.SetMaxOpenConns(1)
	e := &Engine{
		Dialect: SQLite, Reader: reader, Writer: writer, Probe: probe, Groups: NewGroupCommit(writer),
		classify: classifySQLite, jobInError: noJobInError, withSchemaLock: sqliteSchemaLock,
	}
	stop := func() error { return nil }
	if !o.ReadOnly {
		copier, err := sql.Open(SQLiteDriver, sqliteDSN(t.path, false, false))
		if err != nil {
			return nil, errors.Join(err, writer.Close(), reader.Close(), probe.Close())
		}
		copier.SetMaxOpenConns(1)
		e.log, stop = keepLogSmall(t.path, e.Groups, copier) //nolint:contextcheck // it goes on until Close
	}
	e.Close = func() error { return errors.Join(stop(), probe.Close(), reader.Close(), writer.Close()) }
	return e, nil
}

// createPrivate creates the file of a new database, readable by its owner only, because it will
// hold JDLs and answers to requests. SQLite gives its other files the same rights.
func createPrivate(path string, readOnly bool) error {
	if readOnly {
		return nil
	}
	if err := refuseLeftLog(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return file.Close()
}

// openMemory makes a new database in memory. Without a write-ahead log readers and writers would
// wait for each other anyway, so all take turns on one connection.
func openMemory(ctx context.Context) (*Engine, error) {
	dsn := sqliteDSN("/jobdb-"+rand.Text(), false, true) + "&vfs=memdb"
	pool, err := sql.Open(SQLiteDriver, dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	// The database ends with its last connection, and a pool closes one whose context ends in a
	// transaction. This connection is never used, and keeps the database.
	keep, err := sql.Open(SQLiteDriver, dsn)
	if err == nil {
		err = keep.PingContext(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	e := onSQLite(pool)
	e.Close = func() error { return errors.Join(pool.Close(), keep.Close()) }
	return e, nil
}

// onSQLite returns an engine that reads and writes with one pool.
func onSQLite(pool *sql.DB) *Engine {
	return &Engine{
		Dialect: SQLite, Reader: pool, Writer: pool, Probe: pool, Groups: NewGroupCommit(pool),
		OneConnection: pool.Stats().MaxOpenConnections == 1,
		classify:      classifySQLite, jobInError: noJobInError, withSchemaLock: sqliteSchemaLock,
	}
}

func noJobInError(error) (int64, bool) { return 0, false }

// Result codes of SQLite, the lower byte of an extended code.
const (
	sqlitePermission = 3
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteInterrupt  = 9
	sqliteIOError    = 10
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteTooBig     = 18
	sqliteConstraint = 19

	sqliteSharedMemorySize     = sqliteIOError | 19<<8 // of the file beside the write-ahead log
	sqliteConstraintForeignKey = sqliteConstraint | 3<<8
	sqliteConstraintPrimaryKey = sqliteConstraint | 6<<8
	sqliteConstraintUnique     = sqliteConstraint | 8<<8
	sqliteConstraintRowID      = sqliteConstraint | 10<<8
)

func classifySQLite(err error) ErrClass {
	code, ok := sqliteCode(err)
	if !ok {
		return ClassOther
	}
	switch code {
	case sqliteConstraintForeignKey:
		return ClassForeignKey
	case sqliteConstraintPrimaryKey, sqliteConstraintUnique, sqliteConstraintRowID:
		return ClassDuplicate
	case sqliteSharedMemorySize:
		return ClassFull
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return ClassRetry
	case sqliteConstraint, sqliteTooBig:
		return ClassValue
	case sqliteFull:
		return ClassFull
	case sqliteIOError, sqliteCantOpen, sqliteReadOnly, sqlitePermission:
		return ClassUnavailable
	case sqliteInterrupt:
		return ClassInterrupted
	}
	return ClassOther
}
