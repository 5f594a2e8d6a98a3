package jobdb

import (
	"testing"
	"time"
)

// FuzzStoredTime reads any text as a time in a database. What it takes is the time that is written
// there.
func FuzzStoredTime(f *testing.F) {
	for _, text := range []string{
		"2024-01-02 03:04:05", "2024-01-02 03:04:05.123456", "2024-01-02T03:04:05.1", "0000-00-00 00:00:00", "9999-12-31 23:59:59.9999999999999999999999", "2024-13-45 99:99:99", "9997070000000000000",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := parseStoredTime(text)
		if err != nil {
			return
		}
		at, ok := value.(time.Time)
		if !ok || at.Year() < -1 || at.Year() > 10_000 {
			t.Fatalf("%q was taken as %v", text, value)
		}
		if want, err := time.Parse(time.DateTime, text[:len(time.DateTime)]); err == nil && !at.Truncate(time.Second).Equal(want) {
			t.Fatalf("%q was taken as %v, not %v", text, value, want)
		}
	})
}
