package jdl

import (
	"errors"
	"fmt"
	"strings"
)

// ErrEndless is the class of texts on which DIRAC's parser never ends, or fails with an internal
// error:
//
//   - a [ that isn't closed, or whose ] isn't followed by a semicolon, even if it stands in quotes;
//   - more than ten nested brackets;
//   - a { within a list that isn't closed.
//
// They must not be stored, because DIRAC's own services and pilots would read them.
var ErrEndless = errors.New("DIRAC can't read this to its end")

// endlessError is an error of the class ErrEndless.
type endlessError struct{ text string }

func (e *endlessError) Error() string { return e.text }

func (e *endlessError) Is(target error) bool { return target == ErrEndless }

// endless says which attribute is wrong and why.
func endless(name, reason string) error { return &endlessError{quoteShort(name) + ": " + reason} }

// maxAdDepth is how many brackets may be nested.
const maxAdDepth = 10

// maxAttributes is how many attributes a text may have: no job has a hundredth of that, and a text
// of as many as fit would take a hundred times its size in memory.
const maxAttributes = 10_000

var errTooManyAttributes = fmt.Errorf("it has more than %d attributes", maxAttributes)

// ParseAd reads a text in square brackets, as DIRAC's ClassAd does. A text that DIRAC would read
// for ever is [ErrEndless]; any other error is about a text in which DIRAC finds no attributes at
// all.
func ParseAd(text string) (*Ad, error) {
	text = trim(text)
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return nil, errors.New("it is not in brackets")
	}
	p := newAdParser(text[1 : len(text)-1])
	ad := NewAd()
	for at := 0; ; {
		n := strings.IndexByte(p.body[at:], '=')
		if n < 0 || at+n+1 == len(p.body) {
			break
		}
		name := trim(p.body[at : at+n])
		value, next, err := p.value(at + n + 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quoteShort(name), err)
		}
		if ad.Set(name, strings.ReplaceAll(trim(value), "\n", "")); len(ad.names) > maxAttributes {
			return nil, errTooManyAttributes
		}
		at = next
	}
	if len(ad.names) == 0 {
		return nil, errors.New("it has no attributes")
	}
	return ad, nil
}

type adParser struct {
	body string
	open byteFinder // finds [
}

func newAdParser(body string) *adParser {
	return &adParser{body: body, open: byteFinder{text: body, char: '['}}
}

// value reads what follows a =, and returns where the next name begins. A [ anywhere before the
// semicolon begins a nested ad; what is before it is lost.
func (p *adParser) value(at int) (value string, next int, err error) {
	open, end := p.open.from(at), strings.IndexByte(p.body[at:], ';')
	switch {
	case open < 0 && end < 0:
		return p.body[at:], len(p.body), nil
	case end < 0:
		return "", 0, &endlessError{"a [ with no semicolon after it"}
	case open >= 0 && open < at+end:
		return p.nested(open)
	case end == 0:
		return "", 0, errors.New("no value")
	}
	return p.body[at : at+end], at + end + 1, nil
}

// nested reads the ad whose [ is at begin.
func (p *adParser) nested(begin int) (value string, next int, err error) {
	at := begin
	for depth := 1; depth <= maxAdDepth; {
		n := strings.IndexByte(p.body[at+1:], ']')
		if n < 0 {
			return "", 0, &endlessError{"a [ that isn't closed"}
		}
		end := at + 1 + n
		if open := p.open.from(at + 1); open >= 0 && open < end {
			depth++
			at = open
			continue
		}
		if depth--; depth == 0 {
			if !strings.HasPrefix(p.body[end+1:], ";") {
				return "", 0, &endlessError{"a ] with no semicolon right after it, or brackets within a text"}
			}
			return p.body[begin : end+1], end + 2, nil
		}
		at = end
	}
	return "", 0, &endlessError{"more than ten [ in each other"}
}

// byteFinder finds the next occurrence of a byte. The places from which it is asked must not go
// back; so it searches the text only once, and all of it takes linear time.
type byteFinder struct {
	text string
	char byte
	last int  // 1 + where it was found last; 0 before the first search
	none bool // there are no more
}

// from returns where the byte occurs at or after a place, -1 if nowhere.
func (f *byteFinder) from(at int) int {
	for !f.none && f.last <= at {
		n := strings.IndexByte(f.text[at:], f.char)
		if f.none = n < 0; !f.none {
			f.last = at + n + 1
		}
	}
	if f.none {
		return -1
	}
	return f.last - 1
}
