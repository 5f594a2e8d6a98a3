package jobdb

import (
	"testing"
	"time"
)

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]string{
		"2024":                             "2024-01-01T00:00:00Z 2025-01-01T00:00:00Z",
		"2024-12":                          "2024-12-01T00:00:00Z 2025-01-01T00:00:00Z",
		"2024-02-29":                       "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z",
		"2024-01-01 23":                    "2024-01-01T23:00:00Z 2024-01-02T00:00:00Z",
		"2024-01-01T10:59":                 "2024-01-01T10:59:00Z 2024-01-01T11:00:00Z",
		"2024-01-01 10:00:59":              "2024-01-01T10:00:59Z 2024-01-01T10:01:00Z",
		"2024-01-01T10:00:00.999999Z":      "2024-01-01T10:00:00Z 2024-01-01T10:00:01Z",
		"2024-01-01T10:00:00.5":            "2024-01-01T10:00:00Z 2024-01-01T10:00:01Z",
		"2024-01-01T10:00:00Z":             "2024-01-01T10:00:00Z 2024-01-01T10:00:01Z",
		"2024-01-01T10:00:00+02:00":        "2024-01-01T08:00:00Z 2024-01-01T08:00:01Z",
		"2024-01-01T10:00-0530":            "2024-01-01T15:30:00Z 2024-01-01T15:31:00Z",
		"2024-01-01 10+02":                 "2024-01-01T08:00:00Z 2024-01-01T09:00:00Z",
		"9999":                             "9999-01-01T00:00:00Z -",
		"9999-12-31T23:59:59":              "9999-12-31T23:59:59Z -",
		"0001-01-01":                       "0001-01-01T00:00:00Z 0001-01-02T00:00:00Z",
		"0001-01-01T00:30:00+01:00":        "refused",
		"0000":                             "refused",
		"2024-13":                          "refused",
		"2024-02-30":                       "refused",
		"2023-02-29":                       "refused",
		"2024-01-01 24":                    "refused",
		"2024-01-01 10:60":                 "refused",
		"2024-01-01 10:00:60":              "refused",
		"2024-01-01T10:00:00+25:00":        "refused",
		"2024-01-01Z":                      "refused",
		"24":                               "refused",
		"2024-1-1":                         "refused",
		"":                                 "refused",
		"now":                              "refused",
		"2024-01-01T10:00:00.1234567890Z":  "refused",
		"٢٠٢٤":                             "refused",
		"2024-01-01 10:00:00; DROP TABLE ": "refused",
	} {
		got := "refused"
		if p, _, err := parsePeriod(text); err == nil {
			got = p.start.Format(time.RFC3339) + " "
			if p.end.IsZero() {
				got += "-"
			} else {
				got += p.end.Format(time.RFC3339)
			}
		}
		if got != want {
			t.Errorf("parsePeriod(%q) = %s, want %s", text, got, want)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, text := range []string{"2024", "2024-01-01T10:00:00.123456+02:00", "9999-12-31 23", "0001-01-01T00-23:59"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, res, err := parsePeriod(text)
		if err != nil {
			return
		}
		if p.start.Year() < 1 || p.start.Year() > 9999 || p.start.Nanosecond() != 0 || p.start.Location() != time.UTC {
			t.Fatalf("%q begins at %v", text, p.start)
		}
		if !p.end.IsZero() && (!p.end.After(p.start) || p.end.Year() > 9999) {
			t.Fatalf("%q ends at %v", text, p.end)
		}
		// The same point in time, written out, is the same second.
		again, _, err := parsePeriod(p.start.Format("2006-01-02T15:04:05Z"))
		if err != nil || !again.start.Equal(p.start) {
			t.Fatalf("%q begins at %v, which reads as %v, %v", text, p.start, again.start, err)
		}
		if res == toSecond && again != p {
			t.Fatalf("%q is %v, but written out %v", text, p, again)
		}
	})
}
