package choose

import (
	"bufio"
	"io"
	"strings"
)

// ReadIDs reads IDs of jobs from a file or standard input: as in a term, separated by spaces,
// commas or lines. A # begins a comment. The heading JobID, which CSV files have, is skipped. What
// isn't an ID is an [Error].
func ReadIDs(from io.Reader) ([]IDs, error) {
	var list []IDs
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r,;\"[]\ufeff", r) }) {
			if word == "JobID" {
				continue
			}
			if !idsTerm.MatchString(word) {
				return nil, errorf("line %d: %s is no job's ID", number, quote(word))
			}
			ids, err := parseIDs(word)
			if err != nil {
				return nil, errorf("line %d: %s", number, err)
			}
			list = append(list, ids...)
		}
	}
	return list, lines.Err()
}
