package jdl

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Enclose trims a submitted text and puts it in brackets if it isn't.
func Enclose(text string) string {
	text = trim(text)
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return text
	}
	return "[" + text + "]"
}

// trim removes what Python holds to be white space.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f })
}

// inner is a text without its first byte and its last character: what is in the braces of a list.
func inner(s string) string {
	if len(s) < 2 {
		return ""
	}
	_, last := utf8.DecodeLastRuneInString(s)
	return s[1 : len(s)-last]
}

// SplitList splits at commas, trims, and leaves out what is empty.
func SplitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = trim(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// isNumber tells whether a text can stand without quotes: whether Python
// would read it as a float.
func isNumber(s string) bool {
	_, ok := parseFloat(s)
	return ok
}
