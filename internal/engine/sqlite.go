package engine

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// openSQLite opens two pools on one file: one connection that writes and several that read, of
// which any transaction is a snapshot. The file is made when it isn't there; its folder must be.
func openSQLite(_ context.Context, t Target, o Settings) (*Engine, error) {
	if info, err := os.Stat(filepath.Dir(t.path)); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, errors.New(filepath.Dir(t.path) + " is not a folder")
	}
	readers := o.Connections
	if readers == 0 {
		readers = max(4, runtime.NumCPU())
	}
	writer, err := sql.Open(sqliteDriver, sqliteDSN(t.path, o.ReadOnly, true))
	if err != nil {
		return nil, err
	}
	reader, err := sql.Open(sqliteDriver, sqliteDSN(t.path, o.ReadOnly, false))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &Engine{
		Dialect: SQLite, Reader: reader, Writer: writer, Groups: NewGroupCommit(writer),
		classify: classifySQLite, withSchemaLock: sqliteSchemaLock,
		Close: func() error { return errors.Join(reader.Close(), writer.Close()) },
	}, nil
}

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
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return ClassRetry
	case sqliteConstraint, sqliteTooBig:
		return ClassValue
	case sqliteFull, sqliteIOError, sqliteCantOpen, sqliteReadOnly, sqlitePermission:
		return ClassUnavailable
	case sqliteInterrupt:
		return ClassCancelled
	}
	return ClassOther
}
