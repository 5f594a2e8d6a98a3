package jdl

import (
	"errors"
	"strings"
)

// maxManifestDepth is how deep sections may be nested, the whole text counted as the first: DIRAC
// can't read deeper ones again, see [ErrEndless].
const maxManifestDepth = 1 + maxAdDepth

// ParseManifest reads a submitted text, with or without its outer brackets, as DIRAC's
// JobManifest does. The error says which attribute is wrong and why.
func ParseManifest(text string) (*Manifest, error) {
	p := &manifestParser{text: Enclose(text)}
	return p.section(1)
}

type manifestParser struct {
	text string
	at   int // the character that ended what was read last
	read int // attributes and sections
}

// section reads attributes from behind a [ up to the ] that closes it, or to the end of the text.
func (p *manifestParser) section(depth int) (*Manifest, error) {
	if depth > maxManifestDepth {
		return nil, errors.New("sections nested too deeply")
	}
	m := &Manifest{}
	for p.at++; p.at < len(p.text); p.at++ {
		name, end := p.name()
		if name == "" && end != '=' && end != '[' {
			if end == ']' {
				return m, nil
			}
			continue
		}
		value := ""
		if end == '=' {
			value, end = p.value()
		}
		if err := p.attribute(m, name, value, end, depth); err != nil {
			return nil, err
		}
		if end == ']' {
			return m, nil
		}
	}
	return m, nil
}

// attribute adds to m what was read up to the character end, 0 for the end of the text.
func (p *manifestParser) attribute(m *Manifest, name, value string, end byte, depth int) error {
	p.read++
	switch {
	case p.read > maxAttributes:
		return errTooManyAttributes
	case end == 0:
		return nil // DIRAC forgets an attribute that the text ends in
	case end == '[' && name == "":
		return errors.New("an attribute without a name")
	case end == '[' && value != "":
		return errors.New(quoteShort(name) + " has both a value and a section; is a quote or a semicolon missing?")
	case end == '[':
		section, err := p.section(depth + 1)
		if err != nil {
			return err
		}
		return m.add(name, manifestEntry{section: section})
	case name == "":
		return nil
	}
	value, err := cleanValue(value)
	if err != nil {
		return errors.New(quoteShort(name) + ": " + err.Error())
	}
	return m.add(name, manifestEntry{value: value})
}

// name reads a name up to one of = ; [ ] and returns that as end, 0 for the end of the text.
func (p *manifestParser) name() (name string, end byte) {
	n := strings.IndexAny(p.text[p.at:], "=;[]")
	if n < 0 {
		name = p.text[p.at:]
		p.at = len(p.text)
		return trim(name), 0
	}
	name = p.text[p.at : p.at+n]
	p.at += n
	return trim(name), p.text[p.at]
}

// value reads from behind a = up to one of ; [ ] outside of quotes, and returns that as end, 0 for
// the end of the text.
func (p *manifestParser) value() (value string, end byte) {
	begin, inQuotes := p.at+1, false
	for p.at = begin; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			inQuotes = !inQuotes
		case !inQuotes && (c == ';' || c == '[' || c == ']'):
			return trim(p.text[begin:p.at]), c
		}
	}
	return trim(p.text[begin:]), 0
}

// cleanValue removes the quotes of a value, and joins the items of a list by ", ".
func cleanValue(value string) (string, error) {
	list, ok := strings.CutPrefix(value, "{")
	switch {
	case value == "":
		return "", errors.New("no value")
	case !ok:
		return cleanItem(value)
	case !strings.HasSuffix(list, "}"):
		return "", errors.New("a list that doesn't end in }")
	}
	items := SplitList(list[:len(list)-1])
	for i, item := range items {
		var err error
		if items[i], err = cleanItem(item); err != nil {
			return "", err
		}
	}
	return strings.Join(items, ", "), nil
}

// cleanItem removes quotes. Several texts in quotes with commas between them are a list, too, and
// joined by ", ".
func cleanItem(item string) (string, error) {
	if item[0] != '"' {
		return strings.ReplaceAll(item, `"`, ""), nil
	}
	if text, rest, closed := strings.Cut(item[1:], `"`); closed && !strings.Contains(rest, `"`) {
		return text, nil
	}
	if strings.Count(item, `"`)%2 != 0 {
		return "", errors.New(`a " that isn't closed; a " within a text can't be written`)
	}
	var texts strings.Builder // written as they are read: a list may have a million
	between := ""             // what stands between the quotes before and this text
	for n := 0; item != ""; n++ {
		var part string
		part, item, _ = strings.Cut(item, `"`)
		switch {
		case n%2 == 0:
			between = part
		case n == 1:
			texts.WriteString(part)
		case trim(between) != ",":
			return "", errors.New("texts in quotes with no comma between them")
		default:
			texts.WriteString(", ")
			texts.WriteString(part)
		}
	}
	return texts.String(), nil
}
