package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
)

// readBody returns the body without what Python's reader passes over, too: blanks and a byte order mark. JSON's null counts as none.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, err
	}
	if err != nil {
		return nil, &httpError{status: http.StatusBadRequest, detail: "the body can't be read to its end"}
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	switch {
	case len(body) > 0 && len(trimmed) == 0:
		return nil, notJSON(1, "there are only blanks")
	case string(trimmed) == "null":
		return nil, nil
	}
	return trimmed, nil
}

// body reads the body as one JSON value; without one that is a fault.
func (r *reader) body(request *http.Request) (any, bool, error) {
	body, err := readBody(request)
	if err != nil {
		return nil, false, err
	}
	if len(body) == 0 {
		r.fault("missing", inBody, "a body is required", nil)
		return nil, false, nil
	}
	value, err := decode(body)
	return value, err == nil, err
}

// object is a JSON object in the order of the text. Of a repeated key the last value counts.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) get(key string) (any, bool) {
	value, ok := o.values[key]
	return value, ok
}

func (o *object) set(key string, value any) {
	if _, twice := o.values[key]; !twice {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// MarshalJSON writes the object as it came.
func (o *object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, key := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, key), ':')
		value, err := json.Marshal(o.values[key])
		if err != nil {
			return nil, err
		}
		b = append(b, value...)
	}
	return append(b, '}'), nil
}

// decode reads a JSON value: *object, []any, string, json.Number, bool or
// nil. Like Python it takes NaN and Infinity, as numbers beyond all bounds. What can't be read is a fault of the body.
func decode(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(withoutNaN(body)))
	decoder.UseNumber()
	value, err := decodeValue(decoder, deepest)
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
	return unprocessable(fault{"json_invalid", []any{"body", offset}, "this is not JSON: " + why, struct{}{}})
}

// deepest is how deep lists and objects may be in each other.
const deepest = 100

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
	o := &object{values: map[string]any{}}
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

const beyond = "1e999" // a number that no float holds

// withoutNaN replaces the literals that Python writes and JSON doesn't have.
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
			replaced = append(replaced, beyond...)
			i += len("NaN") - 1
			continue
		case !inText && bytes.HasPrefix(body[i:], []byte("Infinity")):
			replaced = append(replaced, beyond...)
			i += len("Infinity") - 1
			continue
		}
		replaced = append(replaced, body[i])
	}
	return replaced
}

// isBeyond reports whether a number is too large for a float, as NaN and Infinity are made.
func isBeyond(n json.Number) bool {
	_, err := n.Float64()
	return err != nil
}

// hasBeyond looks for such a number anywhere in a value.
func hasBeyond(value any) bool {
	switch v := value.(type) {
	case json.Number:
		return isBeyond(v)
	case []any:
		return slices.ContainsFunc(v, hasBeyond)
	case *object:
		for _, item := range v.values {
			if hasBeyond(item) {
				return true
			}
		}
	}
	return false
}
