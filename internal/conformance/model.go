package conformance

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"jobdb"
)

// This file says once more what a query means, as simply as can be, to hold the compiled
// statements against. It shares nothing with them.

// modelRow is a row of Jobs: int64, string, bool, AccountedFlag, UTC time or nil by the column's
// name.
type modelRow map[string]any

// truth is a value of three-valued logic.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// not turns yes and no round and leaves unknown.
func (t truth) not() truth { return yes - t }

// textOrder says where texts stand among those that a column holds, which its collation decides:
// equal ones have one place. A nil one is the order of bytes.
type textOrder map[string]int

func (o textOrder) compare(a, b string) int {
	if o == nil {
		return strings.Compare(a, b)
	}
	return cmp.Compare(o[a], o[b])
}

// merge puts one text in the place of all that are equal to it: which of them stands for a group is
// left open.
func (o textOrder) merge(rows [][]any) [][]any {
	first := map[int]string{}
	for text, place := range o {
		if other, known := first[place]; !known || text < other {
			first[place] = text
		}
	}
	for _, row := range rows {
		for i, value := range row {
			if text, ok := value.(string); ok && o[text] > 0 {
				row[i] = first[o[text]]
			}
		}
	}
	return rows
}

// modelSearch returns the number of rows that match and the wanted page of them, all without a
// page.
func (o textOrder) modelSearch(rows []modelRow, request jobdb.SearchRequest, page, perPage int) (int64, [][]any) {
	columns := modelColumns(request.Parameters)
	var matching []modelRow
	for _, row := range rows {
		if holdsAll(request.Search, row) == yes {
			matching = append(matching, row)
		}
	}
	ties := []string{"JobID"}
	if request.Distinct {
		ties = columns
		matching = o.distinctRows(matching, columns)
	}
	o.sortRows(matching, request.Sort, ties)
	total := len(matching)
	if page > 0 {
		matching = matching[min(total, (page-1)*perPage):min(total, page*perPage)]
	}
	var result [][]any
	for _, row := range matching {
		result = append(result, row.pick(columns))
	}
	return int64(total), result
}

// modelSummary counts the rows that match by the values of the columns, sorted by them.
func (o textOrder) modelSummary(rows []modelRow, request jobdb.SummaryRequest) [][]any {
	columns := modelColumns(request.Grouping)
	matching := slices.DeleteFunc(slices.Clone(rows), func(row modelRow) bool { return holdsAll(request.Search, row) != yes })
	groups := o.distinctRows(slices.Clone(matching), columns)
	o.sortRows(groups, nil, columns)
	var result [][]any
	for _, group := range groups {
		count := int64(0)
		for _, row := range matching {
			if o.equal(row, group, columns) {
				count++
			}
		}
		result = append(result, append(group.pick(columns), count))
	}
	return result
}

// modelColumns are the named columns in the table's order, each once; all when none is named.
func modelColumns(names []string) []string {
	var columns []string
	for _, column := range jobdb.Columns() {
		if len(names) == 0 || slices.Contains(names, column.Name()) {
			columns = append(columns, column.Name())
		}
	}
	return columns
}

func (row modelRow) pick(columns []string) []any {
	values := make([]any, len(columns))
	for i, column := range columns {
		values[i] = row[column]
	}
	return values
}

func (o textOrder) distinctRows(rows []modelRow, columns []string) []modelRow {
	var distinct []modelRow
	for _, row := range rows {
		if !slices.ContainsFunc(distinct, func(other modelRow) bool { return o.equal(row, other, columns) }) {
			distinct = append(distinct, row)
		}
	}
	return distinct
}

func (o textOrder) equal(a, b modelRow, columns []string) bool {
	return !slices.ContainsFunc(columns, func(column string) bool { return o.compareValues(a[column], b[column]) != 0 })
}

