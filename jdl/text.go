package jdl

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Enclose trims a submitted text and puts it in square brackets unless it has them already, as
// DIRAC does first.
func Enclose(text string) string {
	text = trim(text)
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return text
	}
	return "[" + text + "]"
}

// SplitList splits a text at commas, trims the items, and leaves out the empty ones.
func SplitList(text string) []string {
	items := make([]string, 0, strings.Count(text, ",")+1) // a list may have a million
	for item := range strings.SplitSeq(text, ",") {
		if item = trim(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// trim removes what Python's str.strip does: Unicode's white space, and four control characters
// that Go doesn't count as such.
func trim(s string) string {
	return strings.TrimFunc(s, isBlank)
}

// inner returns a text without its first byte and its last character: what is in the braces of a
// list.
func inner(s string) string {
	if len(s) < 2 {
		return ""
	}
	_, last := utf8.DecodeLastRuneInString(s)
	return s[1 : len(s)-last]
}

// quoteShort quotes up to 60 characters of an untrusted text for a message.
func quoteShort(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// checkRoom refuses n more bytes where the text would get longer than maxText, so that it couldn't
// be read again.
func checkRoom(b *strings.Builder, n int) error {
	if b.Len()+n > maxText {
		return errors.New("it would be stored as more than 64 MiB")
	}
	return nil
}

// isBlank reports whether Python's str.strip removes a character.
func isBlank(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }
