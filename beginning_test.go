package jobdb

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzBeginning holds what a pattern's beginning says of a text, and the next text that may begin so,
// against the pattern itself and all texts of a few letters.
func FuzzBeginning(f *testing.F) {
	for _, pattern := range []string{"", "%", "a%", "aB1%", "a_%", "_", "__b%", "|%a%", "|_", "||a%", "é%", "@a%", "[a%", "\U0010FFFF%", "a_c%d", "\uD7FF_"} {
		for _, text := range []string{"", "A", "aA", "aB", "ab1", "b", "a\U0010FFFF", "\uD7FF\uE000", "%", "_", "|a", "é", "zzz"} {
			f.Add(pattern, text)
		}
	}
	letters := []rune{1, '%', '1', '@', 'A', 'B', '[', '_', 'a', 'b', 'c', '|', 'é', 0xD7FF, 0xE000, utf8.MaxRune}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		pattern, err := likePattern(pattern)
		if err != nil || checkText(pattern) != nil || checkText(text) != nil {
			t.Skip("what no query has, and no walk comes to")
		}
		begins, rest := beginningOf(pattern)
		if len(begins) > 3 {
			t.Skip("too many texts that begin so")
		}
		next, fits, ok := begins.next([]rune(text))
		if whole := likeMatches(pattern, text); whole && !fits || rest == "%" && fits != whole {
			t.Errorf("%q: does %q begin so: %v, matches: %v", pattern, text, fits, whole)
		}
		all := []string{""}
		for range begins {
			var longer []string
			for _, some := range all {
				for _, r := range append(letters, []rune(pattern+text)...) {
					longer = append(longer, some+string(r))
				}
			}
			all = longer
		}
		slices.Sort(all)
		for _, other := range all {
			if _, can, _ := begins.next([]rune(other)); can && !fits && other > text && (!ok || other < next) {
				t.Fatalf("%q: after %q comes %q, %v: past %q", pattern, text, next, ok, other)
			}
		}
		if ok && !fits && next <= text {
			t.Errorf("%q: after %q comes %q", pattern, text, next)
		}
		end, bounded := endOf([]rune(text))
		for _, other := range append(all, text+"a", text+string(utf8.MaxRune)) {
			if within := other >= text && (!bounded || other < end); within != strings.HasPrefix(other, text) {
				t.Errorf("%q is between %q and %q, %v: %v", other, text, end, bounded, within)
			}
		}
	})
}
