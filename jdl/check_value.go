package jdl

import (
	"slices"
	"strings"
)

// name checks the name of an attribute or section.
func (c *checker) name(at int, name string, depth int) {
	switch {
	case name == "":
		c.mistake(at, "a value without a name")
		return
	case depth > 0:
		return // the names in sections are the user's own
	}
	if first, ok := c.seen[name]; ok && len(c.findings) < maxFindings { // lines are counted from the top
		c.doubt(at, "%s is set twice: this one counts, the one of line %d is lost", quoteShort(name), strings.Count(c.text[:first], "\n")+1)
	}
	c.seen[name] = at
	known, meant := nearestName(name)
	switch {
	case known:
	case meant != "":
		c.doubt(at, "%s is no attribute that DIRAC knows; is %s meant?", quoteShort(name), meant)
	case strings.ContainsAny(name, " \t\r\n\"',{}"):
		c.mistake(at, "%s can't be the name of an attribute; is a semicolon or a = missing before it?", quoteShort(name))
	default:
		c.doubt(at, "%s is no attribute that DIRAC knows; it is stored, and likely nothing reads it", quoteShort(name))
	}
}

// value checks the value of an attribute, which isn't a section.
func (c *checker) value(name string, begin, end int) {
	text := strings.TrimRightFunc(c.text[begin:end], isBlank)
	c.values = append(c.values, checkedValue{name: name, text: text, at: begin})
	if c.commentIn(begin, text) || c.otherQuotes(begin, text) {
		return
	}
	items, ok := c.items(name, begin, text)
	if !ok {
		return
	}
	for _, item := range items {
		c.item(name, item)
	}
	if len(items) > 0 {
		c.single(name, begin, text, items)
		c.number(name, begin, text)
	}
}

// span is a part of the text.
type span struct {
	text string
	at   int
}

// items splits a list at the commas outside of quotes; a text that is no list is one item.
func (c *checker) items(name string, begin int, text string) (items []span, ok bool) {
	if !strings.HasPrefix(text, "{") {
		return []span{{text, begin}}, true
	}
	if !strings.HasSuffix(text, "}") {
		c.mistake(begin, "%s: this list isn't closed; write a } before the semicolon", quoteShort(name))
		return nil, false
	}
	inQuotes, depth, from := false, 0, 1
	add := func(to int) {
		part := text[from:to]
		if trimmed := trim(part); trimmed != "" {
			items = append(items, span{trimmed, begin + from + strings.Index(part, trimmed)})
		}
		from = to + 1
	}
	for i := 1; i < len(text)-1; i++ {
		switch {
		case text[i] == '"':
			inQuotes = !inQuotes
		case text[i] == '{' && !inQuotes:
			depth++
		case text[i] == '}' && !inQuotes:
			depth--
		case text[i] != ',' || depth > 0:
		case !inQuotes:
			add(i)
		default:
			c.mistake(begin+i, "%s: a comma within a text of a list splits it in two; write it without", quoteShort(name))
		}
	}
	add(len(text) - 1)
	if len(items) == 0 {
		c.doubt(begin, "%s is an empty list; leave the attribute out, or give it a value", quoteShort(name))
	}
	return items, true
}

// item checks a text, number or word, alone or in a list, or a list in a list.
func (c *checker) item(name string, item span) {
	if strings.HasPrefix(item.text, "{") {
		c.nestedList(name, item)
		return
	}
	if item.text[0] != '"' {
		switch {
		case strings.Contains(item.text, `"`):
			c.doubt(item.at, `%s: the quotes in the middle of this value are lost; put all of it in quotes, with ' in the place of those within`, quoteShort(name))
		case !isNumber(item.text) && !isBoolean(item.text) && !slices.Contains(wholeNumbers, name) && !parameterPlace.MatchString(item.text):
			c.bare = append(c.bare, span{quoteShort(name) + `: the quotes are missing; write "` + short(item.text) + `"`, item.at})
		}
		return
	}
	text, rest, closed := strings.Cut(item.text[1:], `"`)
	switch {
	case !closed:
		c.mistake(item.at, "%s: this quote isn't closed", quoteShort(name))
	case trim(rest) != "":
		c.afterText(name, item.at+len(item.text)-len(rest), rest)
	case trim(text) == "":
		c.doubt(item.at, "%s is empty; leave the attribute out, or give it a value", quoteShort(name))
	case len(text) != len(trim(text)) && !slices.Contains(neverLists, name):
		c.doubt(item.at, "%s: the text begins or ends with a blank", quoteShort(name))
	}
}

