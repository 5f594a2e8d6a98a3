package jdl

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
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
	s = trim(s)
	if strings.ContainsAny(s, "xXpP") { // hexadecimal is Go's, not Python's
		return false
	}
	if unsigned := strings.TrimLeft(s, "+-"); len(s)-len(unsigned) == 1 && strings.EqualFold(unsigned, "nan") {
		return true // a NaN with a sign is Python's, not Go's
	}
	digits, ok := withoutUnderscores(s)
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(digits, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// ParseInt reads a whole number as Python does: blanks around it and single
// underscores between digits are allowed.
func ParseInt(s string) (n int64, ok bool) {
	digits, ok := withoutUnderscores(trim(s))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// withoutUnderscores removes underscores, which must stand between digits.
func withoutUnderscores(s string) (string, bool) {
	isDigit := func(i int) bool { return i >= 0 && i < len(s) && '0' <= s[i] && s[i] <= '9' }
	for i := range len(s) {
		if s[i] == '_' && (!isDigit(i-1) || !isDigit(i+1)) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}
