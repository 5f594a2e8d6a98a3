package validation

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// QueryValue is the value of a parameter of the query, and whether it is there. Where it is there
// more than once the last value counts, as in FastAPI.
func QueryValue(query url.Values, name string) (string, bool) {
	values := query[name]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// QueryBool reads a parameter that is true or false; false where it is missing.
func (r *Reader) QueryBool(query url.Values, name string) bool {
	text, ok := QueryValue(query, name)
	if !ok {
		return false
	}
	value, _ := r.Bool(text, Location{"query", name})
	return value
}

// QueryCount reads a parameter that is a whole number from 1 to most, which is [MaxCount] or less;
// standard where it is missing.
func (r *Reader) QueryCount(query url.Values, name string, standard, most int) int {
	text, ok := QueryValue(query, name)
	if !ok {
		return standard
	}
	at := Location{"query", name}
	digits, ok := wholeDigits(text)
	if !ok {
		r.Fault("int_parsing", at, "must be a whole number", text)
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if strings.HasPrefix(digits, "-") || err == nil && n < 1 {
		r.Fault("greater_than_equal", at, "must be 1 or more", text)
		return 0
	}
	if err != nil || n > MaxCount {
		n = MaxCount
	}
	if n > int64(most) {
		r.Fault("less_than_equal", at, "must be "+strconv.Itoa(most)+" or less", text)
	}
	return int(n)
}

// MaxCount stands for all larger numbers: no page is that far.
const MaxCount = math.MaxInt32

// RequiredText reads a parameter of the query, or a field of a form, that must be there.
func (r *Reader) RequiredText(values url.Values, part, name string) string {
	text, ok := QueryValue(values, name)
	if !ok {
		r.Fault("missing", Location{part, name}, "is required", nil)
	}
	return text
}

// RequiredOneOf reads one that must be one of few texts.
func (r *Reader) RequiredOneOf(values url.Values, part, name string, allowed ...string) string {
	text, ok := QueryValue(values, name)
	switch {
	case !ok:
		r.Fault("missing", Location{part, name}, "is required", nil)
	case !slices.Contains(allowed, text):
		r.Fault("literal_error", Location{part, name}, "must be "+strings.Join(allowed, " or "), text)
	}
	return text
}
