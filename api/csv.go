package api

import (
	"strings"
	"unicode/utf8"

	"jobdb"
)

const csvType = "text/csv"

// csvColumns returns the indexes in a row of the columns that were asked for, in that order, and
// the header line. Without names they are all columns.
func csvColumns(names []string, columns []jobdb.Column) (places []int, header []byte) {
	if len(names) == 0 {
		for _, c := range columns {
			names = append(names, c.Name())
		}
	}
	at := make(map[string]int, len(columns))
	for i, c := range columns {
		at[c.Name()] = i
	}
	for _, name := range names {
		places = append(places, at[name])
	}
	return places, []byte(strings.Join(names, ",") + "\n")
}

// appendCSV appends a row as a line of values separated by commas. NULL becomes empty.
func appendCSV(b []byte, places []int, row []any) []byte {
	for i, at := range places {
		if i > 0 {
			b = append(b, ',')
		}
		switch v := row[at].(type) {
		case nil:
		case string:
			b = appendField(b, v)
		default:
			n := len(b)
			b = appendValue(b, v, zulu)
			if b[n] == '"' { // a time, or Failed: neither needs quotes here
				b = append(b[:n], b[n+1:len(b)-1]...)
			}
		}
	}
	return append(b, '\n')
}

// appendField writes a text, in quotes where it needs them, as encoding/csv does. Bytes that aren't
// UTF-8 become U+FFFD.
func appendField(b []byte, text string) []byte {
	quoted, ascii := text == `\.`, true
	for i := range len(text) {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case c == ',' || c == '"' || c == '\r' || c == '\n' || i == 0 && (c == ' ' || c == '\t'):
			quoted = true
		}
	}
	if !ascii {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	if !quoted {
		return append(b, text...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(text, `"`, `""`)...), '"')
}
