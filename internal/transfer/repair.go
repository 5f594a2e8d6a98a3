package transfer

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jobdb/internal/tables"
)

// repairer makes rows of a source what every target can hold, and counts what it had to change.
// What it makes of a row depends on the rows of that job only, so that a checksum tells whether
// they changed.
type repairer struct {
	groups        map[string]string // the VO of each OwnerGroup; nil: rows have one
	unknownGroups map[string]int64  // jobs of groups that came after checkGroups
	counts        map[string]int64
}

func newRepairer(groups map[string]string) *repairer {
	return &repairer{groups: groups, unknownGroups: map[string]int64{}, counts: map[string]int64{}}
}

func (r *repairer) note(t *tables.Table, column, what string) {
	if column != "" {
		column = "." + column
	}
	r.counts[t.Name+column+": "+what]++
}

// repair changes all rows that a job has in a table, in place. It may leave some out.
func (r *repairer) repair(t *tables.Table, rows [][]any) [][]any {
	for _, row := range rows {
		for i, c := range t.Columns {
			row[i] = r.value(t, c, row[i])
		}
	}
	switch t {
	case tables.Jobs:
		r.setVO(rows)
	case tables.LoggingInfo:
		r.history(rows)
		return rows
	case tables.JobCommands:
		r.commands(rows)
		return rows
	}
	return r.uniqueKeys(t, rows)
}

// value is one value, of the column's kind.
func (r *repairer) value(t *tables.Table, c tables.Column, raw any) any {
	value, ok := convert(c.Kind, raw)
	if !ok {
		value = nil
	}
	switch {
	case !ok && c.Kind == tables.KindTime && c.Nullable:
		r.note(t, c.Name, "zero or unreadable times, now NULL")
		return nil
	case t == tables.Jobs && c.Name == "VO" && r.groups != nil:
		return "" // setVO comes after it
	case value == nil && c.Nullable:
		return nil
	case value == nil && t == tables.LoggingInfo && (c.Kind == tables.KindTime || c.Kind == tables.KindDecimal):
		return nil // history fills it in
	case value == nil:
		value = defaultOf(c)
		r.note(t, c.Name, whatWas[c.Kind == tables.KindTime]+", now "+shown(value))
	}
	if text, isText := value.(string); isText {
		return r.text(t, c, text)
	}
	return value
}

// defaultOf is what a NULL becomes.
func defaultOf(c tables.Column) any {
	switch {
	case c.Value != nil:
		return c.Value
	case c.Kind == tables.KindInteger:
		return int64(0)
	case c.Kind == tables.KindTime:
		return time.Unix(0, 0).UTC()
	case c.Kind == tables.KindDecimal:
		return 0.0
	}
	return ""
}

// whatWas is how the report calls values that can't be kept, of times and of all else.
var whatWas = map[bool]string{true: "zero or unreadable times", false: "NULL or unreadable"}

func shown(value any) string {
	switch v := value.(type) {
	case string:
		return `"` + v + `"`
	case time.Time:
		return v.Format(time.DateOnly)
	}
	return "0"
}

func (r *repairer) text(t *tables.Table, c tables.Column, text string) string {
	switch {
	case c.Kind == tables.KindVerified && text != "True" && text != "False",
		c.Kind == tables.KindAccounted && text != "True" && text != "False" && text != "Failed":
		r.note(t, c.Name, `no value of the flag ("" of an ENUM), now "False"`)
		return "False"
	}
	if !utf8.ValidString(text) {
		r.note(t, c.Name, "not UTF-8, read as Latin-1")
		text = latin1(text)
	}
	if strings.ContainsRune(text, 0) {
		r.note(t, c.Name, "U+0000, now U+FFFD")
		text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	}
	if c.Length > 0 && len(text) > c.Length && utf8.RuneCountInString(text) > c.Length {
		r.note(t, c.Name, "too long, cut")
		text = firstRunes(text, c.Length)
	}
	if len(text) > tables.MaxText {
		r.note(t, c.Name, "too long, cut")
		text = text[:tables.MaxText]
		for !utf8.ValidString(text) { // the cut went through a character
			text = text[:len(text)-1]
		}
	}
	return text
}

// latin1 loses nothing: every byte is a character.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

