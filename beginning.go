package jobdb

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// beginning is how the texts begin that a like matches: a rune for each of theirs, ASCII letters in
// lower case, and anyRune for any.
type beginning []rune

const anyRune = -1

// maxLooks is how often an index is looked at for the spellings of a beginning.
const maxLooks = 20

// beginningOf splits a pattern that likePattern made at its first %.
func beginningOf(pattern string) (begins beginning, rest string) {
	escaped := false
	for at, r := range pattern {
		switch {
		case r == engine.LikeEscape && !escaped:
			escaped = true
			continue
		case r == '%' && !escaped:
			return begins, pattern[at:]
		case r == '_' && !escaped:
			r = anyRune
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		}
		begins, escaped = append(begins, r), false
	}
	return begins, ""
}

// above is the least rune after another one that a text may have at a place.
func (b beginning) above(at int, r rune) (next rune, ok bool) {
	switch upper := b[at] + 'A' - 'a'; {
	case b[at] == anyRune:
		return nextRune(r)
	case b.isLetter(at) && upper > r:
		return upper, true
	}
	return b[at], b[at] > r
}

func (b beginning) isLetter(at int) bool { return b[at] >= 'a' && b[at] <= 'z' }

// nextRune is the one after another by their numbers, which is the order of their bytes.
func nextRune(r rune) (next rune, ok bool) {
	const surrogates, afterSurrogates = 0xD800, 0xE000
	if r++; r == surrogates {
		r = afterSurrogates
	}
	return r, r <= utf8.MaxRune
}

// after is the first text that can begin so and has another rune at a place, or before it, than a text
// that begins so up to there.
func (b beginning) after(text []rune, at int) (next string, ok bool) {
	for ; at >= 0; at-- {
		if r, ok := b.above(at, text[at]); ok {
			return string(text[:at]) + string(r) + b.first(at+1), true
		}
	}
	return "", false
}

// first is the first text that can follow from a place on.
func (b beginning) first(from int) string {
	var text strings.Builder
	for at := from; at < len(b); at++ {
		r, _ := b.above(at, 0)
		text.WriteRune(r)
	}
	return text.String()
}

// next is the first text not before this one that can begin as b does, if this one doesn't. If it does
// fits is true.
func (b beginning) next(text []rune) (next string, fits, ok bool) {
	at := 0
	for at < min(len(b), len(text)) && b.fits(at, text[at]) {
		at++
	}
	switch {
	case at == len(b):
		return "", true, true
	case at == len(text):
		return string(text) + b.first(at), false, true
	}
	next, ok = b.after(text, at)
	return next, false, ok
}

func (b beginning) fits(at int, r rune) bool {
	return b[at] == anyRune || r == b[at] || b.isLetter(at) && r == b[at]+'A'-'a'
}

// isOneText reports whether texts can begin so in one way only.
func (b beginning) isOneText() bool {
	return !slices.ContainsFunc(b, func(r rune) bool { return r == anyRune || r >= 'a' && r <= 'z' })
}

// endOf is the first text after all that begin with one; false where there is none.
func endOf(begins []rune) (end string, ok bool) {
	for at, r := range slices.Backward(begins) {
		if r, ok := nextRune(r); ok {
			return string(begins[:at]) + string(r), true
		}
	}
	return "", false
}

// ranged reports whether a like is to become a range of an index: one of the jobs of a VO that has the
// texts in the order of their bytes. What counts tell isn't, their texts are few.
func (c *compiler) ranged(scope Scope, f Filter) bool {
	return f.op == opLike && c.inByteOrder(scope, f.column) && !c.countedAlone(f.column)
}

// inByteOrder reports whether an index has the jobs of the scope's VO by a text in the order of its
// bytes.
func (c *compiler) inByteOrder(scope Scope, column Column) bool {
	return scope.VO != "" && column != colParameter && column.Kind() == tables.KindText && c.schema.OfVO[column.Name()] != "" &&
		!c.foldsCase(column) && !c.foldsCase(colVO)
}

func (c *compiler) countedAlone(column Column) bool {
	return c.countedBy(Scope{}, Filter{op: opAnd}, []Column{column}) != nil
}

// resolveBeginnings replaces the likes of a filter that texts meet which begin in one way only, as far
// as there are jobs, by ranges of an index.
func (s *session) resolveBeginnings(ctx context.Context, scope Scope, filter Filter) (Filter, error) {
	c := s.compiler()
	if filter.op != opAnd || !slices.ContainsFunc(filter.kids, func(kid Filter) bool { return c.ranged(scope, kid) }) {
		return filter, nil
	}
	resolved := Filter{op: opAnd}
	for _, kid := range filter.kids {
		if !c.ranged(scope, kid) {
			resolved.kids = append(resolved.kids, kid)
			continue
		}
		kids, err := s.rangeOf(ctx, scope, kid)
		if err != nil {
			return filter, err
		}
		resolved.kids = append(resolved.kids, kids...)
	}
	return resolved, nil
}

// rangeOf are conditions that together are a like: the like itself where no range is.
func (s *session) rangeOf(ctx context.Context, scope Scope, like Filter) ([]Filter, error) {
	begins, rest := beginningOf(like.values[0].(string)) //nolint:forcetypeassert // made by parsePattern
	if len(begins) == 0 {
		return []Filter{like}, nil
	}
	var spelling []rune
	if begins.isOneText() {
		spelling = begins
	} else {
		spellings, all, err := s.spellings(ctx, scope, like.column, begins)
		switch {
		case err != nil || !all || len(spellings) > 1:
			return []Filter{like}, err
		case len(spellings) == 0:
			return []Filter{{op: opOr}}, nil
		}
		spelling = spellings[0]
	}
	kids := rangeOfTexts(like.column, spelling)
	if rest != "%" {
		kids = append(kids, like)
	}
	return kids, nil
}

// rangeOfTexts are conditions that the texts meet that begin with one, in the order of their bytes.
func rangeOfTexts(column Column, begins []rune) []Filter {
	conditions := []Filter{{op: opGreaterEqual, column: column, values: []any{string(begins)}}}
	if end, ok := endOf(begins); ok {
		conditions = append(conditions, Filter{op: opLess, column: column, values: []any{end}})
	}
	return conditions
}

// spellings are the ways in which texts of the VO's jobs begin, of those that a beginning allows: up to
// two of them. From a text that doesn't begin so it goes on where the next one that may can be. It
// reports whether these are all, or it looked often enough.
func (s *session) spellings(ctx context.Context, scope Scope, column Column, begins beginning) (found [][]rune, all bool, err error) {
	of := Values{Scope: Scope{VO: scope.VO}, Column: column}
	from := begins.first(0)
	for range maxLooks {
		value, ok, err := s.nextValue(ctx, of, opGreaterEqual, from)
		if err != nil || !ok {
			return found, true, err
		}
		text := []rune(value)
		next, fits, ok := begins.next(text)
		if fits {
			if found = append(found, text[:len(begins)]); len(found) > 1 {
				return found, true, nil
			}
			next, ok = begins.after(text, len(begins)-1)
		}
		switch {
		case !ok:
			return found, true, nil
		case !utf8.ValidString(value):
			return found, false, nil
		}
		from = next
	}
	return found, false, nil
}
