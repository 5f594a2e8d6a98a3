package api

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jobdb"
)

// reader reads the values of a request as the models of the reference do,
// which are lenient ("5" is a number where one is wanted), and notes each fault with its
// place, in the words that existing clients know.
type reader struct{ faults []fault }

// mostFaults is how many are told of one request: an answer isn't much longer than its request.
const mostFaults = 100

// place is where a value is: "body", then keys and indexes.
type place []any

var inBody = place{"body"}

func (p place) at(keys ...any) place { return append(slices.Clone(p), keys...) }

func (r *reader) fault(kind string, at place, message string, input any) {
	if len(r.faults) < mostFaults {
		r.faults = append(r.faults, fault{kind, at, message, echoed(input)})
	}
}

// take notes the faults of an attempt.
func (r *reader) take(attempt reader) {
	room := max(0, mostFaults-len(r.faults))
	r.faults = append(r.faults, attempt.faults[:min(room, len(attempt.faults))]...)
}

// echoed is what is repeated of an input: all but what is long.
func echoed(input any) any {
	if number, ok := input.(json.Number); ok && isBeyond(number) {
		return "not finite"
	}
	if room(input, longestEcho) < 0 {
		return nil
	}
	return input
}

// longestEcho is about how many bytes of an input are repeated.
const longestEcho = 1000

// room is what is left of some bytes after a value, negative when it is
// longer: then no more of it is looked at.
func room(value any, bytes int) int {
	bytes--
	switch v := value.(type) {
	case string:
		bytes -= len(v)
	case json.Number:
		bytes -= len(v)
	case []any:
		for i := 0; i < len(v) && bytes >= 0; i++ {
			bytes = room(v[i], bytes)
		}
	case *object:
		for i := 0; i < len(v.keys) && bytes >= 0; i++ {
			bytes = room(v.values[v.keys[i]], bytes-len(v.keys[i]))
		}
	}
	return bytes
}

// err is the answer to a request that has faults.
func (r *reader) err() error {
	if r.faults == nil {
		return nil
	}
	return unprocessable(r.faults...)
}

// object reads what the reference has a model for, dict what it has a dictionary for.
func (r *reader) object(value any, at place) (*object, bool) {
	return r.keyed(value, at, "model_attributes_type")
}

func (r *reader) dict(value any, at place) (*object, bool) { return r.keyed(value, at, "dict_type") }

func (r *reader) keyed(value any, at place, kind string) (*object, bool) {
	o, ok := value.(*object)
	if !ok {
		r.fault(kind, at, "must be an object", value)
	}
	return o, ok
}

func (r *reader) list(value any, at place) ([]any, bool) {
	list, ok := value.([]any)
	if !ok {
		r.fault("list_type", at, "must be a list", value)
	}
	return list, ok
}

func (r *reader) text(value any, at place) (string, bool) {
	text, ok := value.(string)
	if !ok {
		r.fault("string_type", at, "must be a text", value)
	}
	return text, ok
}

// texts reads a list of texts.
func (r *reader) texts(value any, at place) []string {
	list, ok := r.list(value, at)
	if !ok {
		return nil
	}
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i], _ = r.text(item, at.at(i))
	}
	return texts
}

// required notes a key that is missing.
func (r *reader) required(o *object, key string, at place) (any, bool) {
	value, ok := o.get(key)
	if !ok {
		r.fault("missing", at.at(key), "is required", o)
	}
	return value, ok
}

