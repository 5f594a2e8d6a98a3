package choose

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// Period is the time that a text means: from Start up to, but not including, End. For a moment such
// as now-2h both are the same. Both are whole seconds.
type Period struct{ Start, End time.Time }

var (
	agoText  = regexp.MustCompile(`^(?:now\s*-\s*)?((?:[0-9]{1,6}\s*[smhdw]\s*){1,5})(?:ago)?$`)
	agoPart  = regexp.MustCompile(`([0-9]+)\s*([smhdw])`)
	dayText  = regexp.MustCompile(`^(today|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun)(?:[ t]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?$`)
	dateText = regexp.MustCompile(`^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[ t]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?)?(z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$`)
)

// agoUnits are seconds.
var agoUnits = map[string]int64{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Time reads a time. It may be now; 2d, 2h30m or now-2h (that long ago; s, m, h, d and w are
// seconds, minutes, hours, days and weeks); today, yesterday or tuesday (the last one, which may be
// today), also with a time of the day such as "today 14:30"; 2026, 2026-11, 2026-11-24, "2026-11-24
// 10:30" and so on. It is in the user's time zone unless it ends in Z or an offset. Anything else
// is an [Error].
func (r Reader) Time(text string) (Period, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	now := r.Now.Truncate(time.Second)
	if lower == "now" {
		return Period{now, now}, nil
	}
	if m := agoText.FindStringSubmatch(lower); m != nil {
		seconds := now.Unix()
		for _, part := range agoPart.FindAllStringSubmatch(m[1], -1) {
			n, _ := strconv.ParseInt(part[1], 10, 64) // at most 6 digits
			seconds -= n * agoUnits[part[2]]
		}
		at := time.Unix(seconds, 0).In(now.Location())
		return Period{at, at}, checkYears(text, at)
	}
	if m := dayText.FindStringSubmatch(lower); m != nil {
		return r.day(text, m)
	}
	if m := dateText.FindStringSubmatch(lower); m != nil {
		return r.date(text, m)
	}
	return Period{}, errorf(`%s is not a time; write 2d, now-2h, today, tuesday, 2026-11, 2026-11-24, "2026-11-24 10:30" and so on`, quote(text))
}

// checkYears refuses times that no database holds.
func checkYears(text string, at time.Time) error {
	if year := at.UTC().Year(); year < 1 || year > 9999 {
		return errorf("%s: there is no such time", quote(text))
	}
	return nil
}

// day reads today, tuesday and so on, with or without a time of the day.
func (r Reader) day(text string, m []string) (Period, error) {
	back := 0
	if m[1] == "yesterday" {
		back = 1
	}
	for weekday, name := range weekdays {
		if m[1] == name || m[1] == name[:3] {
			back = (int(r.Now.Weekday()) - weekday + 7) % 7
		}
	}
	year, month, day := r.Now.Date()
	if m[2] == "" {
		return r.between(text, [6]int{year, int(month), day - back}, 3)
	}
	parts := [6]int{year, int(month), day - back, atoi(m[2]), atoi(m[3]), atoi(m[4])}
	if parts[3] > 23 || parts[4] > 59 || parts[5] > 59 {
		return Period{}, errorf("%s: there is no such time", quote(text))
	}
	given := 5
	if m[4] != "" {
		given = 6
	}
	return r.between(text, parts, given)
}

// date reads a date, which may be partial such as 2026-11.
func (r Reader) date(text string, m []string) (Period, error) {
	parts, given := [6]int{0, 1, 1}, 0
	for i := range parts {
		if m[i+1] != "" {
			parts[i], given = atoi(m[i+1]), i+1
		}
	}
	t := time.Date(parts[0], time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5], 0, time.UTC)
	year, month, day := t.Date()
	if parts != [6]int{year, int(month), day, t.Hour(), t.Minute(), t.Second()} {
		return Period{}, errorf("%s: there is no such time", quote(text))
	}
	if m[7] != "" {
		r.Now = r.Now.In(zone(m[7]))
	}
	return r.between(text, parts, given)
}

// between returns the year, month, day, hour, minute or second that the first parts, as many as
// given says, mean.
func (r Reader) between(text string, parts [6]int, given int) (Period, error) {
	at := func(p [6]int) time.Time {
		return time.Date(p[0], time.Month(p[1]), p[2], p[3], p[4], p[5], 0, r.Now.Location())
	}
	next := parts
	next[given-1]++
	for i := given; i < len(parts); i++ { // a month begins at its first day
		if parts[i], next[i] = 0, 0; i < 3 {
			parts[i], next[i] = 1, 1
		}
	}
	p := Period{at(parts), at(next)}
	return p, cmp.Or(checkYears(text, p.Start), checkYears(text, p.End))
}

// zone returns the time zone of Z, +02:00 or -0330.
func zone(text string) *time.Location {
	if text == "z" {
		return time.UTC
	}
	digits := strings.ReplaceAll(text[1:], ":", "")
	seconds := atoi(digits[:2])*3600 + atoi(digits[2:])*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds)
}

// atoi reads digits that a pattern has matched; "" is 0.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// timeForm is how times are sent: in UTC.
const timeForm = "2006-01-02 15:04:05"

// timeFilters makes filters that compare a time column with periods.
func (r Reader) timeFilters(name, operator string, values []string) ([]jobdb.FilterSpec, error) {
	periods := make([]Period, len(values))
	for i, text := range values {
		var err error
		if periods[i], err = r.Time(text); err != nil {
			return nil, errorf("%s: %s", name, err)
		}
	}
	compare := func(operator string, at time.Time) jobdb.FilterSpec {
		return jobdb.FilterSpec{Parameter: name, Operator: operator, Value: at.UTC().Format(timeForm)}
	}
	switch operator {
	case "gt":
		return []jobdb.FilterSpec{compare("gte", periods[0].End)}, nil
	case "gte":
		return []jobdb.FilterSpec{compare("gte", periods[0].Start)}, nil
	case "lt":
		return []jobdb.FilterSpec{compare("lt", periods[0].Start)}, nil
	case "lte":
		return []jobdb.FilterSpec{compare("lt", periods[0].End)}, nil
	case "eq", "in", "neq", "not in":
	default:
		return nil, errorf("%s: times can't be compared by %s; write %s=2026-11 or %s>now-2h", name, operator, name, name)
	}
	if operator == "neq" || operator == "not in" {
		var outside []jobdb.FilterSpec
		for _, p := range periods {
			outside = append(outside, jobdb.FilterSpec{Or: []jobdb.FilterSpec{compare("lt", p.Start), compare("gte", p.after())}})
		}
		return outside, nil
	}
	if len(periods) == 1 {
		return []jobdb.FilterSpec{compare("gte", periods[0].Start), compare("lt", periods[0].after())}, nil
	}
	var inside []jobdb.FilterSpec
	for _, p := range periods {
		inside = append(inside, jobdb.FilterSpec{And: []jobdb.FilterSpec{compare("gte", p.Start), compare("lt", p.after())}})
	}
	return []jobdb.FilterSpec{{Or: inside}}, nil
}

// after is the end of a period; for a moment it is the next second.
func (p Period) after() time.Time {
	if p.End.Equal(p.Start) {
		return p.End.Add(time.Second)
	}
	return p.End
}
