package jobdb

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// narrow is a column of a live database that holds less than ours does.
type narrow struct {
	charset string // of a text; "" when it holds all of Unicode
	bytes   int    // of a text without a length of its own; 0: as many as ours
	int32   bool   // an integer of 32 bits, perhaps unsigned
}

// narrowness says what a column of MariaDB holds less than ours.
func narrowness(want column, found catalogColumn) narrow {
	charset, _, _ := strings.Cut(found.collation, "_")
	n := narrow{charset: charset, int32: want.kind == Integer && found.typ == "int"}
	if charset == "utf8mb4" {
		n.charset = ""
	}
	if want.kind == Text && want.length == 0 && found.typ == "text" {
		n.bytes = 1<<16 - 1
	}
	return n
}

// ParameterText is what this database can hold of a text that nobody checks, such as a
// job's output, as the value of a parameter: characters that it lacks are
// replaced, and of what is too long the end is kept.
func (db *DB) ParameterText(text string) string {
	n := db.schema.narrow[jobParameters.name+".Value"]
	instead := utf8.RuneError
	if n.lacks(instead) {
		instead = '?'
	}
	text = strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError || n.lacks(r) {
			return instead
		}
		return r
	}, text)
	most := maxText
	if n.bytes > 0 {
		most = n.bytes
	}
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	for !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}

// fits refuses what a live database can't hold, naming the job, which the
// engine's own error wouldn't. The first column of rows is the job's ID, if there is one yet.
func (s *session) fits(t *table, columns []column, rows [][]any) error {
	for i, c := range columns {
		n, ok := s.db.schema.narrow[t.name+"."+c.name]
		if !ok {
			continue
		}
		for _, row := range rows {
			if reason := n.refuses(row[i]); reason != "" {
				id, _ := row[0].(int64)
				return &ValueError{Job: JobID(id), Column: c.name, Reason: reason}
			}
		}
	}
	return nil
}

func (n narrow) refuses(value any) string {
	switch v := value.(type) {
	case int64:
		if n.int32 && (v < -1<<31 || v >= 1<<32) {
			return "outside the range of this database's 32-bit integers"
		}
	case string:
		if n.bytes > 0 && len(v) > n.bytes {
			return strconv.Itoa(len(v)) + " bytes, this database's column holds " + strconv.Itoa(n.bytes)
		}
		if strings.ContainsFunc(v, n.lacks) {
			return "has characters that this database's character set " + n.charset + " doesn't"
		}
	}
	return ""
}

// lacks reports whether the column's character set has no such character.
// Of a set that isn't named here the engine is the judge.
func (n narrow) lacks(r rune) bool {
	switch n.charset {
	case "latin1": // which is Windows-1252, its holes filled with control characters
		const special = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u0081\u008d\u008f\u0090\u009d"
		return (r >= 0x80 && r < 0xa0 || r > 0xff) && !strings.ContainsRune(special, r)
	case "utf8", "utf8mb3":
		return r > 0xffff
	}
	return false
}
