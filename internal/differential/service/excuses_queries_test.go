package service_test

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// searching reports whether an exchange is a search or a summary that both answer with
// certain statuses, and has a filter of a kind.
func searching(theirs, ours []int, kind func(f filter) bool) func(x exchange) bool {
	return func(x exchange) bool {
		return slices.Contains(ours, x.ours.status) && slices.Contains(theirs, x.theirs.status) && slices.ContainsFunc(filtersOf(x.request), kind)
	}
}

// The statuses of answers that belong together.
var (
	answered = []int{http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable}
	invalid  = []int{http.StatusBadRequest}
	failed   = []int{http.StatusInternalServerError}
	anything = slices.Concat(answered, invalid, failed)

	unprocessable = []int{http.StatusUnprocessableEntity}
)

var hugePage = regexp.MustCompile(`page=\d{10,}`)

func hasHugePage(x exchange) bool {
	return hugePage.MatchString(x.path) && x.theirs.status == http.StatusInternalServerError && x.ours.status < http.StatusInternalServerError
}

// filter is one of a query, as far as it has the types that it should have.
type filter struct {
	parameter, operator string
	values              []any
}

func filtersOf(r request) (filters []filter) {
	if route := r.route(); route != "POST /api/jobs/search" && route != "POST /api/jobs/summary" {
		return nil
	}
	list, _ := field(r.body, "search").([]any)
	for _, item := range list {
		o, _ := item.(object)
		f := filter{values: []any{o["value"]}}
		f.parameter, _ = o["parameter"].(string)
		f.operator, _ = o["operator"].(string)
		if values, ok := o["values"].([]any); ok && o["value"] == nil {
			f.values = values
		}
		filters = append(filters, f)
	}
	return filters
}

// field is a value of a JSON object, nil when there is none.
func field(body, name string) any {
	body = strings.TrimPrefix(body, "\ufeff")
	value, err := decode(body)
	o, ok := value.(object)
	if err != nil || !ok {
		return nil
	}
	return o[name]
}

func (f filter) any(is func(text string) bool) bool {
	return slices.ContainsFunc(f.values, func(v any) bool { text, ok := v.(string); return ok && is(text) })
}

func (f filter) of(columns []string) bool { return slices.Contains(columns, f.parameter) }

func (f filter) isPattern() bool {
	return f.operator == "regex" || strings.HasSuffix(f.operator, "like")
}

func (f filter) isNoNumber() bool {
	return f.of(integerColumns) && !f.isPattern() && f.any(func(text string) bool { _, err := strconv.ParseInt(text, 10, 64); return err != nil })
}

func (f filter) isTime() bool { return f.of(timeColumns) || f.of(serverTimes) }

func (f filter) isFlag() bool { return f.of(flagColumns) }

func (f filter) hasEscape() bool {
	return strings.HasSuffix(f.operator, "like") && f.any(func(text string) bool { return strings.Contains(text, `\`) })
}

// isForeignPattern is one that only one of the two understands, or each in its way.
func (f filter) isForeignPattern() bool {
	return f.operator == "regex" && (f.of(integerColumns) || f.hasNumber()) || f.operator == "regex" && f.any(func(text string) bool {
		return strings.Contains(text, "(?=") || strings.Contains(text, "{,") || strings.Contains(text, "(?P<") || strings.Contains(text, `\p`)
	})
}

var theirTimes = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6}Z?)?)?)?)?)?)?$`)

// isForeignTime is one that only we understand.
func (f filter) isForeignTime() bool {
	return f.isTime() && (f.hasNumber() || f.any(func(text string) bool { return text == "9999" || !theirTimes.MatchString(text) }))
}

// isNoTime is one that has the form of a time, and doesn't exist.
func (f filter) isNoTime() bool {
	return f.isTime() && f.any(func(text string) bool {
		whole := strings.Replace(text[:min(len(text), len(time.DateTime))], "T", " ", 1)
		_, err := time.Parse(time.DateTime[:len(whole)], whole)
		return theirTimes.MatchString(text) && (err != nil || strings.HasPrefix(text, "0000"))
	})
}

func (f filter) hasNumber() bool {
	return slices.ContainsFunc(f.values, func(v any) bool { _, isText := v.(string); return !isText })
}

// isExtension is one of the operators that only we have.
func (f filter) isExtension() bool {
	return slices.Contains([]string{"ilike", "gte", "lte", "is null", "is not null"}, f.operator)
}

func (f filter) hasBoolean() bool {
	return slices.ContainsFunc(f.values, func(v any) bool { _, is := v.(bool); return is })
}

func (f filter) hasNUL() bool {
	return f.any(func(text string) bool { return strings.Contains(text, "\x00") })
}

func (f filter) isOfPilots() bool { return f.parameter == "PilotStamp" }

// sortsByOthers reports whether rows are made unique by some columns and sorted by others.
func sortsByOthers(x exchange) bool {
	list, _ := field(x.body, "parameters").([]any)
	sorts, _ := field(x.body, "sort").([]any)
	return x.ours.status == http.StatusBadRequest && field(x.body, "distinct") != nil && len(list) > 0 && slices.ContainsFunc(sorts, func(s any) bool {
		key, _ := s.(object)
		return !slices.Contains(list, key["parameter"])
	})
}

// hasTies reports whether a page was asked for of rows that are sorted by nothing that tells them
// apart.
func hasTies(x exchange) bool {
	return x.unordered && strings.Contains(x.path, "page=") && slices.Contains(answered, x.ours.status) && x.ours.status == x.theirs.status &&
		x.ours.header.Get("Content-Range") == x.theirs.header.Get("Content-Range")
}
