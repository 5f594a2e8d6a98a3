package choose

import "strings"

// unknown is the error for a name that isn't one of names. It suggests the nearest one or, if none
// is similar, lists all.
func unknown(what, text string, names []string, others string) error {
	if name := nearest(text, names); name != "" {
		return errorf("no %s is called %s; did you mean %s?", what, quote(text), name)
	}
	return errorf("no %s is called %s; there are %s%s", what, quote(text), strings.Join(names, ", "), others)
}

// nearest returns the name that is most similar to a text: the one with the smallest edit distance
// or, if that is too large for all, the shortest that contains the text; "" if none does.
func nearest(text string, names []string) string {
	text = strings.ToLower(text)
	best, least := "", len([]rune(text))/3+2
	for _, name := range names {
		if d := distance(text, strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best != "" || len(text) < 3 {
		return best
	}
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), text) && (best == "" || len(name) < len(best)) {
			best = name
		}
	}
	return best
}

// distance is the edit distance (Levenshtein): how many letters must be inserted, deleted or
// replaced to turn a into b.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		before := row[0]
		row[0] = i + 1
		for j, s := range to {
			change := before
			if r != s {
				change++
			}
			before, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
