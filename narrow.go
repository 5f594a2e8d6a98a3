package jobdb

import (
	"strconv"
	"strings"
)

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
