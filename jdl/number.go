package jdl

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// mostDigits is how many digits a whole number may have, as in Python.
const mostDigits = 4300

// ParseInt reads a whole number as Python does: of up to 4300 digits of any
// script, with blanks around it and single underscores between digits.
func ParseInt(s string) (n *big.Int, ok bool) {
	s, ok = plainNumber(s)
	if !ok || len(strings.TrimLeft(s, "+-")) > mostDigits {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// parseFloat reads a number as Python does. What is too large is infinite.
func parseFloat(s string) (f float64, ok bool) {
	s, ok = plainNumber(s)
	if !ok || strings.ContainsAny(s, "xXpP") { // hexadecimal is Go's, not Python's
		return 0, false
	}
	if unsigned := strings.TrimLeft(s, "+-"); len(s)-len(unsigned) == 1 && strings.EqualFold(unsigned, "nan") {
		return math.NaN(), true // a NaN with a sign is Python's, not Go's
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

// plainNumber removes blanks and underscores and makes all digits those of ASCII.
func plainNumber(s string) (plain string, ok bool) {
	s = strings.Map(asciiDigit, strings.TrimSpace(s))
	isDigit := func(i int) bool { return i >= 0 && i < len(s) && '0' <= s[i] && s[i] <= '9' }
	for i := range len(s) {
		if s[i] == '_' && (!isDigit(i-1) || !isDigit(i+1)) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

// asciiDigit turns a decimal digit of any script into one of ASCII. In Unicode
// the ten digits of a script follow each other, zero first.
func asciiDigit(r rune) rune {
	if r < 0x80 || !unicode.IsDigit(r) {
		return r
	}
	for _, within := range unicode.Nd.R16 {
		if low := rune(within.Lo); low <= r && r <= rune(within.Hi) {
			return '0' + (r-low)%10
		}
	}
	for _, within := range unicode.Nd.R32 {
		if low := rune(within.Lo); low <= r && r <= rune(within.Hi) { //nolint:gosec // code points fit
			return '0' + (r-low)%10
		}
	}
	return r
}

// number is a Python number: whole, or without that a float.
type number struct {
	whole *big.Int
	float float64
}

func whole(n int64) number { return number{whole: big.NewInt(n)} }

// toFloat gives the float, which can't be had of a whole number beyond all floats.
func (n number) toFloat() (float64, bool) {
	if n.whole == nil {
		return n.float, true
	}
	f, _ := new(big.Float).SetInt(n.whole).Float64()
	return f, !math.IsInf(f, 0)
}

func (n number) times(m number) (number, bool) {
	if n.whole != nil && m.whole != nil {
		product := new(big.Int).Mul(n.whole, m.whole)
		return number{whole: product}, fits(product)
	}
	a, okA := n.toFloat()
	b, okB := m.toFloat()
	return number{float: float64(a * b)}, okA && okB // rounded before anything is added, as in Python
}

func (n number) plus(m number) (number, bool) {
	if n.whole != nil && m.whole != nil {
		sum := new(big.Int).Add(n.whole, m.whole)
		return number{whole: sum}, fits(sum)
	}
	a, okA := n.toFloat()
	b, okB := m.toFloat()
	return number{float: a + b}, okA && okB
}

// fits tells whether Python would write a whole number.
func fits(n *big.Int) bool { return len(strings.TrimPrefix(n.String(), "-")) <= mostDigits }

// String writes a number as Python does.
func (n number) String() string {
	if n.whole != nil {
		return n.whole.String()
	}
	switch {
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
