package jobdb

import (
	"regexp"
	"strconv"
	"time"
)

// period is a half-open span of time, whole seconds at both ends. A zero
// end means no end: that of the year 9999, past which no engine stores anything.
type period struct{ start, end time.Time }

// resolution is how much of a partial time was given.
type resolution uint8

const (
	toYear resolution = iota
	toMonth
	toDay
	toHour
	toMinute
	toSecond
)

var periodPattern = regexp.MustCompile(
	`^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[ T]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?)?` +
		`(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?)?$`)

// parsePeriod understands what a filter may say of a time, from "2024" to
// "2024-01-01T10:00:00.123456+02:00". The fraction of a second is cut; without
// an offset the time is UTC.
func parsePeriod(text string) (period, resolution, error) {
	const longest = len("2024-01-01T10:00:00.123456789+02:00")
	groups := []string(nil)
	if len(text) <= longest {
		groups = periodPattern.FindStringSubmatch(text)
	}
	if groups == nil {
		return period{}, 0, errReason(quoteShort(text) +
			` is not a time; write "2024", "2024-01", "2024-01-31", "2024-01-31 10", "…10:00" or "…10:00:00"`)
	}
	parts := [6]int{0, 1, 1, 0, 0, 0}
	res := toYear
	for i := range parts {
		if groups[i+1] == "" {
			break
		}
		parts[i], _ = strconv.Atoi(groups[i+1]) // the pattern lets only digits through
		res = resolution(i)
	}
	offset, ok := parseOffset(groups[7])
	start := time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC)
	exists := start.Month() == time.Month(parts[1]) && start.Day() == parts[2] && start.Hour() == parts[3] &&
		start.Minute() == parts[4] && start.Second() == parts[5]
	end := start.Add(-offset)
	start = start.Add(-offset)
	if !exists || !ok || start.Year() < 1 || start.Year() > 9999 {
		return period{}, 0, errReason(quoteShort(text) + " is a time that does not exist")
	}
	switch res {
	case toYear:
		end = end.AddDate(1, 0, 0)
	case toMonth:
		end = end.AddDate(0, 1, 0)
	case toDay:
		end = end.AddDate(0, 0, 1)
	case toHour:
		end = end.Add(time.Hour)
	case toMinute:
		end = end.Add(time.Minute)
	case toSecond:
		end = end.Add(time.Second)
	}
	if end.Year() > 9999 {
		end = time.Time{}
	}
	return period{start, end}, res, nil
}

// parseOffset reads "", "Z", "+02", "+0200" or "+02:00".
func parseOffset(text string) (time.Duration, bool) {
	if text == "" || text == "Z" {
		return 0, true
	}
	hours, _ := strconv.Atoi(text[1:3])
	minutes := 0
	if len(text) > 3 {
		minutes, _ = strconv.Atoi(text[len(text)-2:])
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, hours < 24 && minutes < 60
}

// periodOf is the second that a point in time falls in.
func periodOf(t time.Time) (period, error) {
	start := t.UTC().Truncate(time.Second)
	if start.Year() < 1 || start.Year() > 9999 {
		return period{}, errReason("the year " + strconv.Itoa(start.Year()) + " is outside 1 to 9999")
	}
	return period{start, start.Add(time.Second)}, nil
}
