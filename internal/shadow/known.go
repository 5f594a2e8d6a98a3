package shadow

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// Known has differences between DiracX and jobdb that are on purpose, by the names that
// docs/differences.md has. Each reports whether it is why the answers to a request to read disagree.
var Known = map[string]func(x Exchange) bool{
	"coercion":         searching(answered, invalid, filter.isNoNumber),
	"distinct-sort":    sortsByOthers,
	"extensions":       searching(unprocessable, slices.Concat(answered, invalid, unprocessable), filter.isExtension),
	"flag-values":      searching(failed, anything, filter.isFlag),
	"history.idem":     idemFirst,
	"like-escape":      searching(answered, answered, filter.hasEscape),
	"page-range":       hasHugePage,
	"pilots.unchecked": searching(answered, invalid, filter.isOfPilots),
	"query.boolean":    searching(answered, invalid, filter.hasBoolean),
	"query.nul":        searching(answered, invalid, filter.hasNUL),
	"regex-dialect":    searching(anything, anything, filter.isForeignPattern),
	"time-exists":      searching(failed, invalid, filter.isNoTime),
	"time-forms":       searching(anything, slices.Concat(answered, invalid), filter.isForeignTime),
}

// searching reports whether an exchange is a search or a summary that both answer with
// certain statuses, and has a filter of a kind.
func searching(theirs, ours []int, kind func(f filter) bool) func(x Exchange) bool {
	return func(x Exchange) bool {
		return slices.Contains(ours, x.Ours.Status) && slices.Contains(theirs, x.Theirs.Status) && slices.ContainsFunc(filtersOf(x), kind)
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

// idemFirst reports whether a history begins with a record that has no status.
func idemFirst(x Exchange) bool {
	return x.Theirs.Status == http.StatusInternalServerError && strings.Contains(x.Ours.Text, `"LoggingInfo":[{"Status":"idem"`)
}

var hugePage = regexp.MustCompile(`page=\d{10,}`)

func hasHugePage(x Exchange) bool {
	return hugePage.MatchString(x.Path) && x.Theirs.Status == http.StatusInternalServerError && x.Ours.Status < http.StatusInternalServerError
}

// sortsByOthers reports whether rows are made unique by some columns and sorted by others.
func sortsByOthers(x Exchange) bool {
	list, _ := Field(x.Body, "parameters").([]any)
	sorts, _ := Field(x.Body, "sort").([]any)
	return x.Ours.Status == http.StatusBadRequest && Field(x.Body, "distinct") != nil && len(list) > 0 && slices.ContainsFunc(sorts, func(s any) bool {
		key, _ := s.(object)
		return !slices.Contains(list, key["parameter"])
	})
}

// filter is one of a query, as far as it has the types that it should have.
type filter struct {
	parameter, operator string
	values              []any
}

func filtersOf(x Exchange) (filters []filter) {
	if plain, _, _ := strings.Cut(x.Path, "?"); x.Method != http.MethodPost || plain != searchPath && plain != summaryPath {
		return nil
	}
	list, _ := Field(x.Body, "search").([]any)
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

func (f filter) any(is func(text string) bool) bool {
	return slices.ContainsFunc(f.values, func(v any) bool { text, ok := v.(string); return ok && is(text) })
}

// of reports whether the filter is on a column of jobs of a kind.
func (f filter) of(kinds ...tables.Kind) bool {
	column, known := tables.Jobs.Column(f.parameter)
	return known && slices.Contains(kinds, column.Kind)
}

func (f filter) isPattern() bool {
	return f.operator == "regex" || strings.HasSuffix(f.operator, "like")
}

func (f filter) isNoNumber() bool {
	return f.of(tables.KindInteger) && !f.isPattern() && f.any(func(text string) bool { _, err := strconv.ParseInt(text, 10, 64); return err != nil })
}

func (f filter) isTime() bool { return f.of(tables.KindTime) }

func (f filter) isFlag() bool { return f.of(tables.KindVerified, tables.KindAccounted) }

func (f filter) hasEscape() bool {
	return strings.HasSuffix(f.operator, "like") && f.any(func(text string) bool { return strings.Contains(text, `\`) })
}

// isForeignPattern is one that only one of the two understands, or each in its way.
func (f filter) isForeignPattern() bool {
	return f.operator == "regex" && (f.of(tables.KindInteger) || f.hasNumber()) || f.operator == "regex" && f.any(func(text string) bool {
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
