package jobdb

import (
	"context"
	"errors"
	"regexp"
	"slices"

	"jobdb/internal/tables"
)

// resolvePatterns replaces patterns by what an index serves: likes by ranges, see resolveBeginnings,
// and each regular expression by the list of values that it matches: these are few and found by an
// index, unlike the rows. Only values of rows that all other filters let through are tried.
func (s *session) resolvePatterns(ctx context.Context, scope Scope, filter Filter) (Filter, error) {
	filter, err := s.resolveBeginnings(ctx, scope, filter)
	if err != nil || !filter.hasRegex() {
		return filter, err
	}
	others := Filter{op: opAnd}
	if filter.op == opAnd {
		for _, kid := range filter.kids {
			if !kid.hasRegex() {
				others.kids = append(others.kids, kid)
			}
		}
	}
	return s.resolve(ctx, scope, others, filter)
}

func (s *session) resolve(ctx context.Context, scope Scope, others, f Filter) (Filter, error) {
	if f.op == opRegex {
		return s.resolveRegex(ctx, scope, others, f)
	}
	f.kids = slices.Clone(f.kids)
	for i, kid := range f.kids {
		var err error
		if f.kids[i], err = s.resolve(ctx, scope, others, kid); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (s *session) resolveRegex(ctx context.Context, scope Scope, others, f Filter) (Filter, error) {
	expression := f.values[0].(*regexp.Regexp) //nolint:forcetypeassert // made by pattern
	limit := s.db.options.Limits.RegexValues
	matching := Filter{op: opRegexIn, column: f.column}
	tried := 0
	st := s.compiler().distinctValues(f.column, scope, others, limit)
	err := s.table(ctx, st, []tables.Column{{Kind: tables.KindText}}, func(row []any) error {
		if tried++; tried > limit {
			return errManyValues
		}
		if text, ok := row[0].(string); ok && expression.MatchString(text) {
			matching.values = append(matching.values, text)
		}
		return nil
	})
	switch {
	case !errors.Is(err, errManyValues):
		return matching, err
	case s.db.dialect.Regexp:
		return f, nil // row by row
	}
	return f, &QueryError{
		Field:  f.column.Name(),
		Reason: "a regex can be tried on " + itoa(limit) + " different values at most, and there are more; add filters, or use like",
	}
}

var errManyValues = errors.New("more different values than a regex may be tried on")
