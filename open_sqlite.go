package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// openSQLite opens two pools on one file: one connection that writes and
// several that read. The file is made when it isn't there; its folder must be.
func openSQLite(_ context.Context, t target, o settings) (*engine, error) {
	if info, err := os.Stat(filepath.Dir(t.path)); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, errors.New(filepath.Dir(t.path) + " is not a folder")
	}
	readers := o.connections
	if readers == 0 {
		readers = max(4, runtime.NumCPU())
	}
	writer, err := sql.Open(sqliteDriver, sqliteDSN(t.path, o.readOnly, true))
	if err != nil {
		return nil, err
	}
	reader, err := sql.Open(sqliteDriver, sqliteDSN(t.path, o.readOnly, false))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &engine{
		dialect: sqliteDialect, reader: reader, writer: writer, classify: classifySQLite,
		close: func() error { return errors.Join(reader.Close(), writer.Close()) },
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

func classifySQLite(err error) errClass {
	code, ok := sqliteCode(err)
	if !ok {
		return classOther
	}
	switch code {
	case sqliteConstraintForeignKey:
		return classForeignKey
	case sqliteConstraintPrimaryKey, sqliteConstraintUnique, sqliteConstraintRowID:
		return classDuplicate
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return classRetry
	case sqliteConstraint, sqliteTooBig:
		return classValue
	case sqliteFull, sqliteIOError, sqliteCantOpen, sqliteReadOnly, sqlitePermission:
		return classUnavailable
	case sqliteInterrupt:
		return classCancelled
	}
	return classOther
}
