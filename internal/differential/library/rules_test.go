package library_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jobdb"
)

// difference is a row of docs/differences.md, by its name there.
type difference string

// Those that random queries can meet; the names of all are in shownDifferences.
const (
	byteExact    difference = "byte-exact"
	likeCase     difference = "like-case"
	likeEscape   difference = "like-escape"
	regexDialect difference = "regex-dialect"
	flagValues   difference = "flag-values"
	flagOrder    difference = "flag-order"
	coercion     difference = "coercion"
	integerRange difference = "integer-range"
	numberAsText difference = "number-as-text"
	timeForms    difference = "time-forms"
	distinctSort difference = "distinct-sort"
)

// verdict is what must come of a query. The zero verdict is: the same answer from both.
type verdict struct {
	names       []difference
	bothRefuse  bool
	weRefuse    bool // what they answer, or fail at
	weAnswer    bool // what they refuse, or fail at
	notCompared bool // both answer, each in its way
	unordered   bool // the rows are the same, their order isn't
}

func (v *verdict) excuse(name difference, what *bool) {
	*what = true
	if !slices.Contains(v.names, name) {
		v.names = append(v.names, name)
	}
}

// judge says what must come of a query on this database with these jobs, and how to ask the
// reference for what we mean where it has words for that.
func (d *sharedDatabase) judge(q query, g *generator) (verdict, query) {
	v := &verdict{}
	asked := q
	asked.filters = slices.Clone(q.filters)
	for i := range asked.filters {
		column, err := jobdb.ParseColumn(asked.filters[i].Parameter)
		d.ok(err)
		j := judgement{verdict: v, sharedDatabase: d, column: column, held: g.values(column.Name())}
		j.filter(&asked.filters[i])
	}
	d.judgeOrder(v, q, g)
	return *v, asked
}

// judgeOrder is about what sorts or merges rows.
func (d *sharedDatabase) judgeOrder(v *verdict, q query, g *generator) {
	for _, key := range q.sorts {
		if q.distinct && !slices.Contains(q.columns(), key.Parameter) {
			v.excuse(distinctSort, &v.weRefuse)
		}
		column, err := jobdb.ParseColumn(key.Parameter)
		d.ok(err)
		switch {
		case d.mysql && column.Kind() >= jobdb.KindVerified && q.page > 0:
			v.excuse(flagOrder, &v.notCompared)
		case d.mysql && column.Kind() >= jobdb.KindVerified:
			v.excuse(flagOrder, &v.unordered)
		case !d.collates(column, g.values(key.Parameter)):
			if q.page > 0 {
				v.excuse(byteExact, &v.notCompared)
			}
			v.excuse(byteExact, &v.unordered)
		}
	}
	if !q.distinct && !q.summary {
		return
	}
	for _, name := range q.columns() {
		column, err := jobdb.ParseColumn(name)
		d.ok(err)
		if !d.collates(column, g.values(name)) && !slices.Contains(q.columns(), "JobID") {
			v.excuse(byteExact, &v.notCompared)
		}
	}
}

