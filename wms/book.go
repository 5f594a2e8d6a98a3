package wms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// readBook reads a file of settings from JSON: those for all VOs, and those of single VOs.
//
//	{"Default": {…}, "VOs": {"lhcb": {…}}}
//
// What Default leaves out comes from standard, and what a VO leaves out from Default.
func readBook[R any](r io.Reader, what string, standard R, override func(R, json.RawMessage) (R, error)) (all R, vos map[string]R, err error) {
	var file struct {
		Default json.RawMessage
		VOs     map[string]json.RawMessage
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return all, nil, fmt.Errorf("read the %s: %w", what, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return all, nil, fmt.Errorf(`read the %s: %w; they are written as {"Default": {…}, "VOs": {"lhcb": {…}}}`, what, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return all, nil, fmt.Errorf("read the %s: there is more after the closing }", what)
	}
	if err := refuseDuplicateNames(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return all, nil, fmt.Errorf("read the %s: %w", what, err)
	}
	if all, err = override(standard, file.Default); err != nil {
		return all, nil, fmt.Errorf("read the %s of Default: %w", what, err)
	}
	vos = make(map[string]R, len(file.VOs))
	for _, vo := range slices.Sorted(maps.Keys(file.VOs)) {
		if vos[vo], err = override(all, file.VOs[vo]); err != nil {
			return all, nil, fmt.Errorf("read the %s of the VO %s: %w", what, vo, err)
		}
	}
	return all, vos, nil
}

// refuseDuplicateNames refuses JSON with an object that has a name twice: only the last would
// count, and somebody wrote the first one to be followed.
func refuseDuplicateNames(d *json.Decoder) error {
	token, err := d.Token()
	if opening, isDelim := token.(json.Delim); err != nil || !isDelim {
		return err
	} else if opening == '[' {
		for d.More() {
			if err := refuseDuplicateNames(d); err != nil {
				return err
			}
		}
	} else {
		seen := map[json.Token]bool{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if seen[name] {
				return fmt.Errorf("%.40q is there twice; write it once", name)
			}
			seen[name] = true
			if err := refuseDuplicateNames(d); err != nil {
				return err
			}
		}
	}
	_, err = d.Token() // the closing one
	return err
}

// decodeRules decodes a JSON text into rules, and leaves fields that it doesn't have. names are the
// fields, for an error.
func decodeRules(text json.RawMessage, rules any, names []string) error {
	if len(text) == 0 {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(rules); err != nil {
		return fmt.Errorf("%w; the rules are %s", err, strings.Join(names, ", "))
	}
	return nil
}
