//go:build cgo

package engine

import (
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/mattn/go-sqlite3"
)

// SQLiteDriver is the C library, where there is a C compiler.
const SQLiteDriver = "jobdb-sqlite3"

func init() {
	sql.Register(SQLiteDriver, &sqlite3.SQLiteDriver{
		ConnectHook: func(conn *sqlite3.SQLiteConn) error {
			for _, pragma := range []string{"PRAGMA wal_autocheckpoint = " + walPages, "PRAGMA journal_size_limit = " + logKept} {
				if _, err := conn.Exec(pragma, nil); err != nil {
					return err
				}
			}
			return conn.RegisterFunc("regexp", newMatcher(), true)
		},
	})
}

// foreignKeysOption of a DSN has foreign keys enforced.
const foreignKeysOption = "_foreign_keys=1"

func isSQLite(d driver.Driver) bool {
	_, ok := d.(*sqlite3.SQLiteDriver)
	return ok
}

func sqliteDSN(path string, readOnly, writer bool) string {
	dsn := sqliteFile(path) + "?" + foreignKeysOption + "&_busy_timeout=" + lockWait(writer) + "&_synchronous=FULL&_stmt_cache_size=128&_cache_size=-" + cacheOf(writer)
	switch {
	case readOnly:
		dsn += "&mode=ro"
	case writer:
		dsn += "&mode=rwc&_txlock=immediate"
	default:
		dsn += "&_query_only=1"
	}
	return dsn
}

func sqliteCode(err error) (int, bool) {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return int(e.ExtendedCode), true
}