var (
	wholeText   = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*(\.0+)?$`)
	decimalText = regexp.MustCompile(`^[+-]?([0-9]+(_[0-9]+)*)?\.?([0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+)?$`)
)

// integer reads a whole number of 64 bits.
func (r *reader) integer(value any, at place) (int64, bool) {
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
	r.fault("int_type", at, "must be a whole number", value)
	return 0, false
}

func (r *reader) integerOfNumber(n json.Number, at place) (int64, bool) {
	if whole, err := n.Int64(); err == nil {
		return whole, true
	}
	f, err := n.Float64()
	switch {
	case err != nil:
		r.fault("finite_number", at, "must be a finite number, this is non-finite", n)
	case f != math.Trunc(f):
		r.fault("int_from_float", at, "must be a whole number, without a fraction", n)
	case math.Abs(f) >= 1<<63:
		r.fault("int_parsing_size", at, "is too large", n)
	default:
		return int64(f), true
	}
	return 0, false
}

func (r *reader) integerOfText(text string, at place) (int64, bool) {
	digits, ok := wholeDigits(text)
	if !ok {
		r.fault("int_parsing", at, "must be a whole number", text)
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		r.fault("int_parsing_size", at, "is too large", text)
	}
	return n, err == nil
}

// wholeDigits is a whole number as a text that may be longer than 64 bits, sign and digits only.
func wholeDigits(text string) (digits string, ok bool) {
	text = strings.TrimSpace(text)
	if !wholeText.MatchString(text) {
		return "", false
	}
	digits, _, _ = strings.Cut(strings.ReplaceAll(text, "_", ""), ".")
	return digits, true
}

// number reads a finite number.
func (r *reader) number(value any, at place) (float64, bool) {
	f, ok := r.float(value, at)
	if ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		r.fault("finite_number", at, "must be a finite number, this is non-finite", value)
		return 0, false
	}
	return f, ok
}

func (r *reader) float(value any, at place) (float64, bool) {
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
		if f, ok := parseFloat(v); ok {
			return f, true
		}
		r.fault("float_parsing", at, "must be a number", v)
		return 0, false
	}
	r.fault("float_type", at, "must be a number", value)
	return 0, false
}

// parseFloat reads what Python's float() reads.
func parseFloat(text string) (float64, bool) {
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

// flag reads true or false.
func (r *reader) flag(value any, at place) (flag, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case json.Number:
		f, err := v.Float64()
		switch {
		case err == nil && (f == 0 || f == 1):
			return f == 1, true
		case err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<63:
			r.fault("bool_parsing", at, "must be true or false", v)
			return false, false
		}
	case string:
		switch strings.ToLower(v) {
		case "1", "on", "t", "true", "y", "yes":
			return true, true
		case "0", "off", "f", "false", "n", "no":
			return false, true
		}
		r.fault("bool_parsing", at, "must be true or false", v)
		return false, false
	}
	r.fault("bool_type", at, "must be true or false", value)
	return false, false
}

// id reads a key as the ID of a job.
func (r *reader) id(key string, at place) (jobdb.JobID, bool) {
	n, ok := r.integerOfText(key, at.at(key, "[key]"))
	return jobdb.JobID(n), ok
}

// byJob reads the body, an object whose keys are IDs of jobs. The error tells all faults of the request.
func (r *reader) byJob(request *http.Request, each func(id jobdb.JobID, value any, at place)) error {
	body, ok, err := r.body(request)
	if err != nil {
		return err
	}
	if !ok {
		return r.err()
	}
	if o, ok := r.dict(body, inBody); ok {
		for _, key := range o.keys {
			id, _ := r.id(key, inBody)
			each(id, o.values[key], inBody.at(key))
		}
	}
	return r.err()
}

// lastOf is a parameter of the query; of several the last counts, as in FastAPI.
func lastOf(query url.Values, name string) (string, bool) {
	values := query[name]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

func (r *reader) queryFlag(query url.Values, name string) bool {
	text, ok := lastOf(query, name)
	if !ok {
		return false
	}
	flag, _ := r.flag(text, place{"query", name})
	return flag
}

// queryCount reads a whole number that is 1 or more.
func (r *reader) queryCount(query url.Values, name string, standard int) int {
	text, ok := lastOf(query, name)
	if !ok {
		return standard
	}
	at := place{"query", name}
	digits, ok := wholeDigits(text)
	if !ok {
		r.fault("int_parsing", at, "must be a whole number", text)
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case strings.HasPrefix(digits, "-") || err == nil && n < 1:
		r.fault("greater_than_equal", at, "must be 1 or more", text)
		return 0
	case err != nil || n > mostCount:
		return mostCount
	}
	return int(n)
}

// mostCount stands for all numbers from it on: no page is that far.
const mostCount = 1<<31 - 1

// queryAtMost is queryCount with a bound.
func (r *reader) queryAtMost(query url.Values, name string, standard, most int) int {
	n := r.queryCount(query, name, standard)
	if n > most {
		text, _ := lastOf(query, name)
		r.fault("less_than_equal", place{"query", name}, "must be "+strconv.Itoa(most)+" or less", text)
	}
	return n
}
