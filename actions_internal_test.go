package jobdb

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestListsOfJobs reads lists of jobs as they were written, also the last numbers that there are.
func TestListsOfJobs(t *testing.T) {
	for text, ids := range map[string][]JobID{
		"":                      nil,
		"7":                     {7},
		"1-3,5":                 {1, 2, 3, 5},
		"-4--2,0":               {-4, -3, -2, 0},
		"1,9223372036854775807": {1, math.MaxInt64},
		"9223372036854775805-9223372036854775807":  {math.MaxInt64 - 2, math.MaxInt64 - 1, math.MaxInt64},
		"-9223372036854775808,9223372036854775807": {math.MinInt64, math.MaxInt64},
	} {
		if got := formatIDs(ids); got != text {
			t.Errorf("%v is written as %q, want %q", ids, got, text)
		}
		read := make(chan []JobID, 1)
		go func() {
			got, err := parseIDs(text)
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			read <- got
		}()
		select {
		case got := <-read:
			if !slices.Equal(got, ids) {
				t.Errorf("%q is read as %v, want %v", text, got, ids)
			}
		case <-time.After(time.Second):
			t.Fatalf("%q: it doesn't end", text)
		}
	}
	for _, text := range []string{"-", "1-", "x", "3-1", "1-201", "-9223372036854775808-9223372036854775807", "1,,2"} {
		if got, err := parseIDs(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