var (
	columnOfVO    = slices.IndexFunc(tables.Jobs.Columns, func(c tables.Column) bool { return c.Name == "VO" })
	columnOfGroup = slices.IndexFunc(tables.Jobs.Columns, func(c tables.Column) bool { return c.Name == "OwnerGroup" })
)

// setVO gives jobs the VOs of their groups.
func (r *repairer) setVO(rows [][]any) {
	if r.groups == nil {
		return
	}
	for _, row := range rows {
		group, _ := row[columnOfGroup].(string)
		vo, known := r.groups[group]
		if !known {
			r.unknownGroups[group]++
		}
		row[columnOfVO] = vo
	}
}

// Columns of LoggingInfo and JobCommands, and the start of StatusTimeOrder.
const (
	seqNum, statusTime, statusTimeOrder = 1, 5, 6
	receptionTime                       = 4
	timeOrderStart                      = 1270000000
	maxTimeOrder                        = 999999999.999 // NUMERIC(12,3)
)

// history completes times from each other, and numbers rows anew where numbers aren't ascending.
// Gaps stay.
func (r *repairer) history(rows [][]any) {
	for _, row := range rows {
		at, hasTime := row[statusTime].(time.Time)
		order, hasOrder := row[statusTimeOrder].(float64)
		if !hasTime {
			r.note(tables.LoggingInfo, "StatusTime", "zero or unreadable times, now that of StatusTimeOrder")
			at = time.UnixMicro(int64(math.Round((order + timeOrderStart) * 1e6))).UTC()
			if !hasOrder || at.Year() > 9999 {
				at = time.Unix(0, 0).UTC()
			}
		}
		if !hasOrder || math.Abs(order) > maxTimeOrder {
			r.note(tables.LoggingInfo, "StatusTimeOrder", "missing or out of range, now that of StatusTime")
			order = max(-maxTimeOrder, min(maxTimeOrder, float64(at.UnixMicro())/1e6-timeOrderStart))
		}
		row[statusTime], row[statusTimeOrder] = at, math.Round(order*1000)/1000
	}
	slices.SortFunc(rows, func(a, b []any) int {
		return cmp.Or(compare(a[seqNum], b[seqNum]), compare(a[statusTimeOrder], b[statusTimeOrder]), slices.CompareFunc(a, b, compare))
	})
	for i, row := range rows[1:] {
		if before := rows[i][seqNum].(int64); row[seqNum].(int64) <= before { //nolint:forcetypeassert // of the column's kind
			row[seqNum] = before + 1
			r.note(tables.LoggingInfo, "SeqNum", "numbers given twice, now the next")
		}
	}
}

// commands gives each its own time: others have several in one second.
func (r *repairer) commands(rows [][]any) {
	slices.SortFunc(rows, func(a, b []any) int {
		return cmp.Or(compare(a[receptionTime], b[receptionTime]), slices.CompareFunc(a, b, compare))
	})
	for i, row := range rows[1:] {
		if before := rows[i][receptionTime].(time.Time); !row[receptionTime].(time.Time).After(before) { //nolint:forcetypeassert // of the column's kind
			row[receptionTime] = before.Add(time.Microsecond)
			r.note(tables.JobCommands, "ReceptionTime", "several in one tick, now a microsecond apart")
		}
	}
}

// uniqueKeys leaves out rows whose keys became equal, or were.
func (r *repairer) uniqueKeys(t *tables.Table, rows [][]any) [][]any {
	if len(rows) == 1 {
		return rows
	}
	var keys []int
	for i, c := range t.Columns {
		if slices.Contains(t.Key, c.Name) {
			keys = append(keys, i)
		}
	}
	byKey := func(a, b []any) int {
		for _, i := range keys {
			if order := compare(a[i], b[i]); order != 0 {
				return order
			}
		}
		return 0
	}
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Or(byKey(a, b), slices.CompareFunc(a, b, compare)) })
	unique := slices.CompactFunc(rows, func(a, b []any) bool { return byKey(a, b) == 0 })
	for range len(rows) - len(unique) {
		r.note(t, "", "rows with the key of another one, left out")
	}
	return unique
}

// compare orders values of one kind; nil is first.
func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	case nil:
		if b == nil {
			return 0
		}
		return -1
	}
	return 1 // b is nil
}
