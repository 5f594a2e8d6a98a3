package choose

import "strings"

// unknown is the error for a name that is none of those that there are: it names the nearest or, if
// none is alike, all of them.
func unknown(what, text string, names []string, others string) error {
	if name := nearest(text, names); name != "" {
		return errorf("no %s is called %s; did you mean %s?", what, quote(text), name)
	}
	return errorf("no %s is called %s; there are %s%s", what, quote(text), strings.Join(names, ", "), others)
}

// nearest is the name that is most like a text that is none of them: one that is a few letters away,
// or else the shortest that contains it. "" if none is alike.
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

// distance is how many letters must be put in, taken out or replaced to make b of a.
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
