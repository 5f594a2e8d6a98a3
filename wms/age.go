package wms

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Age is a length of time, written as a number of days, hours, minutes or seconds: "90d", "12h",
// "30m" or "10s". "never" is 0.
type Age time.Duration

// never is how an Age of 0 is written.
const never = "never"

var ageUnits = []struct {
	letter string
	length time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// maxAge keeps ages within what a time.Duration can hold.
const maxAge = 36500 // days

// UnmarshalText reads an age.
func (a *Age) UnmarshalText(text []byte) error {
	if string(text) == never {
		*a = 0
		return nil
	}
	for _, unit := range ageUnits {
		number, ok := strings.CutSuffix(string(text), unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err == nil && n > 0 && n <= maxAge*int64(24*time.Hour/unit.length) {
			*a = Age(time.Duration(n) * unit.length)
			return nil
		}
	}
	return fmt.Errorf(`%.40q is no age; write "90d", "12h", "30m", "10s" or "never"`, text)
}

// MarshalText writes an age in its largest whole unit.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a Age) String() string {
	for _, unit := range ageUnits {
		if n := time.Duration(a) / unit.length; a > 0 && time.Duration(a)%unit.length == 0 {
			return strconv.FormatInt(int64(n), 10) + unit.letter
		}
	}
	return never
}
