package jobdb

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// FilterSpec is a filter as clients send it, not yet checked: a comparison
// of a column with a value or with values, or a group of filters.
// Operators with Value: eq neq gt lt gte lte like ilike "not like" regex;
// with Values: in "not in"; with neither: "is null" "is not null".
// Decode JSON with UseNumber, as [ParseSearchJSON] does, so that integers of 64 bits stay whole.
type FilterSpec struct {
	Parameter string       `json:"parameter,omitempty"`
	Operator  string       `json:"operator,omitempty"`
	Value     any          `json:"value,omitempty"`
	Values    []any        `json:"values,omitempty"`
	Or        []FilterSpec `json:"or,omitempty"`
	And       []FilterSpec `json:"and,omitempty"`
	Not       *FilterSpec  `json:"not,omitempty"`
}

// op is what a node of a filter does.
type op uint8

const (
	opAnd op = iota // of kids; of none: everything
	opOr            // of kids; of none: nothing
	opNot           // of the one kid
	opIn            // values; for times periods
	opNotIn
	opGreater // one value
	opGreaterEqual
	opLess
	opLessEqual
	opLike // one pattern, escaped with likeEscape
	opNotLike
	opRegex // one *regexp.Regexp
	opNull
	opNotNull
	opRegexIn // values; what a regex became: NULL stays NULL
)

// Filter is a checked condition on rows of Jobs. The zero Filter holds for
// all rows. Its values are of the column's kind already.
type Filter struct {
	op     op
	column Column
	kids   []Filter
	values []any // int64, string, period or *regexp.Regexp
}

// ParseFilters checks filters, which must all hold, against the table's
// columns and the limits. Every fault is a [QueryError] that names the parameter.
func ParseFilters(specs []FilterSpec, limits Limits) (Filter, error) {
	p := filterParser{limits: limits.withDefaults()}
	kids, err := p.group(specs, 0)
	return Filter{op: opAnd, kids: kids}, err
}

// isJob holds for one job.
func isJob(id JobID) Filter {
	return Filter{op: opAnd, kids: []Filter{{op: opIn, values: []any{int64(id)}}}} // of the zero Column, JobID
}

type filterParser struct {
	limits          Limits
	filters, values int
}

func (p *filterParser) group(specs []FilterSpec, depth int) ([]Filter, error) {
	if depth > p.limits.Depth {
		return nil, &QueryError{Field: "search", Reason: "groups nested deeper than " + strconv.Itoa(p.limits.Depth)}
	}
	kids := make([]Filter, 0, len(specs))
	for _, spec := range specs {
		kid, err := p.filter(spec, depth)
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
	}
	return kids, nil
}

func (p *filterParser) filter(spec FilterSpec, depth int) (Filter, error) {
	if p.filters++; p.filters > p.limits.Filters {
		return Filter{}, &QueryError{Field: "search", Reason: "more than " + strconv.Itoa(p.limits.Filters) + " filters"}
	}
	forms := 0
	for _, given := range []bool{spec.Parameter != "" || spec.Operator != "", spec.Or != nil, spec.And != nil, spec.Not != nil} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		return Filter{}, &QueryError{
			Field:  "search",
			Reason: `a filter is either {parameter, operator, value(s)} or one of {"or": […]}, {"and": […]}, {"not": {…}}`,
		}
	}
	var err error
	f := Filter{}
	switch {
	case spec.Or != nil:
		f.op = opOr
		f.kids, err = p.group(spec.Or, depth+1)
	case spec.And != nil:
		f.op = opAnd
		f.kids, err = p.group(spec.And, depth+1)
	case spec.Not != nil:
		f.op = opNot
		f.kids, err = p.group([]FilterSpec{*spec.Not}, depth+1)
	default:
		f, err = p.comparison(spec)
		if reason := errReason(""); errors.As(err, &reason) {
			err = &QueryError{Field: spec.Parameter, Reason: string(reason)}
		}
	}
	return f, err
}

