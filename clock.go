package jobdb

import "time"

// systemClock is where time comes from unless [Options.Clock] says otherwise.
func systemClock() time.Time { return time.Now() }

// now is the database's time: UTC, cut to microseconds, which is what every
// engine can keep.
func (db *DB) now() time.Time { return db.options.Clock().UTC().Truncate(time.Microsecond) }
