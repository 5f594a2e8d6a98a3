package jdl

import (
	"regexp"
	"strings"
)

var (
	parameterPlace = regexp.MustCompile(`%\(([^()%\s]+)\)s|%[sn]`)

	nextAttribute = regexp.MustCompile(`^\s*([A-Za-z_][\w.]*)[ \t]*=`)
	plainName     = regexp.MustCompile(`^[A-Za-z_][\w./-]*$`)
)

// scan reads all attributes, those of sections too, and notes what is wrong with each.
func (c *checker) scan() {
	at := c.skipBlanks(len(c.bom()))
	bracket := -1 // the outer one
	if strings.HasPrefix(c.text[at:], "[") {
		bracket = at
		at++
	}
	at, closed := c.attributes(at, 0)
	switch rest := c.skipBlanks(at); {
	case bracket < 0 && closed:
		c.mistake(at-1, "a ] without its [: what follows it is lost")
	case bracket >= 0 && !closed:
		c.mistake(bracket, "this [ isn't closed; write ] at the end, or leave both out")
	case rest < len(c.text):
		c.mistake(rest, "what follows the ] at the end of a job is lost; write each job into a file of its own")
	}
}

func (c *checker) bom() string {
	if strings.HasPrefix(c.text, byteOrderMark) {
		return byteOrderMark
	}
	return ""
}

// attributes reads up to the ] that closes a section, or to the end, and returns the place behind it.
func (c *checker) attributes(at, depth int) (next int, closed bool) {
	if depth > maxManifestDepth {
		return len(c.text), true // the manifest's own reading says so
	}
	for {
		at = c.skipComments(at)
		if at == len(c.text) {
			return at, false
		}
		begin := at
		n := strings.IndexAny(c.text[at:], "=;[]\n")
		end := len(c.text)
		if n >= 0 {
			end = at + n
		}
		if n >= 0 && c.text[end] == '\n' { // the = may be on a line of its own
			if after := c.skipBlanks(end); after < len(c.text) && (c.text[after] == '=' || c.text[after] == '[') {
				end = after
			}
		}
		name := trim(c.text[begin:end])
		if end == len(c.text) {
			c.stray(begin, name)
			return end, false
		}
		switch at = end + 1; c.text[end] {
		case '=':
			at = c.attribute(begin, name, at, depth)
		case '[':
			if name == "" {
				c.mistake(end, "this [ has no name before it")
			}
			at, closed = c.section(begin, name, at, depth)
			if !closed {
				return at, true
			}
		case ']':
			c.stray(begin, name)
			return at, true
		default:
			c.stray(begin, name)
		}
	}
}

// section reads a section behind its [. closed is false, and noted, if it isn't closed.
func (c *checker) section(begin int, name string, at, depth int) (next int, closed bool) {
	c.name(begin, name, depth)
	if next, closed = c.attributes(at, depth+1); !closed {
		c.mistake(at-1, "this [ isn't closed")
	}
	return next, closed
}

// stray notes words that are no attribute.
func (c *checker) stray(at int, words string) {
	if words == "" {
		return
	}
	if name, value, ok := strings.Cut(words, ":"); ok && plainName.MatchString(trim(name)) && trim(value) != "" {
		c.mistake(at, "an attribute is written with =, not with a colon: %s = %s", trim(name), trim(value))
		return
	}
	if plainName.MatchString(words) {
		c.mistake(at, "%s has no value; write %s = …; or leave it out", quoteShort(words), words)
		return
	}
	c.mistake(at, "%s is no attribute, which is written NAME = VALUE; and would become part of what follows", quoteShort(words))
}

// attribute reads the value behind a = and returns the place behind its semicolon, or of the bracket
// that ends it.
func (c *checker) attribute(begin int, name string, at, depth int) (next int) {
	first := c.skipBlanks(at)
	if first < len(c.text) && c.text[first] == '[' {
		next, closed := c.section(begin, name, first+1, depth)
		if !closed {
			return len(c.text)
		}
		return c.behindSemicolon(next)
	}
	c.name(begin, name, depth)
	end, next, whole := c.valueEnd(first)
	switch {
	case end <= first && name != "":
		c.mistake(begin, "%s has no value; write one, or leave the attribute out", quoteShort(name))
	case end > first && whole:
		c.value(name, first, end)
	}
	return next
}

// behindSemicolon returns the place behind a semicolon that stands next.
func (c *checker) behindSemicolon(at int) int {
	if next := c.skipBlanks(at); next < len(c.text) && c.text[next] == ';' {
		return next + 1
	}
	return at
}

