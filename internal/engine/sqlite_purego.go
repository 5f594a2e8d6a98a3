//go:build !cgo

package engine

import (
	"database/sql/driver"
	"errors"
	"sync"

	"modernc.org/sqlite"
)

// SQLiteDriver is a translation of the C library to Go, where there is no C compiler.
const SQLiteDriver = "sqlite"

// The driver registers functions for all connections at once, so matchers are shared.
var matchers = sync.Pool{New: func() any { m := newMatcher(); return &m }}

func init() {
	sqlite.MustRegisterDeterministicScalarFunction("regexp", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		m := matchers.Get().(*func(pattern string, text any) (any, error)) //nolint:forcetypeassert // the pool holds nothing else
		defer matchers.Put(m)
		pattern, ok := args[0].(string)
		if !ok {
			return nil, errors.New("regexp: the pattern is not a text")
		}
		return (*m)(pattern, args[1])
	})
}

// foreignKeysOption of a DSN has foreign keys enforced.
const foreignKeysOption = "_pragma=foreign_keys(1)"

func isSQLite(d driver.Driver) bool {
	_, ok := d.(*sqlite.Driver)
	return ok
}

func sqliteDSN(path string, readOnly, writer bool) string {
	dsn := sqliteFile(path) + "?_pragma=busy_timeout(" + lockWait(writer) + ")&" + foreignKeysOption + "&_pragma=synchronous(FULL)" +
		"&_pragma=cache_size(-" + cacheOf(writer) + ")&_pragma=wal_autocheckpoint(" + walPages + ")&_pragma=journal_size_limit(" + logKept + ")"
	switch {
	case readOnly:
		dsn += "&mode=ro"
	case writer:
		dsn += "&mode=rwc&_txlock=immediate"
	default:
		dsn += "&_pragma=query_only(1)"
	}
	return dsn
}

func sqliteCode(err error) (int, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Code(), true
}
