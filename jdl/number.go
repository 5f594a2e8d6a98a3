package jdl

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// maxDigits is how many digits of a whole number Python reads and writes.
const maxDigits = 4300

// ParseInt reads a whole number as Python's int does: up to 4300 digits of any script, with blanks
// around it and single underscores between digits. ok is false for anything else.
func ParseInt(s string) (n *big.Int, ok bool) {
	s, ok = normalizeNumber(s)
	if !ok || len(strings.TrimLeft(s, "+-")) > maxDigits {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// parseFloat reads a number as Python's float does. What is too large is infinite.
func parseFloat(s string) (f float64, ok bool) {
	s, ok = normalizeNumber(s)
	if !ok || strings.ContainsAny(s, "xXpP") { // Go reads hexadecimal floats, Python doesn't
		return 0, false
	}
	if unsigned := strings.TrimLeft(s, "+-"); len(s)-len(unsigned) == 1 && strings.EqualFold(unsigned, "nan") {
		return math.NaN(), true // Python reads a NaN with a sign, Go doesn't
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// isNumber tells whether Python reads a text as a float; then it is written without quotes.
func isNumber(s string) bool {
	_, ok := parseFloat(s)
	return ok
}

// normalizeNumber removes blanks and underscores, and turns all digits into ASCII. ok is false if
// an underscore isn't between two digits.
func normalizeNumber(s string) (normal string, ok bool) {
	s = strings.Map(asciiDigit, strings.TrimSpace(s))
	isDigit := func(i int) bool { return i >= 0 && i < len(s) && '0' <= s[i] && s[i] <= '9' }
	for i := range len(s) {
		if s[i] == '_' && (!isDigit(i-1) || !isDigit(i+1)) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

// asciiDigit turns a decimal digit of any script into one of ASCII, and leaves other characters
// alone. In Unicode the ten digits of a script follow each other, zero first.
func asciiDigit(r rune) rune {
	if r < 0x80 || !unicode.IsDigit(r) {
		return r
	}
	for _, script := range unicode.Nd.R16 {
		if low := rune(script.Lo); low <= r && r <= rune(script.Hi) {
			return '0' + (r-low)%10
		}
	}
	for _, script := range unicode.Nd.R32 {
		if low := rune(script.Lo); low <= r && r <= rune(script.Hi) { //nolint:gosec // code points fit
			return '0' + (r-low)%10
		}
	}
	return r
}

// number is a Python number: an int if whole is set, a float otherwise.
type number struct {
	whole *big.Int
	float float64
}

func intNumber(n int64) number { return number{whole: big.NewInt(n)} }

func (n number) isFloat() bool { return n.whole == nil }

// toFloat converts to a float. ok is false for an int beyond the range of floats.
func (n number) toFloat() (f float64, ok bool) {
	if n.isFloat() {
		return n.float, true
	}
	f, _ = new(big.Float).SetInt(n.whole).Float64()
	return f, !math.IsInf(f, 0)
}

// mul multiplies as Python does: two ints give an int, anything else a float. ok is false where
// Python fails: on an int that it can't convert, or not write.
func (n number) mul(m number) (product number, ok bool) {
	if !n.isFloat() && !m.isFloat() {
		whole := new(big.Int).Mul(n.whole, m.whole)
		return number{whole: whole}, hasFewDigits(whole)
	}
	a, okA := n.toFloat()
	b, okB := m.toFloat()
	return number{float: float64(a * b)}, okA && okB // float64() keeps Go from fusing this with an addition, as Python doesn't
}

// add adds as Python does; see mul.
func (n number) add(m number) (sum number, ok bool) {
	if !n.isFloat() && !m.isFloat() {
		whole := new(big.Int).Add(n.whole, m.whole)
		return number{whole: whole}, hasFewDigits(whole)
	}
	a, okA := n.toFloat()
	b, okB := m.toFloat()
	return number{float: a + b}, okA && okB
}

// hasFewDigits tells whether Python writes an int: it refuses more than maxDigits.
func hasFewDigits(n *big.Int) bool { return len(strings.TrimPrefix(n.String(), "-")) <= maxDigits }

// String writes a number as Python does.
func (n number) String() string {
	switch {
	case !n.isFloat():
		return n.whole.String()
	case math.IsNaN(n.float):
		return "nan"
	case math.IsInf(n.float, 1):
		return "inf"
	case math.IsInf(n.float, -1):
		return "-inf"
	}
	scientific := strconv.FormatFloat(n.float, 'e', -1, 64)
	_, exponent, _ := strings.Cut(scientific, "e")
	if e, _ := strconv.Atoi(exponent); e < -4 || e >= 16 { // can't fail on what was formatted
		return scientific
	}
	plain := strconv.FormatFloat(n.float, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	return plain
}
