package transfer_test

import (
	"strings"
	"testing"

	"jobdb/internal/transfer"
)

// FuzzReadGroups reads any text as the VOs of groups.
func FuzzReadGroups(f *testing.F) {
	for _, text := range []string{"lhcb_user = lhcb", "# a\n\na=b\na=c", "=", "a = " + strings.Repeat("é", 100)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		groups, err := transfer.ReadGroups(strings.NewReader(text))
		if err == nil && len(groups) == 0 {
			t.Fatalf("%q: no groups and no error", text)
		}
		for group, vo := range groups {
			if group == "" || vo == "" || strings.TrimSpace(vo) != vo {
				t.Fatalf("%q: the group %q of the VO %q", text, group, vo)
			}
		}
	})
}
