package jobdb

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// truth is a value of SQL's three-valued logic: a comparison with NULL is unknown.
type truth int8

const (
	isFalse truth = iota - 1
	isUnknown
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// Match reports whether a search with this filter would find a row, given with all columns in the
// table's order. ok is false if the filter is on parameters of jobs, which a row doesn't have.
func (f Filter) Match(row []any) (matches, ok bool) {
	if f.hasParameter() {
		return false, false
	}
	return f.truth(row) == isTrue, true
}

func (f Filter) truth(row []any) truth {
	switch f.op { //nolint:exhaustive // the others compare a value
	case opAnd:
		all := isTrue
		for _, kid := range f.kids {
			all = min(all, kid.truth(row))
		}
		return all
	case opOr:
		one := isFalse
		for _, kid := range f.kids {
			one = max(one, kid.truth(row))
		}
		return one
	case opNot:
		return -f.kids[0].truth(row)
	}
	value := row[f.column.index]
	switch {
	case f.op == opNull:
		return truthOf(value == nil)
	case f.op == opNotNull:
		return truthOf(value != nil)
	case len(f.values) == 0: // a list without values, also for NULL
		return truthOf(f.op == opNotIn)
	case value == nil:
		return isUnknown
	}
	if t, isTime := value.(time.Time); isTime {
		return truthOf(f.holdsForTime(t))
	}
	return truthOf(f.holdsForValue(value))
}

// holdsForTime compares a time with periods.
func (f Filter) holdsForTime(t time.Time) bool {
	isAfter := func(p period) bool { return !p.end.IsZero() && !t.Before(p.end) }
	inside := func(value any) bool {
		p := value.(period) //nolint:forcetypeassert // made by timeOperands
		return !t.Before(p.start) && !isAfter(p)
	}
	switch f.op { //nolint:exhaustive // times have no other operators
	case opIn:
		return slices.ContainsFunc(f.values, inside)
	case opNotIn:
		return !slices.ContainsFunc(f.values, inside)
	}
	p := f.values[0].(period) //nolint:forcetypeassert // as above
	switch f.op {             //nolint:exhaustive // as above
	case opGreater:
		return isAfter(p)
	case opGreaterEqual:
		return !t.Before(p.start)
	case opLess:
		return t.Before(p.start)
	}
	return !isAfter(p)
}

// holdsForValue compares an integer, a text or a flag.
func (f Filter) holdsForValue(value any) bool {
	text := ""
	switch v := value.(type) {
	case int64:
		text = strconv.FormatInt(v, 10)
	case bool:
		text = flagText(v)
	case AccountedFlag:
		text = string(v)
	case string:
		text = v
	}
	if f.column.Kind() != tables.KindInteger {
		value = text
	}
	switch f.op { //nolint:exhaustive // the others compare with one value
	case opIn, opRegexIn:
		return slices.Contains(f.values, value)
	case opNotIn:
		return !slices.Contains(f.values, value)
	case opLike:
		return likeMatches(f.values[0].(string), text) //nolint:forcetypeassert // made by parsePattern
	case opNotLike:
		return !likeMatches(f.values[0].(string), text) //nolint:forcetypeassert // made by parsePattern
	case opRegex:
		return f.values[0].(*regexp.Regexp).MatchString(text) //nolint:forcetypeassert // made by parsePattern
	}
	order := 0
	switch bound := f.values[0].(type) {
	case int64:
		order = cmp.Compare(value.(int64), bound) //nolint:forcetypeassert // of the column's kind
	case string:
		order = strings.Compare(text, bound)
	}
	switch f.op { //nolint:exhaustive // the others came before
	case opGreater:
		return order > 0
	case opGreaterEqual:
		return order >= 0
	case opLess:
		return order < 0
	}
	return order <= 0
}
