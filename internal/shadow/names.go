package shadow

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// nameOf is the name of a difference that the request and its answers tell.
func nameOf(x Exchange) string {
	for _, name := range slices.Sorted(maps.Keys(Known)) {
		if Known[name](x) {
			return name
		}
	}
	switch {
	case x.Theirs.Status != x.Ours.Status:
	case isFolded(x):
		return "byte-exact"
	case sortsBy(x, tables.KindVerified, tables.KindAccounted) && sameRows(x):
		return "flag-order"
	}
	return ""
}

// nameByAsking finds names by asking in a way that leaves a difference no room: rows that sort alike
// are told apart by their JobIDs, jobs of other VOs are left out. When the answers then agree, that
// was why they didn't.
func (o Options) nameByAsking(ctx context.Context, f finding) (string, error) {
	sorted := func(body object) {
		sorts, _ := body["sort"].([]any)
		body["sort"] = append(slices.Clone(sorts), object{"parameter": "JobID", "direction": "asc"})
	}
	confined := func(body object) {
		filters, _ := body["search"].([]any)
		body["search"] = append(slices.Clone(filters), object{"parameter": "VO", "operator": "eq", "value": o.VO})
	}
	hasTies := f.x.Unordered && f.x.Theirs.Status == http.StatusPartialContent && Field(f.x.Body, "distinct") != true && f.read.path != summaryPath
	hasVO := o.VO != "" && f.x.Method == http.MethodPost
	for _, way := range []struct {
		name    string
		fits    bool
		changes []func(object)
	}{
		{"ties", hasTies, []func(object){sorted}},
		{"access.vo", hasVO, []func(object){confined}},
		{"access.vo, ties", hasVO && hasTies, []func(object){confined, sorted}},
	} {
		if !way.fits {
			continue
		}
		again := f.read
		for _, change := range way.changes {
			again, _ = again.with(change)
		}
		if again == f.read {
			continue
		}
		if found, err := o.once(ctx, again); err != nil || found.problem == "" {
			return way.name, err
		}
	}
	return "", nil
}

func rowsOf(a Answer) []object {
	list, _ := a.Body.([]any)
	rows := make([]object, 0, len(list))
	for _, item := range list {
		if row, ok := item.(object); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// sameRows reports whether both have the same rows, in whatever order.
func sameRows(x Exchange) bool {
	x.Unordered = true
	return Comparison{SameTime: sameInstant, Sorted: sortedRows}.Disagreement(x) == ""
}

// sortsBy reports whether the first key is a column of a kind.
func sortsBy(x Exchange, kinds ...tables.Kind) bool {
	name, _ := firstKey(x)
	column, known := tables.Jobs.Column(name)
	return known && slices.Contains(kinds, column.Kind)
}

func firstKey(x Exchange) (name string, descends bool) {
	sorts, _ := Field(x.Body, "sort").([]any)
	if len(sorts) == 0 {
		return "", false
	}
	key, _ := sorts[0].(object)
	name, _ = key["parameter"].(string)
	return name, key["direction"] == "desc"
}

// isFolded reports whether nothing differs but that they take texts for the same, or for the order,
// that differ in case or in spaces at the end, as collations do.
func isFolded(x Exchange) bool {
	if x.Method != http.MethodPost || x.Theirs.Status != http.StatusOK {
		return false
	}
	if strings.HasPrefix(x.Path, summaryPath) {
		theirs, ours := foldedCounts(x.Theirs), foldedCounts(x.Ours)
		return len(theirs) > 0 && maps.Equal(theirs, ours)
	}
	if sortsBy(x, tables.KindText) && sameRows(x) {
		return isSorted(x, x.Theirs, folded) && isSorted(x, x.Ours, func(text string) string { return text })
	}
	return false
}

func folded(text string) string { return strings.ToLower(strings.TrimRight(text, " ")) }

// isSorted reports whether an answer's rows are in the order of the first key, whose texts are seen
// in a way.
func isSorted(x Exchange, a Answer, seen func(string) string) bool {
	column, descends := firstKey(x)
	rows := rowsOf(a)
	values := make([]string, len(rows))
	for i, row := range rows {
		text, ok := row[column].(string)
		if !ok {
			return false
		}
		values[i] = seen(text)
	}
	if descends {
		slices.Reverse(values)
	}
	return slices.IsSorted(values)
}

// foldedCounts adds up the counts of groups that fold to the same.
func foldedCounts(a Answer) map[string]int64 {
	counts := map[string]int64{}
	for _, row := range rowsOf(a) {
		key := object{}
		for name, value := range row {
			if text, ok := value.(string); ok {
				value = folded(text)
			}
			key[name] = value
		}
		delete(key, "count")
		number, ok := row["count"].(interface{ Int64() (int64, error) })
		if !ok {
			return nil
		}
		n, err := number.Int64()
		if err != nil {
			return nil
		}
		counts[textOf(key)] += n
	}
	return counts
}
