package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// readBody returns the body, trimmed. JSON's null counts as none.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, err
	}
	if err != nil {
		return nil, &httpError{status: http.StatusBadRequest, detail: "the body can't be read to its end"}
	}
	if body = bytes.TrimSpace(body); string(body) == "null" {
		body = nil
	}
	return body, nil
}

var errNoBody = unprocessable(fault{"missing", []any{"body"}, "a body is required", nil})

// decode reads a JSON value. What can't be read is told as a fault of the body.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	err := decoder.Decode(into)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		return unprocessable(fault{"json_invalid", []any{"body", decoder.InputOffset()}, "there is more after the end of the JSON value", struct{}{}})
	}
	var (
		syntax *json.SyntaxError
		wrong  *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return unprocessable(fault{"json_invalid", []any{"body", syntax.Offset}, "this is not JSON: " + syntax.Error(), struct{}{}})
	case errors.As(err, &wrong):
		return unprocessable(wrongType(wrong))
	case err != nil: // of a type that reads itself: it says no more
		return unprocessable(fault{"value_error", []any{"body"}, "the body can't be read", nil})
	}
	return nil
}

func wrongType(err *json.UnmarshalTypeError) fault {
	location := []any{"body"}
	if err.Field != "" {
		for name := range strings.SplitSeq(err.Field, ".") {
			location = append(location, name)
		}
	}
	kind, want := "model_attributes_type", "an object"
	switch err.Type.Kind().String() {
	case "slice":
		kind, want = "list_type", "a list"
	case "string":
		kind, want = "string_type", "a text"
	case "bool":
		kind, want = "bool_type", "true or false"
	}
	return fault{kind, location, "must be " + want + ", not " + err.Value, err.Value}
}

const mostPerPage = 10_000

// readPage reads the parameters page and per_page; of several the last counts, as in FastAPI.
func readPage(query url.Values) (page, perPage int, err error) {
	var faults []fault
	read := func(name string, standard, most int) int {
		values := query[name]
		if len(values) == 0 {
			return standard
		}
		n, f := readCount(name, values[len(values)-1], most)
		if f != nil {
			faults = append(faults, *f)
		}
		return n
	}
	page, perPage = read("page", 1, 1<<31-1), read("per_page", 100, mostPerPage)
	if faults != nil {
		return 0, 0, unprocessable(faults...)
	}
	return page, perPage, nil
}

func readCount(name, text string, most int) (int, *fault) {
	location := []any{"query", name}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(text, "-"):
		n = 1<<63 - 1
	case errors.Is(err, strconv.ErrRange):
		n = -1
	case err != nil:
		return 0, &fault{"int_parsing", location, "must be a whole number", text}
	}
	switch {
	case n < 1:
		return 0, &fault{"greater_than_equal", location, "must be 1 or more", text}
	case n > int64(most):
		return 0, &fault{"less_than_equal", location, "must be " + strconv.Itoa(most) + " or less", text}
	}
	return int(n), nil
}
