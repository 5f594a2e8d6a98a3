package choose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jobdb"
)

// aliases are other names of columns. Upper and lower case make no difference in names.
var aliases = map[string]string{
	"id": "JobID", "group": "JobGroup", "name": "JobName", "type": "JobType", "submitted": "SubmissionTime",
}

// pilotStamp is the name by which filters ask for the pilot that ran a job.
const pilotStamp = "PilotStamp"

// KnownParameters are the parameters of jobs that a server knows by their bare names. Others have
// the prefix [jobdb.ParameterPrefix].
var KnownParameters = []string{
	"StandardOutput", "CPUNormalizationFactor", "NormCPUTime(s)", "TotalCPUTime(s)", "HostName", "GridCE", "ModelName", "PilotAgent",
	"Pilot_Reference", "Memory(MB)", "LocalAccount", "PayloadPID", "CEQueue", "BatchSystem",
}

// Name returns the column or parameter of a name, which may be in upper or lower case or an alias.
// An unknown name is an [Error] that suggests the nearest one.
func Name(text string) (string, error) {
	if rest, ok := cutPrefixFold(text, jobdb.ParameterPrefix); ok && rest != "" {
		return jobdb.ParameterPrefix + rest, nil
	}
	if name, ok := aliases[strings.ToLower(text)]; ok {
		return name, nil
	}
	names := names()
	for _, name := range names {
		if strings.EqualFold(name, text) {
			return name, nil
		}
	}
	return "", unknown("column", text, names, ", and Parameters.NAME for parameters of jobs")
}

// names are all names that a condition may begin with.
func names() []string { return append(append(columnNames(), KnownParameters...), pilotStamp) }

func columnNames() []string {
	columns := jobdb.Columns()
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name()
	}
	return names
}

func cutPrefixFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

// condition makes filters from a name, an operator and the text of a value, which may be in quotes.
func (r Reader) condition(name, operator, value string) ([]jobdb.FilterSpec, error) {
	if strings.HasSuffix(operator, "null") {
		name, err := Name(name)
		if err == nil && name == pilotStamp {
			err = errorf("%s takes = and in only", pilotStamp)
		}
		return []jobdb.FilterSpec{{Parameter: name, Operator: operator}}, err
	}
	if value == "" {
		return nil, errorf(`%s: a value is missing; write "" for an empty one`, name)
	}
	values := []string{unquote(value)}
	if operator == "eq" || operator == "neq" || operator == "in" || operator == "not in" {
		if values = splitList(value); len(values) == 0 {
			return nil, errorf("%s: a value is missing", name)
		}
	}
	if lower := strings.ToLower(name); lower == "since" || lower == "until" {
		return r.shortTime(lower, operator, values)
	}
	name, err := Name(name)
	if err != nil {
		return nil, err
	}
	if column, err := jobdb.ParseColumn(name); err == nil {
		return r.columnFilters(column, operator, values)
	}
	return parameterFilters(name, operator, values)
}

// shortTime makes filters from since=… and until=….
func (r Reader) shortTime(name, operator string, values []string) ([]jobdb.FilterSpec, error) {
	if operator != "eq" || len(values) != 1 {
		return nil, errorf("%s: write %s=2d, %s=yesterday or %s=2026-11-24", name, name, name, name)
	}
	operator = map[string]string{"since": "gte", "until": "lte"}[name]
	return r.timeFilters("SubmissionTime", operator, values)
}

func (r Reader) columnFilters(column jobdb.Column, operator string, values []string) ([]jobdb.FilterSpec, error) {
	name := column.Name()
	if column.Kind() == jobdb.KindTime {
		return r.timeFilters(name, operator, values)
	}
	read := func(text string) (any, error) { return text, nil }
	comparesWhole := !strings.HasSuffix(operator, "like") && operator != "regex"
	switch {
	case !comparesWhole:
	case column.Kind() == jobdb.KindInteger:
		read = func(text string) (any, error) { return readInteger(name, text) }
	case column.Kind() == jobdb.KindVerified:
		read = func(text string) (any, error) { return readWord(name, text, "True", "False") }
	case column.Kind() == jobdb.KindAccounted:
		read = func(text string) (any, error) { return readWord(name, text, "True", "False", "Failed") }
	case name == "Status" && slices.Contains([]string{"eq", "neq", "in", "not in"}, operator):
		read = readStatus
	}
	return filters(name, operator, values, read)
}

// filters makes one filter from values: a list if there are several.
func filters(name, operator string, values []string, read func(string) (any, error)) ([]jobdb.FilterSpec, error) {
	operands := make([]any, len(values))
	for i, text := range values {
		var err error
		if operands[i], err = read(text); err != nil {
			return nil, err
		}
	}
	filter := jobdb.FilterSpec{Parameter: name, Operator: operator}
	switch {
	case operator == "eq" && len(values) > 1:
		filter.Operator, filter.Values = "in", operands
	case operator == "neq" && len(values) > 1:
		filter.Operator, filter.Values = "not in", operands
	case operator == "in" || operator == "not in":
		filter.Values = operands
	default:
		filter.Value = operands[0]
	}
	return []jobdb.FilterSpec{filter}, nil
}

// parameterFilters makes filters on parameters and pilot stamps, which allow fewer operators than
// columns.
func parameterFilters(name, operator string, values []string) ([]jobdb.FilterSpec, error) {
	switch {
	case name == pilotStamp && operator != "eq" && operator != "in":
		return nil, errorf("%s takes = and in only", pilotStamp)
	case slices.Contains([]string{"gt", "gte", "lt", "lte", "regex"}, operator):
		return nil, errorf("%s: parameters of jobs are texts; compare them by =, !=, in, like or null", name)
	}
	return filters(name, operator, values, func(text string) (any, error) { return text, nil })
}

var integer = regexp.MustCompile(`^-?[0-9]+$`)

func readInteger(name, text string) (any, error) {
	if !integer.MatchString(text) {
		return nil, errorf("%s: wants a whole number, not %s", name, quote(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, errorf("%s: %s is too large", name, text)
	}
	return n, nil
}

func readWord(name, text string, words ...string) (any, error) {
	for _, word := range words {
		if strings.EqualFold(word, text) {
			return word, nil
		}
	}
	return nil, errorf("%s: wants %s, not %s", name, strings.Join(words, " or "), quote(text))
}

// readStatus takes the statuses that DIRAC knows, in upper or lower case.
func readStatus(text string) (any, error) {
	names := make([]string, len(jobdb.Statuses))
	for i, status := range jobdb.Statuses {
		if names[i] = string(status); strings.EqualFold(names[i], text) {
			return names[i], nil
		}
	}
	return nil, unknown("status", text, names, `; one of an extension of DIRAC is found with "Status like NAME"`)
}
