package wms_test

import (
	"strings"
	"testing"

	"jobdb/wms"
)

// FuzzReadRules reads any text as rules: without a panic, and a VO keeps what it doesn't name.
func FuzzReadRules(f *testing.F) {
	for _, text := range []string{
		`{"Default": {"MaxJobs": 100}, "VOs": {"lhcb": {"CPUTime": 200000, "JobTypes": ["User"]}}}`, `{"VOs": {"": {}}}`, `{"Default": null}`,
		`{"Default": {"MaxJobs": -1}}`, `{"Default": {"Platforms": {"a": ["b"]}, "Groups": {"g": {"JobShare": 1e309}}}}`, `{}{}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		book, err := wms.ReadRules(strings.NewReader(text))
		if err != nil {
			return
		}
		for vo, rules := range book.VOs {
			if len(rules.JobTypes) == 0 && len(book.Default.JobTypes) > 0 && !strings.Contains(text, "JobTypes") {
				t.Fatalf("%q: the VO %q has lost the types of jobs that Default has", text, vo)
			}
		}
	})
}
