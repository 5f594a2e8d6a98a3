package schema

import (
	"strconv"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// ColumnLimits says what a column of a live database can't hold that the one of our schema can. The
// zero value has no such limits.
type ColumnLimits struct {
	charset string // of a text; "" when it holds all of Unicode
	Bytes   int    // the longest text, where no length in characters is declared; 0: no limit of its own
	int32   bool   // an integer of 32 bits, signed or not
}

// limitsOf compares a column that was found with ours.
func limitsOf(want tables.Column, found Column, d *engine.Dialect) ColumnLimits {
	n := ColumnLimits{int32: want.Kind == tables.KindInteger && found.Type == "int" && !d.Catalog.Untyped}
	if charset, _, _ := strings.Cut(found.collation, "_"); d.ExactCollation != "" && charset != "utf8mb4" {
		n.charset = charset
	}
	if want.Kind == tables.KindText && want.Length == 0 && found.Type == "text" {
		n.Bytes = d.Catalog.TextBytes
	}
	return n
}

// Check returns why the column can't hold a value, "" if it can.
func (n ColumnLimits) Check(value any) (reason string) {
	switch v := value.(type) {
	case int64:
		if n.int32 && (v < -1<<31 || v >= 1<<32) {
			return "outside the range of this database's 32-bit integers"
		}
	case string:
		if n.Bytes > 0 && len(v) > n.Bytes {
			return strconv.Itoa(len(v)) + " bytes, this database's column holds " + strconv.Itoa(n.Bytes)
		}
		if strings.ContainsFunc(v, func(r rune) bool { return !n.CanEncode(r) }) {
			return "has characters that this database's character set " + n.charset + " doesn't"
		}
	}
	return ""
}

// CanEncode reports whether the column's character set has a character. For a character set that it
// doesn't know it returns true, and leaves the check to the engine.
func (n ColumnLimits) CanEncode(r rune) bool {
	switch n.charset {
	case "latin1": // in MariaDB Windows-1252, with control characters where that has none
		const special = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u0081\u008d\u008f\u0090\u009d"
		return r < 0x80 || r >= 0xa0 && r <= 0xff || strings.ContainsRune(special, r)
	case "utf8", "utf8mb3":
		return r <= 0xffff
	}
	return true
}
