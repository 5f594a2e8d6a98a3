//go:build !cgo

package main

import _ "modernc.org/sqlite" // the driver that jobdb uses where there is no C compiler

const (
	sqliteDriver  = "sqlite"
	sqliteOptions = "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)" +
		"&_pragma=cache_size(-32768)&_pragma=wal_autocheckpoint(10000)"
	sqliteWriterOptions = "&_txlock=immediate"

	sqliteModule = "modernc.org/sqlite"

	// As SQLite is by default.
	plainDriver  = sqliteDriver
	plainOptions = "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)&_txlock=immediate"
)