// nestedList checks a list in a list, which only parameters may be: their jobs get one each.
func (c *checker) nestedList(name string, item span) {
	if !strings.HasPrefix(name, "Parameters") {
		c.doubt(item.at, "%s: a list within a list falls apart when DIRAC reads it", quoteShort(name))
	}
	items, _ := c.items(name, item.at, item.text)
	for _, inner := range items {
		c.item(name, inner)
	}
}

// withoutQuotes notes the values without quotes, all of them at the first: DIRAC adds the quotes
// itself, and some people never write any.
func (c *checker) withoutQuotes() {
	switch n := len(c.bare) - 1; {
	case n < 0:
	case n == 0:
		c.doubt(c.bare[0].at, "%s", c.bare[0].text)
	default:
		c.doubt(c.bare[0].at, "%s; %d more values have none either", c.bare[0].text, n)
	}
}

// afterText notes what follows the closing quote of a text.
func (c *checker) afterText(name string, at int, rest string) {
	lead := len(rest) - len(strings.TrimLeftFunc(rest, isBlank))
	at, rest = at+lead, rest[lead:]
	if m := nextAttribute.FindStringSubmatch(rest); m != nil {
		c.mistake(at, "a semicolon is missing before %s, which is taken for a part of the value of %s and lost", m[1], name)
		return
	}
	switch rest[0] {
	case '"':
		c.mistake(at, `%s: a comma is missing between two texts, or there is a quote within a text, where none can be`, quoteShort(name))
	case ',':
		if !isTextList(rest) {
			c.mistake(at, `%s: what follows the closing quote is lost: %s`, quoteShort(name), quoteShort(rest))
		}
	default:
		c.mistake(at, `%s: what follows the closing quote is lost: %s; is a quote missing, or one within the text?`, quoteShort(name), quoteShort(rest))
	}
}

// isTextList reports whether a text goes on as one of several in quotes with commas between them, as a
// list without braces does.
func isTextList(rest string) bool {
	for {
		rest = trim(rest)
		if rest == "" {
			return true
		}
		next, ok := strings.CutPrefix(rest, ",")
		next, quoted := strings.CutPrefix(trim(next), `"`)
		_, after, closed := strings.Cut(next, `"`)
		if !ok || !quoted || !closed {
			return false
		}
		rest = after
	}
}

// single checks that an attribute that has one value isn't a list: DIRAC takes a text with a comma
// for one.
func (c *checker) single(name string, begin int, text string, items []span) {
	if !slices.Contains(singleAttributes, name) {
		return
	}
	comma := strings.IndexByte(text, ',')
	if comma < 0 || len(SplitList(strings.Trim(text, `"{}`))) < 2 {
		return
	}
	if len(items) > 1 || strings.HasPrefix(text, "{") {
		c.doubt(begin, "%s is a list, but has one value", quoteShort(name))
		return
	}
	parts := SplitList(strings.ReplaceAll(text, `"`, ""))
	c.doubt(begin+comma, "%s: a text with a comma is a list to DIRAC, here {%s}; write it without the comma", quoteShort(name),
		short(strings.Join(parts, ",")))
}

// number checks the attributes that are whole numbers.
func (c *checker) number(name string, begin int, text string) {
	if !slices.Contains(wholeNumbers, name) || strings.Contains(text, "%") {
		return
	}
	if _, ok := ParseInt(strings.Trim(text, `"{}`)); !ok {
		c.mistake(begin, "%s must be a whole number, not %s", name, short(text))
	}
}

// commentIn notes what was meant as a comment within a value.
func (c *checker) commentIn(begin int, text string) bool {
	inQuotes := false
	for i := range len(text) {
		if text[i] == '"' {
			inQuotes = !inQuotes
		}
		if inQuotes || i > 0 && !strings.ContainsRune(" \t\n\r,{\"", rune(text[i-1])) {
			continue
		}
		if commentEnd(text, i) != i {
			c.mistake(begin+i, "there are no comments in JDL: this becomes part of the value; remove it")
			return true
		}
	}
	return false
}

// otherQuotes notes quotes that are none to DIRAC.
func (c *checker) otherQuotes(begin int, text string) bool {
	for _, quote := range []string{"“", "”", "„", "«", "»", "‘", "’", "'", "`"} {
		at := strings.Index(text, quote)
		isPlain := quote == "'" || quote == "`"
		if at < 0 || isPlain && at > 0 || strings.Contains(text[:at], `"`) {
			continue
		}
		c.mistake(begin+at, `%s isn't the quote of JDL and becomes part of the value; write "…"`, quote)
		return true
	}
	return false
}

func isBoolean(text string) bool {
	return strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
}

// short is up to 60 characters of a text on one line, for a message.
func short(text string) string {
	quoted := quoteShort(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
