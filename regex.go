package jobdb

import (
	"context"
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"

	"jobdb/internal/tables"
)

// resolvePatterns replaces patterns by what an index serves: likes by ranges, see resolveBeginnings,
// and each regular expression by the list of values that it matches: these are few and found by an
// index, unlike the rows. Only values of rows that all other filters let through are tried, and that
// have the texts that each match has.
func (s *session) resolvePatterns(ctx context.Context, scope Scope, filter Filter) (Filter, error) {
	filter, err := s.resolveBeginnings(ctx, scope, filter)
	if err != nil || !filter.hasRegex() {
		return filter, err
	}
	if filter.op != opAnd {
		return s.resolve(ctx, scope, Filter{op: opAnd}, filter)
	}
	others, resolved := Filter{op: opAnd}, Filter{op: opAnd}
	for _, kid := range filter.kids {
		if !kid.hasRegex() {
			others.kids = append(others.kids, kid)
		}
	}
	for _, kid := range filter.kids {
		kid, err := s.resolve(ctx, scope, others, kid)
		switch {
		case err != nil:
			return filter, err
		case kid.op == opAnd:
			resolved.kids = append(resolved.kids, kid.kids...)
		case kid.op == opRegexIn && len(kid.values) == 0: // as in a list without values: NULL isn't found either
			resolved.kids = append(resolved.kids, Filter{op: opOr})
		default:
			resolved.kids = append(resolved.kids, kid)
		}
	}
	return resolved, nil
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
	c := s.compiler()
	needed := c.needed(scope, f.column, expression)
	others.kids = append(slices.Clip(others.kids), needed...)
	st := c.distinctValues(f.column, scope, others, limit)
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
		return Filter{op: opAnd, kids: append(needed, f)}, nil // row by row
	}
	return f, &QueryError{
		Field:  f.column.Name(),
		Reason: "a regex can be tried on " + itoa(limit) + " different values at most, and there are more; add filters, or use like",
	}
}

// needed are conditions that each text meets that a regular expression matches, and that take less time
// than the expression itself.
func (c *compiler) needed(scope Scope, column Column, expression *regexp.Regexp) (conditions []Filter) {
	begins, contains := literals(expression)
	if begins != "" && c.inByteOrder(scope, column) && !c.countedAlone(column) {
		conditions = rangeOfTexts(column, []rune(begins))
	}
	if contains != "" && (len(conditions) == 0 || contains != begins) {
		conditions = append(conditions, Filter{op: opLike, column: column, values: []any{"%" + literalPattern.Replace(contains) + "%"}})
	}
	return conditions
}

// literals are texts that all matches of a regular expression have: the one that they begin with, and
// the longest. They are "" where there is none, or it isn't sure that a like finds it.
func literals(expression *regexp.Regexp) (begins, longest string) {
	parsed, err := syntax.Parse(expression.String(), syntax.Perl) // as package regexp does
	if err != nil {
		return "", ""
	}
	parsed = parsed.Simplify()
	if parsed.Op == syntax.OpConcat && len(parsed.Sub) > 1 && parsed.Sub[0].Op == syntax.OpBeginText {
		begins = literal(parsed.Sub[1])
	}
	return begins, longestLiteral(parsed)
}

func literal(part *syntax.Regexp) string {
	text := string(part.Rune)
	if part.Op != syntax.OpLiteral || part.Flags&syntax.FoldCase != 0 || !isASCII(text) || checkText(text) != nil {
		return ""
	}
	return text
}

func longestLiteral(part *syntax.Regexp) (longest string) {
	switch part.Op { //nolint:exhaustive // the others may match without any of their parts
	case syntax.OpLiteral:
		return literal(part)
	case syntax.OpCapture, syntax.OpPlus:
		return longestLiteral(part.Sub[0])
	case syntax.OpConcat:
		for _, sub := range part.Sub {
			if text := longestLiteral(sub); len(text) > len(longest) {
				longest = text
			}
		}
	}
	return longest
}

var errManyValues = errors.New("more different values than a regex may be tried on")
