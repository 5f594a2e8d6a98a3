package validation

import (
	"encoding/json"
	"slices"
)

// Fault is one thing wrong with a request, as FastAPI reports it.
type Fault struct {
	Type     string   `json:"type"` // Pydantic's name of the kind of fault, such as "int_parsing"
	Location Location `json:"loc"`
	Message  string   `json:"msg"`
	Input    any      `json:"input"` // the value that is wrong
}

// Faults are all that is wrong with a request.
type Faults []Fault

func (Faults) Error() string { return "the request is not valid" }

// Location is where a value is: "body", "query", "path" or "header", then keys and indexes.
type Location []any

// Body is the location of the whole body.
var Body = Location{"body"}

// At is the location of what keys and indexes lead to from here.
func (l Location) At(keys ...any) Location { return append(slices.Clone(l), keys...) }

// maxFaults is how many faults of one request are reported: an answer isn't much longer than its
// request.
const maxFaults = 100

// Fault records a fault.
func (r *Reader) Fault(kind string, at Location, message string, input any) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, Fault{kind, at, message, echoed(input)})
	}
}

// Add records the faults of another reader, one that tried the same value in another way.
func (r *Reader) Add(other Reader) {
	left := max(0, maxFaults-len(r.Faults))
	r.Faults = append(r.Faults, other.Faults[:min(left, len(other.Faults))]...)
}

// Err returns the faults, a [Faults], or nil where there are none.
func (r *Reader) Err() error {
	if r.Faults == nil {
		return nil
	}
	return r.Faults
}

// echoed is what a fault repeats of its input: nothing of one that is long.
func echoed(input any) any {
	if number, ok := input.(json.Number); ok && isNonFinite(number) {
		return "not finite"
	}
	if bytesLeft(input, maxEcho) < 0 {
		return nil
	}
	return input
}

// maxEcho is about how many bytes of an input a fault repeats.
const maxEcho = 1000

// bytesLeft subtracts the size of a value from a budget of bytes. It stops looking once the budget
// is spent, and is negative then.
func bytesLeft(value any, budget int) int {
	budget--
	switch v := value.(type) {
	case string:
		budget -= len(v)
	case json.Number:
		budget -= len(v)
	case []any:
		for i := 0; i < len(v) && budget >= 0; i++ {
			budget = bytesLeft(v[i], budget)
		}
	case *Object:
		for i := 0; i < len(v.keys) && budget >= 0; i++ {
			budget = bytesLeft(v.values[v.keys[i]], budget-len(v.keys[i]))
		}
	}
	return budget
}
