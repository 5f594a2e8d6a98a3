package validation

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Reader reads the values of a request and collects what is wrong with them. Each method takes a
// value that [Decode] returned and its location; after a fault it returns a zero value.
// The zero Reader is ready to use.
type Reader struct{ Faults Faults }

// Object reads an object for which DiracX has a model. (See [Reader.Dict].)
func (r *Reader) Object(value any, at Location) (*Object, bool) {
	return r.keyed(value, at, "model_attributes_type")
}

// Dict reads an object for which DiracX has a dictionary: its fault has another type.
func (r *Reader) Dict(value any, at Location) (*Object, bool) { return r.keyed(value, at, "dict_type") }

func (r *Reader) keyed(value any, at Location, kind string) (*Object, bool) {
	o, ok := value.(*Object)
	if !ok {
		r.Fault(kind, at, "must be an object", value)
	}
	return o, ok
}

// List reads a list.
func (r *Reader) List(value any, at Location) ([]any, bool) {
	list, ok := value.([]any)
	if !ok {
		r.Fault("list_type", at, "must be a list", value)
	}
	return list, ok
}

// Text reads a string.
func (r *Reader) Text(value any, at Location) (string, bool) {
	text, ok := value.(string)
	if !ok {
		r.Fault("string_type", at, "must be a text", value)
	}
	return text, ok
}

// Texts reads a list of strings.
func (r *Reader) Texts(value any, at Location) []string {
	list, ok := r.List(value, at)
	if !ok {
		return nil
	}
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i], _ = r.Text(item, at.At(i))
	}
	return texts
}

// Required returns the value of a key. One that is missing is a fault.
func (r *Reader) Required(o *Object, key string, at Location) (any, bool) {
	value, ok := o.Get(key)
	if !ok {
		r.Fault("missing", at.At(key), "is required", o)
	}
	return value, ok
}

var (
	wholeText   = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*(\.0+)?$`)
	decimalText = regexp.MustCompile(`^[+-]?([0-9]+(_[0-9]+)*)?\.?([0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?$`)
)

// Integer reads a whole number of 64 bits, also from a string or a bool.
func (r *Reader) Integer(value any, at Location) (int64, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case json.Number:
		return r.integerOfNumber(v, at)
	case string:
		return r.integerOfText(v, at)
	}
	r.Fault("int_type", at, "must be a whole number", value)
	return 0, false
}

func (r *Reader) integerOfNumber(n json.Number, at Location) (int64, bool) {
	if whole, err := n.Int64(); err == nil {
		return whole, true
	}
	f, err := n.Float64()
	switch {
	case err != nil:
		r.Fault("finite_number", at, "must be a finite number, this is non-finite", n)
	case f != math.Trunc(f):
		r.Fault("int_from_float", at, "must be a whole number, without a fraction", n)
	case math.Abs(f) >= 1<<63:
		r.Fault("int_parsing_size", at, "is too large", n)
	default:
		return int64(f), true
	}
	return 0, false
}

func (r *Reader) integerOfText(text string, at Location) (int64, bool) {
	digits, ok := wholeDigits(text)
	if !ok {
		r.Fault("int_parsing", at, "must be a whole number", text)
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		r.Fault("int_parsing_size", at, "is too large", text)
	}
	return n, err == nil
}

// wholeDigits returns sign and digits of a whole number, which may need more than 64 bits.
func wholeDigits(text string) (digits string, ok bool) {
	text = strings.TrimSpace(text)
	if !wholeText.MatchString(text) {
		return "", false
	}
	digits, _, _ = strings.Cut(strings.ReplaceAll(text, "_", ""), ".")
	return digits, true
}

// Count reads a whole number from 1 to most.
func (r *Reader) Count(value any, at Location, most int) int {
	n, ok := r.Integer(value, at)
	switch {
	case ok && n < 1:
		r.Fault("greater_than_equal", at, "must be 1 or more", value)
	case ok && n > int64(most):
		r.Fault("less_than_equal", at, "must be "+strconv.Itoa(most)+" or less", value)
	case ok:
		return int(n)
	}
	return 0
}

// Number reads a finite number, also from a string or a bool.
func (r *Reader) Number(value any, at Location) (float64, bool) {
	f, ok := r.float(value, at)
	if ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		r.Fault("finite_number", at, "must be a finite number, this is non-finite", value)
		return 0, false
	}
	return f, ok
}

func (r *Reader) float(value any, at Location) (float64, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, _ := v.Float64() // infinite where it is too large
		return f, true
	case string:
		if f, ok := ParseFloat(v); ok {
			return f, true
		}
		r.Fault("float_parsing", at, "must be a number", v)
		return 0, false
	}
	r.Fault("float_type", at, "must be a number", value)
	return 0, false
}

// ParseFloat reads what Python's float() reads; NaN is infinite, too.
func ParseFloat(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	switch strings.ToLower(strings.TrimLeft(text, "+-")) {
	case "nan", "inf", "infinity":
		return math.Inf(1), true
	}
	if !decimalText.MatchString(text) || !strings.ContainsAny(text, "0123456789") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	return f, err == nil || math.IsInf(f, 0)
}

// Bool reads true or false, also from a string or a number.
func (r *Reader) Bool(value any, at Location) (b, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case json.Number:
		f, err := v.Float64()
		switch {
		case err == nil && (f == 0 || f == 1):
			return f == 1, true
		case err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<63:
			r.Fault("bool_parsing", at, "must be true or false", v)
			return false, false
		}
	case string:
		switch strings.ToLower(v) {
		case "1", "on", "t", "true", "y", "yes":
			return true, true
		case "0", "off", "f", "false", "n", "no":
			return false, true
		}
		r.Fault("bool_parsing", at, "must be true or false", v)
		return false, false
	}
	r.Fault("bool_type", at, "must be true or false", value)
	return false, false
}

// OneOf reads a string that is one of texts.
func (r *Reader) OneOf(value any, at Location, texts ...string) string {
	text, ok := value.(string)
	if !ok || !slices.Contains(texts, text) {
		r.Fault("enum", at, "must be one of "+quotedList(texts), value)
	}
	return text
}

func quotedList(texts []string) string {
	list, _ := json.Marshal(texts) // texts can't fail
	return string(list[1 : len(list)-1])
}