// collates reports whether the database's collation and byte order agree on values of a column.
func (d *sharedDatabase) collates(column jobdb.Column, values []any) bool {
	if !d.live || !d.mysql || column.Kind() != jobdb.KindText {
		return true
	}
	folded := map[string]string{} // to the text
	for _, value := range values {
		text, ok := value.(string)
		if !ok {
			continue
		}
		if !isASCII(text) {
			return false
		}
		key := strings.TrimRight(strings.ToUpper(text), " ") + " "
		if other, found := folded[key]; found && other != text {
			return false
		}
		folded[key] = text
	}
	for a, textA := range folded {
		for b, textB := range folded {
			if (a < b) != (textA < textB) {
				return false
			}
		}
	}
	return true
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// judgement is that of one filter.
type judgement struct {
	*verdict
	*sharedDatabase
	column jobdb.Column
	held   []any // by the jobs, in this column
}

func (j judgement) filter(f *jobdb.FilterSpec) {
	values := f.Values
	if !takesList(f.Operator) {
		values = []any{f.Value}
	}
	switch f.Operator {
	case "like", "not like":
		j.like(f)
		return
	case "regex":
		j.regex(f)
		return
	}
	switch j.column.Kind() {
	case jobdb.KindInteger:
		j.integers(values)
	case jobdb.KindText:
		j.texts(values)
	case jobdb.KindTime:
		j.times(values)
	default:
		j.flags(values)
	}
}

func (j judgement) like(f *jobdb.FilterSpec) {
	pattern := f.Value.(string)
	escapes := strings.Contains(pattern, `\`)
	unescaped := strings.ReplaceAll(pattern, `\\`, "")
	switch {
	case strings.HasSuffix(unescaped, `\`):
		j.excuse(likeEscape, &j.weRefuse)
	case j.column.Kind() >= jobdb.KindVerified:
		j.excuse(flagValues, &j.weAnswer)
	case escapes && !j.mysql:
		j.excuse(likeEscape, &j.notCompared)
	case j.mysql && !j.live && j.column.Kind() == jobdb.KindText && f.Operator == "like":
		f.Operator = "ilike" // their name for what like is on the other databases
		j.names = append(j.names, likeCase)
	case j.mysql && !j.live && hasLetter(pattern):
		j.excuse(likeCase, &j.notCompared)
	case j.mysql && j.live && !allASCII(append(slices.Clone(j.held), pattern)):
		j.excuse(byteExact, &j.notCompared)
	}
}

func hasLetter(text string) bool { return strings.ToUpper(text) != strings.ToLower(text) }

func allASCII(values []any) bool {
	return !slices.ContainsFunc(values, func(v any) bool { text, ok := v.(string); return ok && !isASCII(text) })
}

func (j judgement) regex(f *jobdb.FilterSpec) {
	pattern := f.Value.(string)
	_, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		j.bothRefuse = true
	case j.column.Kind() >= jobdb.KindVerified:
		j.excuse(flagValues, &j.weAnswer)
	case j.column.Kind() == jobdb.KindInteger && !j.mysql:
		j.excuse(regexDialect, &j.weAnswer)
	case j.live && j.mysql:
		f.Value = "(?-i:" + pattern + ")" // else the case depends on the collation
		j.names = append(j.names, regexDialect)
	}
}

func (j judgement) integers(values []any) {
	for _, value := range values {
		switch v := value.(type) {
		case string:
			if _, err := strconv.ParseInt(v, 10, 64); err != nil {
				j.excuse(coercion, &j.weRefuse)
			}
		case json.Number:
			if _, err := v.Int64(); err != nil {
				j.excuse(integerRange, &j.weRefuse)
			}
		}
	}
}

func (j judgement) texts(values []any) {
	if j.mysql && slices.ContainsFunc(values, func(v any) bool { _, isText := v.(string); return !isText }) {
		j.excuse(numberAsText, &j.notCompared)
	}
	if !j.collates(j.column, slices.Concat(j.held, values)) {
		j.excuse(byteExact, &j.notCompared)
	}
}

var (
	theirTimes = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6}Z?)?)?)?)?)?)?$`)
	ourTimes   = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:?\d\d)$`)
)

func (j judgement) times(values []any) {
	for _, value := range values {
		text := value.(string)
		whole := strings.Replace(text[:min(len(text), len("2006-01-02 15:04:05"))], "T", " ", 1)
		_, err := time.Parse("2006-01-02 15:04:05"[:len(whole)], whole)
		switch {
		case theirTimes.MatchString(text) && err != nil:
			j.bothRefuse = true
		case theirTimes.MatchString(text) && text != "9999":
		case text == "9999", ourTimes.MatchString(text):
			j.excuse(timeForms, &j.weAnswer)
		default:
			j.bothRefuse = true
		}
	}
}

func (j judgement) flags(values []any) {
	for _, value := range values {
		text, isText := value.(string)
		switch {
		case !isText, text == "Failed" && j.column.Kind() == jobdb.KindAccounted:
		case strings.EqualFold(text, "true"), strings.EqualFold(text, "false"):
			j.excuse(flagValues, &j.weAnswer)
		default:
			j.bothRefuse = true
		}
	}
}