// comparison returns errReason for what the caller wraps with the parameter's name.
func (p *filterParser) comparison(spec FilterSpec) (Filter, error) {
	column, err := ParseColumn(spec.Parameter)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{column: column}
	switch spec.Operator {
	case "is null":
		f.op = opNull
		return f, nil
	case "is not null":
		f.op = opNotNull
		return f, nil
	case "like", "ilike", "not like", "regex":
		return p.pattern(spec, f)
	}
	values, err := spec.operands()
	if err != nil {
		return Filter{}, err
	}
	if p.values += len(values); p.values > p.limits.Values {
		return Filter{}, errReason("more than " + strconv.Itoa(p.limits.Values) + " values in one query")
	}
	f.op = comparisons[spec.Operator]
	if f.values, err = column.operands(values); err != nil {
		return Filter{}, err
	}
	if kind := column.Kind(); kind == tables.KindVerified || kind == tables.KindAccounted {
		return f.flags(), nil
	}
	return f, nil
}

var comparisons = map[string]op{
	"eq": opIn, "in": opIn, "neq": opNotIn, "not in": opNotIn,
	"gt": opGreater, "gte": opGreaterEqual, "lt": opLess, "lte": opLessEqual,
}

const operatorNames = `eq, neq, gt, gte, lt, lte, in, "not in", like, ilike, "not like", regex, "is null", "is not null"`

// operands are the value or the values that the operator wants.
func (f FilterSpec) operands() ([]any, error) {
	switch _, known := comparisons[f.Operator]; {
	case !known:
		return nil, errReason("no operator " + quoteShort(f.Operator) + "; the operators are " + operatorNames)
	case f.Operator == "in" || f.Operator == "not in":
		if f.Values == nil {
			return nil, errReason("the operator " + quoteShort(f.Operator) + ` wants "values", a list`)
		}
		return f.Values, nil
	case f.Value == nil:
		return nil, errReason("the operator " + quoteShort(f.Operator) + ` wants a "value"`)
	}
	return []any{f.Value}, nil
}

