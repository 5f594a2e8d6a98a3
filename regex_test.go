package jobdb

import (
	"regexp"
	"strings"
	"testing"
)

// The texts that all matches of a regular expression have are looked for first.
func TestLiteralsOfExpressions(t *testing.T) {
	for expression, want := range map[string][2]string{
		`abc`:                        {"", "abc"},
		`^abc`:                       {"abc", "abc"},
		`^abc$`:                      {"abc", "abc"},
		`^toys_[ab].*_0000010[0-9]$`: {"toys_", "_0000010"},
		`Phi_(anna|eve)1`:            {"", "Phi_"},
		`(abc)+d`:                    {"", "abc"},
		`(abc)*d`:                    {"", "d"},
		`(abc)?de`:                   {"", "de"},
		`(abc){0,3}de`:               {"", "de"},
		`a{3}`:                       {"", "a"},
		`abc|abd`:                    {"", "ab"},
		`abc|x`:                      {"", ""},
		`(?i)abc`:                    {"", ""},
		`(?i:a)bcd`:                  {"", "bcd"},
		`(?m)^abc`:                   {"", "abc"},
		`^`:                          {"", ""},
		``:                           {"", ""},
		`\d+`:                        {"", ""},
		`100%_\\`:                    {"", `100%_\`},
		`Größe`:                      {"", ""},
		`^a+`:                        {"", "a"},
		`^(abc)`:                     {"", "abc"},
		`\Qa.b\E`:                    {"", "a.b"},
	} {
		begins, contains := literals(regexp.MustCompile(expression))
		if begins != want[0] || contains != want[1] {
			t.Errorf("%s: begins with %q and has %q, want %q", expression, begins, contains, want)
		}
	}
}

// FuzzLiterals looks whether a text is left out that an expression matches.
func FuzzLiterals(f *testing.F) {
	for _, expression := range []string{`^abc`, `a(bc)+d?`, `(?i)k`, `[a-c]x{2,3}y*`, `\bword\b|^$`} {
		f.Add(expression, "abcd xx\nword")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		expression, err := regexp.Compile(pattern)
		if err != nil || !expression.MatchString(text) {
			return
		}
		begins, contains := literals(expression)
		if !strings.HasPrefix(text, begins) || !strings.Contains(text, contains) {
			t.Errorf("%q matches %q, which doesn't begin with %q or has no %q", pattern, text, begins, contains)
		}
	})
}
