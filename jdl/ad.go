package jdl

import (
	"errors"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Ad is a job description as it is stored: attributes and their expressions,
// which are texts in quotes, numbers, lists in braces or ads in brackets. A new Ad is made by [NewAd] or [ParseAd].
type Ad struct {
	names       []string // in the order in which they came
	expressions map[string]string
}

// NewAd returns an ad without attributes.
func NewAd() *Ad { return &Ad{expressions: map[string]string{}} }

// Names returns the attributes' names in ascending order.
func (a *Ad) Names() []string { return slices.Sorted(slices.Values(a.names)) }

// Has tells whether there is an attribute of that name.
func (a *Ad) Has(name string) bool {
	_, ok := a.expressions[name]
	return ok
}

// Text returns an expression without its quotes, "" where there is none.
func (a *Ad) Text(name string) string { return strings.ReplaceAll(a.expressions[name], `"`, "") }

// Int returns a whole number, in quotes or not.
func (a *Ad) Int(name string) (n *big.Int, ok bool) { return ParseInt(a.Text(name)) }

// Set gives an attribute an expression, as it is.
func (a *Ad) Set(name, expression string) {
	if !a.Has(name) {
		a.names = append(a.names, name)
	}
	a.expressions[name] = expression
}

// SetText puts a text in quotes.
func (a *Ad) SetText(name, text string) { a.Set(name, `"`+text+`"`) }

// SetInt sets a whole number.
func (a *Ad) SetInt(name string, n int64) { a.Set(name, strconv.FormatInt(n, 10)) }

// SetTexts sets a list of texts.
func (a *Ad) SetTexts(name string, texts []string) {
	a.Set(name, `{"`+strings.Join(texts, `","`)+`"}`)
}

// remove takes attributes out.
func (a *Ad) remove(isGone func(name string) bool) {
	a.names = slices.DeleteFunc(a.names, isGone)
	maps.DeleteFunc(a.expressions, func(name, _ string) bool { return isGone(name) })
}

// isList tells whether an expression is a list in braces.
func (a *Ad) isList(name string) bool { return strings.HasPrefix(trim(a.expressions[name]), "{") }

// List returns the items of a list without quotes and blanks, those of a
// nested list as one item in braces. A text is split at commas. A nested list that isn't closed is [ErrEndless].
func (a *Ad) List(name string) ([]string, error) {
	text, isList := trim(a.expressions[name]), a.isList(name)
	if isList {
		text = inner(text)
	}
	text = withoutBlanks.Replace(text)
	if !isList && !strings.Contains(text, "{") {
		if text = strings.ReplaceAll(text, `"`, ""); text == "" {
			return nil, nil
		}
		return strings.Split(text, ","), nil
	}
	items, ok := listItems(text)
	if !ok {
		return nil, endless(name, "a { within a list that isn't closed")
	}
	return items, nil
}

var withoutBlanks = strings.NewReplacer(" ", "", "\n", "")

func listItems(text string) (items []string, ok bool) {
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

// JDL writes the ad as it is stored, the attributes in ascending order. An
// ad within it that DIRAC would read for ever is [ErrEndless]; one that would be longer than 64 MiB is an error.
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

// hasRoom tells whether n more bytes may be written: what is longer than mostText can't be read again.
func hasRoom(b *strings.Builder, n int) error {
	if b.Len()+n > mostText {
		return errors.New("it would be stored as more than 64 MiB")
	}
	return nil
}

func writeAttribute(b *strings.Builder, name, expression string) error {
	const indent = "    "
	if err := hasRoom(b, len(name)+len(expression)+strings.Count(expression, ",")*len(indent+indent+indent+"\n")); err != nil {
		return err
	}
	b.WriteString(indent + name + " = ")
	switch {
	case strings.HasPrefix(expression, "{"):
		items := strings.Split(inner(expression), ",")
		for i, item := range items {
			items[i] = indent + indent + indent + trim(item)
		}
		b.WriteString("\n" + indent + indent + "{\n" + strings.Join(items, ",\n") + "\n" + indent + indent + "};")
	case strings.HasPrefix(expression, "["):
		nested, err := ParseAd(expression)
		if err != nil && !errors.Is(err, ErrEndless) {
			nested, err = NewAd(), nil // as DIRAC writes what it finds nothing in
		}
		if err != nil {
			return err
		}
		text, err := nested.JDL()
		if err == nil {
			err = hasRoom(b, len(text)+strings.Count(text, "\n")*len(indent+indent))
		}
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(text+";", "\n") {
			b.WriteString("\n" + indent + indent + line)
		}
	default:
		b.WriteString(expression + ";")
	}
	return nil
}
