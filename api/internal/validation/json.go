package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// Trim returns a body without the white space and the byte order mark that Python's JSON reader
// skips: nothing for null, which counts as no body. White space alone is a fault.
func Trim(body []byte) ([]byte, error) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(body) > 0 && len(trimmed) == 0:
		return nil, notJSON(1, "there are only blanks")
	case string(trimmed) == "null":
		return nil, nil
	}
	return trimmed, nil
}

// CountValues returns about how many values a body has, each key counted as one more, and how many
// blanks between them. It looks at the text alone, so that a body is refused before memory is spent
// on it; of what isn't JSON it makes a guess.
func CountValues(body []byte) (values, blanks int) {
	inText := false
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			inText = !inText
		case '\\':
			if inText {
				i++
			}
		case ',', ':', '[', '{':
			if !inText {
				values++
			}
		case ' ', '\t', '\r', '\n':
			if !inText {
				blanks++
			}
		}
	}
	return values, blanks
}

// Object is a JSON object in the order of the text. Of a repeated key the last value counts.
type Object struct {
	keys   []string
	values map[string]any
}

// Len is the number of keys.
func (o *Object) Len() int { return len(o.keys) }

// Get returns the value of a key, and whether the key is there.
func (o *Object) Get(key string) (any, bool) {
	value, ok := o.values[key]
	return value, ok
}

// All goes through keys and values in the order of the text.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, key := range o.keys {
			if !yield(key, o.values[key]) {
				return
			}
		}
	}
}

func (o *Object) set(key string, value any) {
	if _, repeated := o.values[key]; !repeated {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// MarshalJSON writes the object in the order of its text.
func (o *Object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, key := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendKey(b, key), ':')
		value, err := json.Marshal(o.values[key])
		if err != nil {
			return nil, err
		}
		b = append(b, value...)
	}
	return append(b, '}'), nil
}

// appendKey writes a JSON string.
func appendKey(b []byte, key string) []byte {
	b = append(b, '"')
	for _, r := range key {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// Decode parses a JSON value: an *Object, []any, string, json.Number, bool or nil. Like Python it
// accepts NaN and Infinity, as numbers beyond all bounds. The error is a [Faults] about the body.
func Decode(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(withoutNaN(body)))
	decoder.UseNumber()
	value, err := decodeValue(decoder, maxDepth)
	if err == nil {
		if _, more := decoder.Token(); errors.Is(more, io.EOF) {
			return value, nil
		}
		err = errors.New("there is more after the end of the JSON value")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return nil, notJSON(decoder.InputOffset(), err.Error())
}

func notJSON(offset int64, why string) error {
	return Faults{{"json_invalid", Location{"body", offset}, "this is not JSON: " + why, struct{}{}}}
}

// maxDepth is how deep lists and objects may be nested.
const maxDepth = 100

func decodeValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errors.New("lists and objects are too deep in each other")
	}
	if delimiter == '{' {
		return decodeObject(decoder, depth-1)
	}
	list := []any{}
	for decoder.More() {
		item, err := decodeValue(decoder, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err = decoder.Token()
	return list, err
}

func decodeObject(decoder *json.Decoder, depth int) (any, error) {
	o := &Object{values: map[string]any{}}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		value, err := decodeValue(decoder, depth)
		if err != nil {
			return nil, err
		}
		o.set(key.(string), value) //nolint:forcetypeassert // the decoder takes no other
	}
	_, err := decoder.Token()
	return o, err
}

const nonFinite = "1e999" // a JSON number that no float holds

// withoutNaN replaces the literals NaN and Infinity, which Python writes and JSON doesn't have.
func withoutNaN(body []byte) []byte {
	if !bytes.Contains(body, []byte("NaN")) && !bytes.Contains(body, []byte("Infinity")) {
		return body
	}
	replaced := make([]byte, 0, len(body))
	inText := false
	for i := 0; i < len(body); i++ {
		switch {
		case inText && body[i] == '\\' && i+1 < len(body):
			replaced = append(replaced, body[i])
			i++
		case body[i] == '"':
			inText = !inText
		case !inText && bytes.HasPrefix(body[i:], []byte("NaN")):
			replaced = append(replaced, nonFinite...)
			i += len("NaN") - 1
			continue
		case !inText && bytes.HasPrefix(body[i:], []byte("Infinity")):
			replaced = append(replaced, nonFinite...)
			i += len("Infinity") - 1
			continue
		}
		replaced = append(replaced, body[i])
	}
	return replaced
}

// isNonFinite reports whether a number is too large for a float, as NaN and Infinity become.
func isNonFinite(n json.Number) bool {
	_, err := n.Float64()
	return err != nil
}

// HasNonFinite reports whether NaN, Infinity or a number too large for a float is anywhere in a
// value.
func HasNonFinite(value any) bool {
	switch v := value.(type) {
	case json.Number:
		return isNonFinite(v)
	case []any:
		return slices.ContainsFunc(v, HasNonFinite)
	case *Object:
		for _, item := range v.All() {
			if HasNonFinite(item) {
				return true
			}
		}
	}
	return false
}
