package jobdb

import (
	"time"
)

// systemClock is where time comes from unless [Options.Clock] says otherwise.
func systemClock() time.Time { return time.Now() }