// valueEnd returns where a value ends, and where its next attribute begins. A value ends earlier
// than DIRAC has it end where a semicolon or a quote is missing; that is noted. whole is false if
// there is no more to say of the value.
func (c *checker) valueEnd(begin int) (end, next int, whole bool) {
	inQuotes, whole := false, true
	for at := begin; at < len(c.text); at++ {
		switch char := c.text[at]; {
		case char == '"' && inQuotes && c.text[at-1] == '\\' && !c.endsValue(at+1):
			if whole {
				c.mistake(at-1, `a quote can't be written within a text, not with a backslash either: the text ends here; use '…' within "…"`)
			}
			whole = false
		case char == '"' && inQuotes:
			inQuotes = false
		case char == '"':
			if stop, unclosed := c.unclosed(at); unclosed {
				c.openQuote(begin, at)
				return stop, c.behindSemicolon(stop), false
			}
			inQuotes = true
		case char == ';' && inQuotes:
			if whole {
				c.mistake(at, "a semicolon within a text ends it when DIRAC reads it again: the rest is lost")
			}
			whole = false
		case inQuotes:
		case char == ';':
			return at, at + 1, whole
		case char == '[' || char == ']':
			return at, at, whole
		case char == '\n' && nextAttribute.MatchString(c.text[at:]):
			c.semicolon(begin, at, nextAttribute.FindStringSubmatch(c.text[at:])[1])
			return at, at, whole
		}
	}
	return len(c.text), len(c.text), whole
}

// openQuote notes a quote that nothing closes, within the value that begins at begin.
func (c *checker) openQuote(begin, quote int) {
	before := strings.TrimRight(c.text[begin:quote], " \t\r\n")
	if before == "" || strings.HasSuffix(before, "{") || strings.HasSuffix(before, ",") {
		c.mistake(quote, `this quote isn't closed: all up to the next one is taken for the text; write a " at its end`)
		return
	}
	c.mistake(begin, `a quote is missing at the begin of this value`)
}

// semicolon notes that there is none between a value and the attribute that follows it.
func (c *checker) semicolon(begin, end int, lost string) {
	value := strings.TrimRight(c.text[begin:end], " \t\r\n")
	c.mistake(begin+len(value), "a semicolon is missing here: %s, which follows, is taken for a part of this value and lost", lost)
}

// endsValue reports whether a value ends at a place, blanks aside.
func (c *checker) endsValue(at int) bool {
	rest := strings.TrimLeft(c.text[at:], " \t\r")
	return rest == "" || strings.IndexByte(";,}\n", rest[0]) >= 0
}

// unclosed reports whether the quote at a place isn't closed where its author meant it to be: on its
// line, which ends with a semicolon, or before the next attribute. It returns the end of that line's text.
func (c *checker) unclosed(quote int) (end int, unclosed bool) {
	inside, _, closed := strings.Cut(c.text[quote+1:], `"`)
	line, following, several := strings.Cut(inside, "\n")
	if closed && !several {
		return 0, false
	}
	looksLost := !closed
	for rest := following; several && !looksLost; {
		if m := nextAttribute.FindStringSubmatch(rest); m != nil {
			known, meant := nearestName(m[1])
			looksLost = known || meant != ""
		}
		_, rest, several = strings.Cut(rest, "\n")
	}
	if !looksLost {
		return 0, false
	}
	line = strings.TrimRight(line, " \t\r")
	return quote + 1 + len(strings.TrimSuffix(line, ";")), true
}

// skipBlanks returns the next place that isn't blank.
func (c *checker) skipBlanks(at int) int {
	return len(c.text) - len(strings.TrimLeftFunc(c.text[at:], isBlank))
}

// skipComments skips what was meant as a comment before an attribute, and notes it: there are none.
func (c *checker) skipComments(at int) int {
	for {
		at = c.skipBlanks(at)
		end := commentEnd(c.text, at)
		if end == at {
			return at
		}
		becomes := "is taken for an attribute without a value"
		if m := nextAttribute.FindStringSubmatch(c.text[c.behindComments(end):]); m != nil {
			becomes = "becomes part of the name of " + m[1] + ", which is lost"
		}
		c.mistake(at, "there are no comments in JDL: this %s; remove it", becomes)
		at = end
	}
}

// behindComments returns the next place that is neither blank nor in a comment.
func (c *checker) behindComments(at int) int {
	for {
		at = c.skipBlanks(at)
		end := commentEnd(c.text, at)
		if end == at {
			return at
		}
		at = end
	}
}

// commentEnd returns the end of what looks like a comment at a place, the place itself if nothing does.
func commentEnd(text string, at int) int {
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest, "*/"); n >= 0 {
			return at + n + len("*/")
		}
		return len(text)
	case strings.HasPrefix(rest, "#"), strings.HasPrefix(rest, "//"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return at + n
		}
		return len(text)
	}
	return at
}
