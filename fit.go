package jobdb

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"jobdb/internal/tables"
)

// ParameterText makes a text of unknown content, such as a job's output, fit for the value of a
// parameter in this database: characters that it can't store are replaced by U+FFFD or ?, and a
// text that is too long keeps its end.
func (db *DB) ParameterText(text string) string { return db.parameterText(tables.JobParameters, text) }

func (db *DB) parameterText(t *tables.Table, text string) string {
	limits := db.schema.ColumnLimits[t.Name+".Value"]
	text = replaceUnstorable(text, limits.CanEncode)
	maxBytes := cmp.Or(limits.Bytes, MaxParameterBytes)
	if len(text) <= maxBytes {
		return text
	}
	text = text[len(text)-maxBytes:]
	for !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}

// FitText makes a text of unknown content, such as an application status, fit for the text columns
// of this name in the tables Jobs and LoggingInfo of this database: characters that they can't
// store are replaced by U+FFFD or ?, and a text that is too long keeps its beginning.
func (db *DB) FitText(column, text string) string {
	for _, of := range []struct {
		db *DB
		t  *tables.Table
	}{{db, tables.Jobs}, {db.history, tables.LoggingInfo}} {
		c, ok := of.t.Column(column)
		if !ok {
			continue
		}
		limits := of.db.schema.ColumnLimits[of.t.Name+"."+column]
		text = firstRunes(replaceUnstorable(text, limits.CanEncode), c.Length)
	}
	return text
}

// replaceUnstorable replaces invalid UTF-8, U+0000, and characters that a column can't hold.
func replaceUnstorable(text string, canEncode func(rune) bool) string {
	replacement := utf8.RuneError
	if !canEncode(replacement) {
		replacement = '?'
	}
	return strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError || !canEncode(r) {
			return replacement
		}
		return r
	}, text)
}

// firstRunes returns the beginning of a text, of at most n characters.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
