package validation

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	unixText = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	timeText = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})` +
		`(?:[Tt _]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]+))?([Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?$`)
)

// Time reads a time: ISO 8601, or seconds since 1970 (milliseconds where the number is large).
// zoned is false for one that doesn't say its offset from UTC.
func (r *Reader) Time(value any, at Location) (t time.Time, zoned, ok bool) {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		if t, ok = unixTime(f); err == nil && ok {
			return t, true, true
		}
		r.Fault("datetime_parsing", at, "must be a time between the years 1 and 9999", v)
		return t, false, false
	case string:
		if t, zoned, ok = parseTime(v); !ok {
			r.Fault("datetime_from_date_parsing", at, "must be a time, such as 2024-01-31T10:00:00Z", v)
		}
		return t, zoned, ok
	}
	r.Fault("datetime_type", at, "must be a time, such as 2024-01-31T10:00:00Z", value)
	return t, false, false
}

func parseTime(text string) (t time.Time, zoned, ok bool) {
	if unixText.MatchString(text) {
		f, err := strconv.ParseFloat(text, 64)
		t, ok = unixTime(f)
		return t, true, ok && err == nil
	}
	m := timeText.FindStringSubmatch(text)
	if m == nil || m[4] != "" && m[3] == "" {
		return t, false, false
	}
	day, minute, second, fraction, zone := m[1], m[2], m[3], m[4], strings.ToUpper(m[5])
	if minute == "" {
		minute = "00:00"
	}
	if second == "" {
		second = ":00"
	}
	fraction = (fraction + "000000")[:6] // what is beyond microseconds is cut
	zoned = zone != ""
	switch {
	case !zoned:
		zone = "Z"
	case len(zone) == len("+0200"):
		zone = zone[:3] + ":" + zone[3:]
	}
	t, err := time.Parse(time.RFC3339Nano, day+"T"+minute+second+"."+fraction+zone)
	return t.UTC(), zoned, err == nil && !strings.HasPrefix(day, "0000")
}

// unixTime takes numbers above 2e10 for milliseconds, as DiracX does.
func unixTime(n float64) (time.Time, bool) {
	if math.Abs(n) > 2e10 {
		n /= 1000
	}
	whole, fraction := math.Modf(n)
	if math.Abs(n) > 1e12 || math.IsNaN(n) {
		return time.Time{}, false
	}
	t := time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}
