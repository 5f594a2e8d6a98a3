package jobdb

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// The counts in users' databases are of the kinds that the list had when the migration 0010 made them: a
// program with another list would answer wrong without a word. Who changes the list adds a
// migration that drops JobSums and makes it under another name, so that older programs don't find it
// and jobs are counted anew, with a name that ends in _ends_older, and puts it and the list here.
func TestCountKindsAreOfTheirMigration(t *testing.T) {
	const migration, want = "0010_counts_ends_older", "176454e4cd80f6e3"
	var list strings.Builder
	for _, kind := range countKinds {
		fmt.Fprint(&list, kind.number)
		for _, column := range kind.columns {
			fmt.Fprint(&list, " ", column.Name())
		}
		fmt.Fprintln(&list)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(list.String())))[:16]; got != want {
		t.Errorf("the kinds of counts are no longer those of the migration %s: %s, want %s", migration, got, want)
	}
}
