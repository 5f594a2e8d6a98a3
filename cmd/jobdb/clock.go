package main

import "time"

// systemClock is the only caller of time.Now in this program. Tests have clocks of their own.
func systemClock() time.Time { return time.Now() }
