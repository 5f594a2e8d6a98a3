package choose

import (
	"regexp"
	"strings"
)

var (
	operatorWords = regexp.MustCompile(`^(?i)(neq|eq|gte|gt|lte|lt|like|ilike|regex|in)$`)
	bareName      = regexp.MustCompile(`^[\w.()-]+$`)
	beginsSymbol  = regexp.MustCompile(`^(==|!=|>=|<=|=|>|<|~)`)
	onlyNameAnd   = regexp.MustCompile(`^[\w.()-]+(==|!=|>=|<=|=|>|<|~)$`)
	onlySymbol    = regexp.MustCompile(`^(==|!=|>=|<=|=|>|<|~)$`)
)

// splitLine splits a line into terms: JobName like "a b" is one, and so is Status in Done, Failed.
func splitLine(text string) ([]string, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	var terms []string
	for len(words) > 0 {
		if strings.EqualFold(words[0], "and") {
			words = words[1:]
			continue
		}
		n := termLength(words)
		terms = append(terms, strings.Join(words[:n], " "))
		words = words[n:]
	}
	return terms, nil
}

// splitWords splits at spaces that are not in quotes. The quotes stay. A quote counts as one only
// at the beginning of a word, a value or an item of a list.
func splitWords(text string) ([]string, error) {
	var words []string
	word, inQuotes, escaped := "", rune(0), false
	for _, r := range text {
		switch {
		case inQuotes != 0:
			word += string(r)
			if r == inQuotes && !escaped {
				inQuotes = 0
			}
			escaped = inQuotes == '"' && r == '\\' && !escaped
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if word != "" {
				words, word = append(words, word), ""
			}
		default:
			if (r == '"' || r == '\'') && (word == "" || strings.ContainsAny(word[len(word)-1:], "=<>~,")) {
				inQuotes, escaped = r, false
			}
			word += string(r)
		}
	}
	if inQuotes != 0 {
		return nil, errorf("a %c is missing at the end of %s", inQuotes, quote(word))
	}
	if word != "" {
		words = append(words, word)
	}
	return words, nil
}

// termLength is how many of the words make up the first term.
func termLength(words []string) int {
	n := 1 // the words up to the value, and its first one
	switch lower := lowered(words, 4); {
	case !bareName.MatchString(words[0]):
		if onlyNameAnd.MatchString(words[0]) { // Status= Failed
			n = 2
		}
	case len(words) > 2 && lower[1] == "is" && lower[2] == "null":
		return 3
	case len(words) > 3 && lower[1] == "is" && lower[2] == "not" && lower[3] == "null":
		return 4
	case len(words) > 2 && lower[1] == "not" && (lower[2] == "like" || lower[2] == "in"):
		n = 4
	case len(words) > 1 && (operatorWords.MatchString(words[1]) || onlySymbol.MatchString(words[1])):
		n = 3
	case len(words) > 1 && beginsSymbol.MatchString(words[1]): // Status =Failed
		n = 2
	}
	n = min(n, len(words))
	for n < len(words) && (strings.HasSuffix(words[n-1], ",") || strings.HasPrefix(words[n], ",")) { // Done, Failed
		n++
	}
	return n
}

func lowered(words []string, most int) []string {
	lower := make([]string, min(most, len(words)))
	for i := range lower {
		lower[i] = strings.ToLower(words[i])
	}
	return lower
}

// unquote removes the quotes around a value. In "…", \" is a quote and \\ a backslash; '…' has no
// escapes.
func unquote(text string) string {
	if len(text) < 2 || text[0] != text[len(text)-1] {
		return text
	}
	inner := text[1 : len(text)-1]
	switch text[0] {
	case '\'':
		return inner
	case '"':
		return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(inner)
	}
	return text
}

// splitList splits at commas that are not in quotes, and removes the quotes around the items. Empty
// items are left out.
func splitList(text string) []string {
	items := []string{}
	item, inQuotes, escaped := "", rune(0), false
	add := func() {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, unquote(item))
		}
		item = ""
	}
	for _, r := range text {
		if r == ',' && inQuotes == 0 {
			add()
			continue
		}
		switch {
		case inQuotes == 0 && (r == '"' || r == '\'') && strings.TrimSpace(item) == "":
			inQuotes, escaped = r, false
		case inQuotes != 0 && r == inQuotes && !escaped:
			inQuotes = 0
		case inQuotes != 0:
			escaped = inQuotes == '"' && r == '\\' && !escaped
		}
		item += string(r)
	}
	add()
	return items
}
