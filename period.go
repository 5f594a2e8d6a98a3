package jobdb

import (
	"regexp"
	"strconv"
	"time"
)

// period is the time from start up to, but not including, end; both are whole seconds. The zero end
// is that of the year 9999, after which no engine stores a time.
type period struct{ start, end time.Time }

// resolution is how precisely a time was given.
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

// parsePeriod reads a time of a filter, from "2024" to "2024-01-01T10:00:00.123456+02:00". It cuts
// the fraction of a second; without an offset the time is UTC.
func parsePeriod(text string) (period, resolution, error) {
	const maxLength = len("2024-01-01T10:00:00.123456789+02:00")
	groups := []string(nil)
	if len(text) <= maxLength {
		groups = periodPattern.FindStringSubmatch(text)
	}
	if groups == nil {
		return period{}, 0, errReason(quoteShort(text) +
			` is not a time; write "2024", "2024-01", "2024-01-31", "2024-01-31 10", "…10:00" or "…10:00:00"`)
	}
	start, res, exists := parseStart(groups[1:7])
	offset, ok := parseOffset(groups[7])
	end := res.after(start).Add(-offset)
	start = start.Add(-offset)
	if !exists || !ok || checkYear(start) != nil {
		return period{}, 0, errReason(quoteShort(text) + " is a time that does not exist")
	}
	if end.Year() > 9999 {
		end = time.Time{}
	}
	return period{start, end}, res, nil
}

// parseStart reads year, month, day, hour, minute and second, of which the last may be "". It
// reports whether there is such a time; 30 February doesn't exist.
func parseStart(texts []string) (start time.Time, res resolution, exists bool) {
	parts := [6]int{0, 1, 1, 0, 0, 0}
	for i, text := range texts {
		if text == "" {
			break
		}
		parts[i], _ = strconv.Atoi(text) // periodPattern lets only digits through
		res = resolution(i)
	}
	start = time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC)
	year, month, day := start.Date()
	return start, res, parts == [6]int{year, int(month), day, start.Hour(), start.Minute(), start.Second()}
}

// after is the end of the period that begins at start.
func (r resolution) after(start time.Time) time.Time {
	switch r {
	case toYear:
		return start.AddDate(1, 0, 0)
	case toMonth:
		return start.AddDate(0, 1, 0)
	case toDay:
		return start.AddDate(0, 0, 1)
	case toHour:
		return start.Add(time.Hour)
	case toMinute:
		return start.Add(time.Minute)
	case toSecond:
	}
	return start.Add(time.Second)
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

// periodOf is the second that a time is in.
func periodOf(t time.Time) (period, error) {
	start := t.UTC().Truncate(time.Second)
	return period{start, start.Add(time.Second)}, checkYear(start)
}
