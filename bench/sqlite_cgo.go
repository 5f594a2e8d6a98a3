//go:build cgo

package main

import _ "github.com/mattn/go-sqlite3" // the driver that jobdb uses where there is a C compiler

const (
	sqliteDriver        = "sqlite3"
	sqliteOptions       = "?_foreign_keys=1&_busy_timeout=10000&_synchronous=FULL&_cache_size=-32768&_stmt_cache_size=128"
	sqliteWriterOptions = "&_txlock=immediate"
)
