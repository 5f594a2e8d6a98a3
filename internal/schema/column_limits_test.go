package schema

import "testing"

func TestColumnLimits(t *testing.T) {
	for _, tt := range []struct {
		charset, text string
		want          bool
	}{
		{"latin1", "Zürich € “œuvre” ÿ \u0081", false},
		{"latin1", "日本", true},
		{"latin1", "\u0080", true},
		{"latin1", "ł", true},
		{"utf8mb3", "日本", false},
		{"utf8mb3", "😀", true},
		{"", "😀", false},
	} {
		if got := (ColumnLimits{charset: tt.charset}).Check(tt.text) != ""; got != tt.want {
			t.Errorf("%s refuses %q: %v", tt.charset, tt.text, got)
		}
	}
}
