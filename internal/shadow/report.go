package shadow

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Report is what came of a replay.
type Report struct {
	Requests  int64   `json:"requests"`
	Alike     int64   `json:"alike"`
	OnPurpose []*Kind `json:"on_purpose"` // differences that docs/differences.md names
	Differ    []*Kind `json:"differ"`     // all others, requests that got no answer included

	mutex sync.Mutex
}

// Kind is differences of one kind in the answers of one route.
type Kind struct {
	Route    string    `json:"route"`
	What     string    `json:"what"`
	Count    int64     `json:"count"`
	Examples []Example `json:"examples"` // the first few
}

// Example is one request with what differs.
type Example struct {
	Request string `json:"request"`
	Differs string `json:"differs"`
	Theirs  string `json:"theirs,omitempty"` // answers, cut when they are long
	Ours    string `json:"ours,omitempty"`
}

const maxExamples = 3

func newReport() *Report { return &Report{OnPurpose: []*Kind{}, Differ: []*Kind{}} }

// add takes what came of a request.
func (r *Report) add(f finding, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Requests++
	e := Example{Request: Shortened(f.read.String()), Differs: firstLines(f.problem), Theirs: f.x.Theirs.String(), Ours: f.x.Ours.String()}
	switch {
	case err != nil:
		note(&r.Differ, f.read.Route(), "no answer", Example{Request: e.Request, Differs: err.Error()})
	case f.problem == "":
		r.Alike++
	case f.name != "":
		note(&r.OnPurpose, f.read.Route(), f.name, e)
	default:
		note(&r.Differ, f.read.Route(), kindOf(f.x, f.problem), e)
	}
}

func note(kinds *[]*Kind, route, what string, e Example) {
	i := slices.IndexFunc(*kinds, func(k *Kind) bool { return k.Route == route && k.What == what })
	if i < 0 {
		i = len(*kinds)
		*kinds = append(*kinds, &Kind{Route: route, What: what, Examples: []Example{}})
	}
	k := (*kinds)[i]
	k.Count++
	if len(k.Examples) < maxExamples {
		k.Examples = append(k.Examples, e)
	}
}

// sort puts the most frequent kinds first.
func (r *Report) sort() {
	for _, kinds := range [][]*Kind{r.OnPurpose, r.Differ} {
		slices.SortFunc(kinds, func(a, b *Kind) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Route, b.Route), strings.Compare(a.What, b.What))
		})
	}
}

var placeIn = regexp.MustCompile(`\.([A-Za-z]\w*)[^.]*?:`)

// kindOf is a difference in a few words that others have in common.
func kindOf(x Exchange, problem string) string {
	first, _, _ := strings.Cut(problem, "\n")
	theirs, ours := rowsOf(x.Theirs), rowsOf(x.Ours)
	switch {
	case x.Theirs.Status != x.Ours.Status:
		return "status " + strconv.Itoa(x.Theirs.Status) + ", ours " + strconv.Itoa(x.Ours.Status)
	case first == weFail || strings.HasPrefix(first, "other "):
		return first
	case len(theirs) > len(ours):
		return "rows that only theirs has"
	case len(theirs) < len(ours):
		return "rows that only ours has"
	case len(theirs) > 0 && !x.Unordered && sameRows(x):
		return "order of the rows"
	}
	var names []string
	for line := range strings.SplitSeq(problem, "\n") {
		if m := placeIn.FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return "another body"
	}
	if len(names) > 4 {
		names = append(names[:4], "…")
	}
	return "values of " + strings.Join(names, ", ")
}

// firstLines cuts what is too much to read.
func firstLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.TrimSuffix(strings.Join(lines[:min(len(lines), 10)], ""), "\n")
}