// sortRows sorts by the keys, then by the ties in the direction of the last key.
func (o textOrder) sortRows(rows []modelRow, keys []jobdb.SortSpec, ties []string) {
	direction := "asc"
	if len(keys) > 0 {
		// A key given twice counts where it was first, its direction too.
		seen := map[string]bool{}
		for _, key := range keys {
			if !seen[key.Parameter] {
				direction = key.Direction
			}
			seen[key.Parameter] = true
		}
	}
	keys = slices.Clone(keys)
	for _, tie := range ties {
		keys = append(keys, jobdb.SortSpec{Parameter: tie, Direction: direction})
	}
	slices.SortFunc(rows, func(a, b modelRow) int {
		for _, key := range keys {
			order := o.compareValues(a[key.Parameter], b[key.Parameter])
			if key.Direction == "desc" {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
}

// compareValues has NULL first and flags as their texts.
func (o textOrder) compareValues(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch x := a.(type) {
	case int64:
		return cmp.Compare(x, b.(int64)) //nolint:forcetypeassert // values of one column
	case time.Time:
		return x.Compare(b.(time.Time)) //nolint:forcetypeassert // values of one column
	case string:
		return o.compare(x, b.(string)) //nolint:forcetypeassert // values of one column
	}
	return strings.Compare(textOf(a), textOf(b))
}

// textOf is a value as like and regex see it.
func textOf(value any) string {
	switch v := value.(type) {
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case int64:
		return strconv.FormatInt(v, 10)
	case jobdb.AccountedFlag:
		return string(v)
	}
	return value.(string) //nolint:forcetypeassert // times are never asked for
}

func holdsAll(specs []jobdb.FilterSpec, row modelRow) truth {
	result := yes
	for _, spec := range specs {
		result = min(result, holds(spec, row))
	}
	return result
}

func holds(spec jobdb.FilterSpec, row modelRow) truth {
	switch {
	case spec.And != nil:
		return holdsAll(spec.And, row)
	case spec.Or != nil:
		result := no
		for _, kid := range spec.Or {
			result = max(result, holds(kid, row))
		}
		return result
	case spec.Not != nil:
		return holds(*spec.Not, row).not()
	}
	value := row[spec.Parameter]
	switch spec.Operator {
	case "is null":
		return truthOf(value == nil)
	case "is not null":
		return truthOf(value != nil)
	case "in":
		return isIn(value, spec.Values)
	case "not in":
		return isIn(value, spec.Values).not()
	}
	if value == nil {
		return unknown
	}
	switch spec.Operator {
	case "like", "ilike":
		return truthOf(isLike([]rune(spec.Value.(string)), []rune(textOf(value)))) //nolint:forcetypeassert // patterns are texts
	case "not like":
		return truthOf(isLike([]rune(spec.Value.(string)), []rune(textOf(value)))).not() //nolint:forcetypeassert // patterns are texts
	case "regex":
		return truthOf(regexp.MustCompile(spec.Value.(string)).MatchString(textOf(value))) //nolint:forcetypeassert // patterns are texts
	}
	order := compareWith(value, spec.Value)
	return truthOf(map[string]bool{
		"eq": order == 0, "neq": order != 0, "gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0,
	}[spec.Operator])
}

// isIn is no for an empty list even where the value is NULL.
func isIn(value any, list []any) truth {
	if len(list) == 0 {
		return no
	}
	if value == nil {
		return unknown
	}
	return truthOf(slices.ContainsFunc(list, func(one any) bool { return compareWith(value, one) == 0 }))
}

// compareWith tells on which side of what a filter says a value lies; a time inside a period is
// equal to it.
func compareWith(value, operand any) int {
	switch v := value.(type) {
	case time.Time:
		start, end := modelPeriod(operand.(string)) //nolint:forcetypeassert // the model asks for texts only
		switch {
		case v.Before(start):
			return -1
		case v.Before(end):
			return 0
		}
		return 1
	case int64:
		n, err := strconv.ParseInt(fmt.Sprint(operand), 10, 64)
		if err != nil {
			panic(err)
		}
		return cmp.Compare(v, n)
	case bool, jobdb.AccountedFlag:
		text := strings.ToLower(fmt.Sprint(operand))
		return strings.Compare(textOf(v), strings.ToUpper(text[:1])+text[1:])
	}
	return strings.Compare(textOf(value), operand.(string)) //nolint:forcetypeassert // the model asks for texts only
}

// modelPeriod reads a partial time: the period begins with it, and the next one of its resolution
// is the end.
func modelPeriod(text string) (start, end time.Time) {
	zone := ""
	if at := strings.LastIndexAny(text, "Z+-"); at > len("2006-01-02") {
		zone, text = strings.ReplaceAll(text[at:], "Z", "+00:00"), text[:at]
	}
	text, _, _ = strings.Cut(text, ".")
	text = strings.Replace(text, "T", " ", 1)
	layout := "2006-01-02 15:04:05"[:len(text)]
	if zone != "" {
		layout, text = layout+"-07:00", text+zone
	}
	start, err := time.Parse(layout, text)
	if err != nil {
		panic(err)
	}
	switch len(layout) - len(zone) {
	case len("2006"):
		return start.UTC(), start.AddDate(1, 0, 0).UTC()
	case len("2006-01"):
		return start.UTC(), start.AddDate(0, 1, 0).UTC()
	case len("2006-01-02"):
		return start.UTC(), start.Add(24 * time.Hour).UTC()
	case len("2006-01-02 15"):
		return start.UTC(), start.Add(time.Hour).UTC()
	case len("2006-01-02 15:04"):
		return start.UTC(), start.Add(time.Minute).UTC()
	}
	return start.UTC(), start.Add(time.Second).UTC()
}

// isLike tries a pattern on a text, rune by rune.
func isLike(pattern, text []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	switch {
	case pattern[0] == '%':
		return isLike(pattern[1:], text) || len(text) > 0 && isLike(pattern, text[1:])
	case len(text) == 0:
		return false
	case pattern[0] == '_':
		return isLike(pattern[1:], text[1:])
	case pattern[0] == '\\':
		pattern = pattern[1:]
	}
	return foldASCII(pattern[0]) == foldASCII(text[0]) && isLike(pattern[1:], text[1:])
}

func foldASCII(r rune) rune {
	if r < unicode.MaxASCII {
		return unicode.ToLower(r)
	}
	return r
}
