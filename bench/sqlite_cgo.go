//go:build cgo

package main

import (
	"database/sql"

	"github.com/mattn/go-sqlite3"
)

// sqliteDriver is the one that jobdb uses where there is a C compiler.
const sqliteDriver = "bench-sqlite3"

const (
	sqliteOptions       = "?_foreign_keys=1&_busy_timeout=10000&_synchronous=FULL&_cache_size=-32768&_stmt_cache_size=128"
	sqliteWriterOptions = "&_txlock=immediate"

	sqliteModule = "github.com/mattn/go-sqlite3"

	// As SQLite is by default. The driver's own default for synchronous is NORMAL.
	plainDriver  = "sqlite3"
	plainOptions = "?_foreign_keys=1&_busy_timeout=10000&_synchronous=FULL&_stmt_cache_size=128&_txlock=immediate"
)

func init() {
	sql.Register(sqliteDriver, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		_, err := conn.Exec("PRAGMA wal_autocheckpoint = 10000", nil)
		return err
	}})
}
