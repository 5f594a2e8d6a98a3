package jdl

import (
	"errors"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Ad is a job description as it is stored, DIRAC's ClassAd: attributes and their
// expressions. An expression is kept as its source text: a text in quotes, a number, a list
// in braces or an ad in brackets. Make one by [NewAd] or [ParseAd].
type Ad struct {
	names       []string // in the order in which they came
	expressions map[string]string
}

// NewAd returns an ad without attributes.
func NewAd() *Ad { return &Ad{expressions: map[string]string{}} }

// Names returns the attributes' names in ascending order.
func (a *Ad) Names() []string { return slices.Sorted(slices.Values(a.names)) }

// Has reports whether there is an attribute of that name.
func (a *Ad) Has(name string) bool {
	_, ok := a.expressions[name]
	return ok
}

// Text returns an expression without its quotes, "" if there is no such attribute.
func (a *Ad) Text(name string) string { return strings.ReplaceAll(a.expressions[name], `"`, "") }

// Expression returns an expression as it is written, "" if there is no such attribute.
func (a *Ad) Expression(name string) string { return a.expressions[name] }

// Items returns the items of a list in braces, see [Ad.List]; ok is false if the expression is none.
func (a *Ad) Items(name string) (items []string, ok bool) {
	if !isList(a.expressions[name]) {
		return nil, false
	}
	items, err := a.List(name)
	return items, err == nil
}

// Int returns a whole number, which may be in quotes; ok is false if the expression is none. See
// [ParseInt].
func (a *Ad) Int(name string) (n *big.Int, ok bool) { return ParseInt(a.Text(name)) }

// number returns an expression as a whole number, or else as a float.
func (a *Ad) number(name string) (number, bool) {
	if n, ok := a.Int(name); ok {
		return number{whole: n}, true
	}
	f, ok := parseFloat(a.Text(name))
	return number{float: f}, ok
}

// Set gives an attribute an expression, unchecked.
func (a *Ad) Set(name, expression string) {
	if !a.Has(name) {
		a.names = append(a.names, name)
	}
	a.expressions[name] = expression
}

// SetText sets an attribute to a text, which is put in quotes. Quotes within it can't be escaped.
func (a *Ad) SetText(name, text string) { a.Set(name, `"`+text+`"`) }

// SetInt sets an attribute to a whole number.
func (a *Ad) SetInt(name string, n int64) { a.Set(name, strconv.FormatInt(n, 10)) }

// SetTexts sets an attribute to a list of texts, each in quotes.
func (a *Ad) SetTexts(name string, texts []string) {
	a.Set(name, `{"`+strings.Join(texts, `","`)+`"}`)
}

// remove removes the attributes that isGone names.
func (a *Ad) remove(isGone func(name string) bool) {
	a.names = slices.DeleteFunc(a.names, isGone)
	maps.DeleteFunc(a.expressions, func(name, _ string) bool { return isGone(name) })
}

// isList tells whether an expression is a list in braces.
func isList(expression string) bool { return strings.HasPrefix(trim(expression), "{") }

// List returns the items of a list without quotes, blanks and newlines; a nested list is one
// item, braces included. A text is split at its commas. There are no items of an attribute that is
// missing or empty. A nested list that isn't closed is [ErrEndless].
func (a *Ad) List(name string) ([]string, error) {
	text, inBraces := trim(a.expressions[name]), isList(a.expressions[name])
	if inBraces {
		text = inner(text)
	}
	text = withoutBlanks.Replace(text)
	if !inBraces && !strings.Contains(text, "{") {
		if text = strings.ReplaceAll(text, `"`, ""); text == "" {
			return nil, nil
		}
		return strings.Split(text, ","), nil
	}
	items, ok := splitItems(text)
	if !ok {
		return nil, endless(name, "a { within a list that isn't closed")
	}
	return items, nil
}

var withoutBlanks = strings.NewReplacer(" ", "", "\n", "")

// splitItems splits what is in a list's braces. ok is false if a nested list isn't closed.
func splitItems(text string) (items []string, ok bool) {
	for text != "" {
		var item string
		switch text[0] {
		case '{':
			end := strings.IndexByte(text, '}')
			if end < 0 {
				return nil, false
			}
			item, text = text[:end+1], strings.TrimPrefix(text[end+1:], ",")
		case '"':
			var closed bool
			rest := text[1:]
			if item, text, closed = strings.Cut(rest, `"`); !closed {
				item, text = "", rest
			}
			text = strings.TrimPrefix(text, ",")
		default:
			item, text, _ = strings.Cut(text, ",")
			item = strings.ReplaceAll(item, `"`, "")
		}
		items = append(items, item)
	}
	return items, true
}

// JDL returns the text of the ad as DIRAC stores it, the attributes in ascending order. A nested
// ad that DIRAC would read for ever is [ErrEndless]; a text of more than 64 MiB is an error, too.
func (a *Ad) JDL() (string, error) {
	var b strings.Builder
	for i, name := range a.Names() {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := writeAttribute(&b, name, a.expressions[name]); err != nil {
			return "", err
		}
	}
	return "[ \n" + b.String() + "\n]", nil
}

const (
	adIndent     = "    "
	nestedIndent = adIndent + adIndent
	itemIndent   = adIndent + adIndent + adIndent
)

func writeAttribute(b *strings.Builder, name, expression string) error {
	if err := checkRoom(b, len(name)+len(expression)+strings.Count(expression, ",")*len(itemIndent+"\n")); err != nil {
		return err
	}
	b.WriteString(adIndent + name + " = ")
	switch {
	case strings.HasPrefix(expression, "{"):
		writeList(b, expression)
	case strings.HasPrefix(expression, "["):
		return writeNested(b, expression)
	default:
		b.WriteString(expression + ";")
	}
	return nil
}

func writeList(b *strings.Builder, expression string) {
	items := strings.Split(inner(expression), ",")
	for i, item := range items {
		items[i] = itemIndent + trim(item)
	}
	b.WriteString("\n" + nestedIndent + "{\n" + strings.Join(items, ",\n") + "\n" + nestedIndent + "};")
}

func writeNested(b *strings.Builder, expression string) error {
	nested, err := ParseAd(expression)
	if errors.Is(err, ErrEndless) {
		return err
	}
	if err != nil {
		nested = NewAd() // DIRAC writes an ad without attributes where it finds none
	}
	text, err := nested.JDL()
	if err != nil {
		return err
	}
	if err := checkRoom(b, len(text)+strings.Count(text, "\n")*len(nestedIndent)); err != nil {
		return err
	}
	for line := range strings.SplitSeq(text+";", "\n") {
		b.WriteString("\n" + nestedIndent + line)
	}
	return nil
}
