package jobdb

import (
	"slices"
	"strings"
	"testing"
)

// FuzzNextCase holds the next text that may begin a value against all of them.
func FuzzNextCase(f *testing.F) {
	for _, prefix := range []string{"a", "aB1", "LCG.", "é", "a_%z", "@a", "[a"} {
		for _, after := range []string{"", "A", "aA", "aB", "b", "LCF", "lCG", "Lcg", "lcg-", "\x00", "é", "zzz", "_"} {
			f.Add(prefix, after)
		}
	}
	f.Fuzz(func(t *testing.T, prefix, after string) {
		if len(prefix) > 8 || checkText(prefix) != nil || checkText(after) != nil || strings.HasPrefix(foldASCII(after), foldASCII(prefix)) {
			t.Skip("texts that no walk comes to, or with too many cases")
		}
		cases := []string{""}
		for _, r := range prefix {
			both := []string{upperASCII(string(r)), foldASCII(string(r))}
			var longer []string
			for _, text := range cases {
				longer = append(longer, text+both[0], text+both[1])
			}
			cases = longer
		}
		slices.Sort(cases)
		want, found := "", false
		for _, text := range slices.Backward(cases) {
			if text > after {
				want, found = text, true
			}
		}
		if text, ok := nextCase(prefix, after); text != want || ok != found {
			t.Errorf("after %q the next case of %q is %q, %v; want %q, %v", after, prefix, text, ok, want, found)
		}
	})
}
