package jobdb

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// FilterSpec is a filter as clients send it, not yet checked: a comparison of the column Parameter,
// or a group of filters in one of Or, And and Not. Operators with Value: eq neq gt lt gte lte like
// ilike "not like" regex; with Values: in "not in"; with neither: "is null" "is not null".
//
// Values are of the column's kind or a text of it; texts compare byte by byte, NULL matches no
// comparison. A time may be partial, as in DiracX: "2024-01" is a period, eq is inside it, gt at or
// after its end, lt before its start. In a like, % and _ are wildcards, \ escapes them, and ASCII
// letters match in either case. A regex is RE2 and may match anywhere in the text.
//
// A Parameter that begins with [ParameterPrefix] is a job's parameter of the name that follows, a
// text, and NULL where the job has none; eq neq in "not in" like ilike "not like" "is null"
// "is not null" compare it. No index serves it: other filters should leave few jobs.
//
// Decode JSON with UseNumber, as [ParseSearchJSON] does: float64 can't hold all 64-bit integers.
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
	opAnd op = iota // of kids; all rows if there are none
	opOr            // of kids; no row if there are none
	opNot           // of the one kid
	opIn            // any of the values, which for times are periods
	opNotIn
	opGreater // one value
	opGreaterEqual
	opLess
	opLessEqual
	opLike // one pattern, escaped with engine.LikeEscape
	opNotLike
	opRegex // one *regexp.Regexp
	opNull
	opNotNull
	opRegexIn // any of the values, which matched a regex; NULL for NULL
)

// ParameterPrefix begins a [FilterSpec]'s Parameter that is no column, but a job's parameter.
const ParameterPrefix = "Parameters."

// Filter is a checked condition on rows of Jobs. The zero Filter holds for all rows.
type Filter struct {
	op        op
	column    Column
	parameter string // what is compared instead of a column, which is colParameter then
	kids      []Filter
	values    []any // of the column's kind: int64, string, period or *regexp.Regexp
}

// ParseFilters checks filters, which must all hold, against the columns of Jobs and the limits,
// whose zero fields have their defaults. What is wrong is a [QueryError] that names the parameter.
func ParseFilters(specs []FilterSpec, limits Limits) (Filter, error) {
	p := filterParser{limits: limits.withDefaults()}
	kids, err := p.group(specs, 0)
	return Filter{op: opAnd, kids: kids}, err
}

// isJob holds for one job.
func isJob(id JobID) Filter {
	return Filter{op: opAnd, kids: []Filter{{op: opIn, column: colJobID, values: []any{int64(id)}}}}
}