func (c Column) operands(values []any) ([]any, error) {
	operands := make([]any, len(values))
	var first resolution
	for i, value := range values {
		var err error
		switch c.Kind() {
		case tables.KindInteger, tables.KindDecimal:
			operands[i], err = integerOperand(value)
		case tables.KindText:
			operands[i], err = textOperand(value)
		case tables.KindVerified:
			operands[i], err = flagOperand(value, verifiedNames)
		case tables.KindAccounted:
			operands[i], err = flagOperand(value, accountedNames)
		case tables.KindTime:
			var res resolution
			operands[i], res, err = timeOperand(value)
			if i == 0 {
				first = res
			}
			if err == nil && res != first {
				err = errReason("the times of one list must all be of one resolution")
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func integerOperand(value any) (int64, error) {
	text := ""
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	default:
		if n, err := toInteger(value); err == nil {
			return n.(int64), nil //nolint:forcetypeassert // what toInteger promises
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errReason(quoteShort(text) + " is outside the range of 64-bit integers")
	}
	if err != nil {
		return 0, errReason("wants an integer, not " + describe(value))
	}
	return n, nil
}

func textOperand(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, checkText(v)
	case json.Number:
		return v.String(), nil
	}
	if n, err := toInteger(value); err == nil {
		return strconv.FormatInt(n.(int64), 10), nil //nolint:forcetypeassert // what toInteger promises
	}
	return "", errReason("wants a text, not " + describe(value))
}

func flagOperand(value any, names []string) (string, error) {
	text := ""
	switch v := value.(type) {
	case bool:
		text = flagText(v)
	case string:
		text = v
	case AccountedFlag:
		text = string(v)
	}
	for _, name := range names {
		if strings.EqualFold(text, name) {
			return name, nil
		}
	}
	return "", errReason("wants one of " + strings.Join(names, ", ") + ", not " + describe(value))
}

func timeOperand(value any) (period, resolution, error) {
	switch v := value.(type) {
	case string:
		return parsePeriod(v)
	case json.Number:
		return parsePeriod(v.String())
	case time.Time:
		p, err := periodOf(v)
		return p, toSecond, err
	}
	return period{}, 0, errReason("wants a time, not " + describe(value))
}

// describe shows a value that was refused.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return quoteShort(v)
	case json.Number:
		return quoteShort(v.String())
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "a value of another type"
	}
	return quoteShort(string(text))
}

// pattern reads like, "not like" and regex, which flags answer at once.
func (p *filterParser) pattern(spec FilterSpec, f Filter) (Filter, error) {
	kind := f.column.Kind()
	if kind == tables.KindTime {
		return Filter{}, errReason("times can't be compared by " + spec.Operator + `; use eq with a partial time such as "2024-01"`)
	}
	if spec.Value == nil {
		return Filter{}, errReason("the operator " + spec.Operator + ` wants a "value"`)
	}
	text, err := textOperand(spec.Value)
	if err != nil {
		return Filter{}, err
	}
	if len(text) > p.limits.Pattern {
		return Filter{}, errReason("a pattern longer than " + strconv.Itoa(p.limits.Pattern) + " bytes")
	}
	if spec.Operator == "regex" {
		expression, err := regexp.Compile(text)
		if err != nil {
			return Filter{}, errReason("bad regular expression: " + err.Error())
		}
		f.op, f.values = opRegex, []any{expression}
	} else {
		f.op = opLike
		if spec.Operator == "not like" {
			f.op = opNotLike
		}
		pattern, err := likePattern(text)
		if err != nil {
			return Filter{}, err
		}
		f.values = []any{pattern}
	}
	if kind == tables.KindVerified || kind == tables.KindAccounted {
		return f.flags(), nil
	}
	return f, nil
}

// likePattern turns a pattern that is escaped with backslashes into one
// escaped with likeEscape, without runs of %.
func likePattern(text string) (string, error) {
	var b strings.Builder
	escaped, afterAny := false, false
	for _, r := range text {
		isAny := r == '%' && !escaped
		switch {
		case r == '\\' && !escaped:
			escaped = true
			continue
		case r == engine.LikeEscape, escaped && (r == '%' || r == '_'):
			b.WriteRune(engine.LikeEscape)
			b.WriteRune(r)
		case !isAny || !afterAny:
			b.WriteRune(r)
		}
		escaped, afterAny = false, isAny
	}
	if escaped {
		return "", errReason(`ends with a single \, which escapes nothing; write \\ for a backslash`)
	}
	return b.String(), nil
}

// flags turns any condition on a flag into the list of names that meet it.
func (f Filter) flags() Filter {
	names := verifiedNames
	if f.column.Kind() == tables.KindAccounted {
		names = accountedNames
	}
	met := Filter{op: opIn, column: f.column, values: []any{}}
	for _, name := range names {
		if f.holdsForName(name) {
			met.values = append(met.values, name)
		}
	}
	return met
}

func (f Filter) holdsForName(name string) bool {
	switch f.op { //nolint:exhaustive // the other operators follow, or make no comparison
	case opIn:
		return slices.Contains(f.values, any(name))
	case opNotIn:
		return !slices.Contains(f.values, any(name))
	case opRegex:
		return f.values[0].(*regexp.Regexp).MatchString(name) //nolint:forcetypeassert // made by pattern
	}
	value := f.values[0].(string) //nolint:forcetypeassert // made by pattern or flagOperand
	switch f.op {                 //nolint:exhaustive // the other operators came before, or make no comparison
	case opGreater:
		return name > value
	case opGreaterEqual:
		return name >= value
	case opLess:
		return name < value
	case opLessEqual:
		return name <= value
	case opLike:
		return likeMatches(value, name)
	case opNotLike:
		return !likeMatches(value, name)
	}
	panic("no such comparison of a flag")
}

// likeMatches tries a pattern of likePattern's form on a text, ASCII
// letters in either case.
func likeMatches(pattern, text string) bool {
	var b strings.Builder
	b.WriteString("(?s)^")
	escaped := false
	for _, r := range pattern {
		switch {
		case r == engine.LikeEscape && !escaped:
			escaped = true
			continue
		case r == '%' && !escaped:
			b.WriteString(".*")
		case r == '_' && !escaped:
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(foldASCII(string(r))))
		}
		escaped = false
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String()).MatchString(foldASCII(text))
}

func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// columns adds the columns that a filter looks at.
func (f Filter) columns(to []Column) []Column {
	switch f.op {
	case opAnd, opOr, opNot:
		for _, kid := range f.kids {
			to = kid.columns(to)
		}
		return to
	case opIn, opNotIn, opGreater, opGreaterEqual, opLess, opLessEqual, opLike, opNotLike, opRegex, opRegexIn, opNull, opNotNull:
	}
	return append(to, f.column)
}

// equals reports whether one value is wanted, after which an index goes on with the JobID.
func (f Filter) equals() bool {
	return f.op == opIn && len(f.values) == 1 && f.column.Kind() == tables.KindText
}

func (f Filter) hasRegex() bool {
	return f.op == opRegex || slices.ContainsFunc(f.kids, Filter.hasRegex)
}
