package jdl

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Ad is a job description as it is stored: attributes and their expressions,
// which are texts in quotes, numbers, lists in braces or ads in brackets. A new Ad is made by [NewAd] or [ParseAd].
type Ad struct{ expressions map[string]string }

// NewAd returns an ad without attributes.
func NewAd() *Ad { return &Ad{expressions: map[string]string{}} }

var errNoAd = errors.New("it has no attributes")

// ParseAd reads a text in brackets. An ad without attributes is an error.
func ParseAd(text string) (*Ad, error) {
	ad, err := parseAd(text)
	if err == nil && len(ad.expressions) == 0 {
		return nil, errNoAd
	}
	return ad, err
}

func parseAd(text string) (*Ad, error) {
	text = trim(text)
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return nil, errors.New("it is not in brackets")
	}
	ad := NewAd()
	rest := text[1 : len(text)-1]
	for {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || after == "" {
			return ad, nil
		}
		name = trim(name)
		var value string
		if nested := strings.TrimLeft(after, " \t\r\n"); strings.HasPrefix(nested, "[") {
			end, err := adEnd(nested)
			if err != nil {
				return nil, errors.New(short(name) + ": " + err.Error())
			}
			value = nested[:end]
			_, rest, _ = strings.Cut(nested[end:], ";")
		} else if value, rest, _ = strings.Cut(after, ";"); value == "" {
			return nil, errors.New(short(name) + ": no value")
		}
		ad.expressions[name] = strings.ReplaceAll(trim(value), "\n", "")
	}
}

// adEnd is where the ad ends that a text begins with.
func adEnd(text string) (int, error) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			if depth++; depth > deepest {
				return 0, errors.New("ads nested too deeply")
			}
		case ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, errors.New("a [ that isn't closed")
}

// Names returns the attributes' names in ascending order.
func (a *Ad) Names() []string { return slices.Sorted(maps.Keys(a.expressions)) }

// Has tells whether there is an attribute of that name.
func (a *Ad) Has(name string) bool {
	_, ok := a.expressions[name]
	return ok
}

// Text returns an expression without its quotes, "" where there is none.
func (a *Ad) Text(name string) string { return strings.ReplaceAll(a.expressions[name], `"`, "") }

// Int returns a whole number, in quotes or not.
func (a *Ad) Int(name string) (n int64, ok bool) { return ParseInt(a.Text(name)) }

// Set gives an attribute an expression, as it is.
func (a *Ad) Set(name, expression string) { a.expressions[name] = expression }

// SetText puts a text in quotes.
func (a *Ad) SetText(name, text string) { a.Set(name, `"`+text+`"`) }

// SetInt sets a whole number.
func (a *Ad) SetInt(name string, n int64) { a.Set(name, strconv.FormatInt(n, 10)) }

// IsList tells whether an expression is a list in braces.
func (a *Ad) IsList(name string) bool { return strings.HasPrefix(trim(a.expressions[name]), "{") }

// List returns the items of a list without quotes and blanks, those of a
// nested list as one item in braces. A text is split at commas.
func (a *Ad) List(name string) []string {
	expression := trim(a.expressions[name])
	text, isList := strings.CutPrefix(expression, "{")
	if isList && text != "" {
		text = text[:len(text)-1]
	}
	text = strings.NewReplacer(" ", "", "\n", "").Replace(text)
	if !isList && !strings.Contains(text, "{") {
		if text = strings.ReplaceAll(text, `"`, ""); text == "" {
			return nil
		}
		return strings.Split(text, ",")
	}
	return listItems(text)
}

func listItems(text string) []string {
	var items []string
	for text != "" {
		var item string
		switch text[0] {
		case '{':
			end := strings.IndexByte(text, '}')
			if end < 0 {
				return append(items, text)
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
	return items
}

// String writes the ad as it is stored, the attributes in ascending order.
func (a *Ad) String() string {
	var b strings.Builder
	for i, name := range a.Names() {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeAttribute(&b, name, a.expressions[name])
	}
	return "[ \n" + b.String() + "\n]"
}

func writeAttribute(b *strings.Builder, name, expression string) {
	const indent = "    "
	b.WriteString(indent + name + " = ")
	switch {
	case strings.HasPrefix(expression, "{"):
		items := strings.Split(expression[1:max(1, len(expression)-1)], ",")
		for i, item := range items {
			items[i] = indent + indent + indent + trim(item)
		}
		b.WriteString("\n" + indent + indent + "{\n" + strings.Join(items, ",\n") + "\n" + indent + indent + "};")
	case strings.HasPrefix(expression, "["):
		nested, err := parseAd(expression)
		if err != nil {
			nested = NewAd() // as DIRAC writes what it can't read
		}
		for line := range strings.SplitSeq(nested.String()+";", "\n") {
			b.WriteString("\n" + indent + indent + line)
		}
	default:
		b.WriteString(expression + ";")
	}
}

// IsParametric tells whether an ad describes many jobs, one for each of its parameters.
func (a *Ad) IsParametric() bool {
	for name := range a.expressions {
		if strings.HasPrefix(name, "Parameters") {
			return true
		}
	}
	return false
}