type filterParser struct {
	limits                 Limits
	filters, values, times int // so far
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

func (p *filterParser) filter(spec FilterSpec, depth int) (f Filter, err error) {
	if p.filters++; p.filters > p.limits.Filters {
		return Filter{}, &QueryError{Field: "search", Reason: "more than " + strconv.Itoa(p.limits.Filters) + " filters"}
	}
	if err := spec.checkForm(); err != nil {
		return Filter{}, err
	}
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

// checkForm refuses a filter that is not exactly one of a comparison, an or, an and, and a not.
func (f FilterSpec) checkForm() error {
	forms := 0
	for _, given := range []bool{f.Parameter != "" || f.Operator != "", f.Or != nil, f.And != nil, f.Not != nil} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		return &QueryError{
			Field:  "search",
			Reason: `a filter is either {parameter, operator, value(s)} or one of {"or": […]}, {"and": […]}, {"not": {…}}`,
		}
	}
	return nil
}

// comparison checks a filter that isn't a group. The caller adds the parameter's name to an
// errReason.
func (p *filterParser) comparison(spec FilterSpec) (Filter, error) {
	f, err := spec.compared()
	if err != nil {
		return Filter{}, err
	}
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
	if f.column.Kind() == tables.KindTime && len(values) > 1 {
		if p.times += len(values); p.times > maxTimes {
			return Filter{}, errReason("more than " + strconv.Itoa(maxTimes) + " times in the lists of one query; ask for a period with gte and lt")
		}
	}
	f.op = comparisons[spec.Operator]
	if f.values, err = f.column.operands(values); err != nil {
		return Filter{}, err
	}
	if f.column.isFlag() {
		return f.namedFlags(), nil
	}
	return f, nil
}

// compared is a filter with only its left-hand side: a column, or a parameter of jobs.
func (f FilterSpec) compared() (Filter, error) {
	name, isParameter := strings.CutPrefix(f.Parameter, ParameterPrefix)
	if !isParameter {
		column, err := ParseColumn(f.Parameter)
		return Filter{column: column}, err
	}
	switch f.Operator {
	case "gt", "gte", "lt", "lte", "regex":
		return Filter{}, errReason("parameters are texts, which can't be compared by " + f.Operator + "; use eq, in or like")
	}
	return Filter{column: colParameter, parameter: name}, checkLength(tables.JobParameters.Columns[1], name)
}

// comparisons are the operators that take a value or a list of values, except the patterns.
var comparisons = map[string]op{
	"eq": opIn, "in": opIn, "neq": opNotIn, "not in": opNotIn,
	"gt": opGreater, "gte": opGreaterEqual, "lt": opLess, "lte": opLessEqual,
}

// pattern checks a like, "not like" or regex.
func (p *filterParser) pattern(spec FilterSpec, f Filter) (Filter, error) {
	if f.column.Kind() == tables.KindTime {
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
	if f.op, f.values, err = parsePattern(spec.Operator, text); err != nil {
		return Filter{}, err
	}
	if f.column.isFlag() {
		return f.namedFlags(), nil
	}
	return f, nil
}

func parsePattern(operator, text string) (op, []any, error) {
	if operator == "regex" {
		expression, err := regexp.Compile(text)
		if err != nil {
			return 0, nil, errReason("bad regular expression: " + err.Error())
		}
		return opRegex, []any{expression}, nil
	}
	pattern, err := likePattern(text)
	if operator == "not like" {
		return opNotLike, []any{pattern}, err
	}
	return opLike, []any{pattern}, err
}

// likePattern turns a pattern that is escaped with backslashes into one that is escaped with
// engine.LikeEscape. Of several % in a row it keeps one: the others only cost time.
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

// namedFlags turns a condition on a flag into the list of the names for which it holds, so that the
// engine needn't know how flags compare.
func (f Filter) namedFlags() Filter {
	names := verifiedNames
	if f.column.Kind() == tables.KindAccounted {
		names = accountedNames
	}
	named := Filter{op: opIn, column: f.column, values: []any{}}
	for _, name := range names {
		if f.holdsFor(name) {
			named.values = append(named.values, name)
		}
	}
	return named
}

func (f Filter) holdsFor(name string) bool {
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

// likeMatches reports whether a text matches a pattern that likePattern made; ASCII letters match
// in either case.
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

// foldASCII turns ASCII letters into lower case.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// columns appends the columns that a filter looks at.
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

// equals reports whether a column must equal one text. An index on the column then has these rows
// in the order of their JobIDs.
func (f Filter) equals() bool {
	return f.op == opIn && len(f.values) == 1 && f.column.Kind() == tables.KindText && f.column != colParameter
}

// hasParameter reports whether a filter looks at parameters of jobs.
func (f Filter) hasParameter() bool {
	return f.column == colParameter || slices.ContainsFunc(f.kids, Filter.hasParameter)
}

// looksUp reports whether there are patterns for which values may have to be looked up first.
func (f Filter) looksUp() bool {
	return f.hasRegex() || f.op == opAnd && slices.ContainsFunc(f.kids, func(kid Filter) bool { return kid.op == opLike })
}

func (f Filter) hasRegex() bool {
	return f.op == opRegex || slices.ContainsFunc(f.kids, Filter.hasRegex)
}
