package wms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readBook reads settings of one kind from JSON: those of all VOs, and those of single ones.
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
	if err := refuseTwice(json.NewDecoder(bytes.NewReader(text))); err != nil {
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

// refuseTwice refuses a JSON value with an object that has a name twice: the last would count, and the
// one before it be no rule, though somebody wrote it.
func refuseTwice(d *json.Decoder) error {
	token, err := d.Token()
	if opening, isDelim := token.(json.Delim); err != nil || !isDelim {
		return err
	} else if opening == '[' {
		for d.More() {
			if err := refuseTwice(d); err != nil {
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
			if err := refuseTwice(d); err != nil {
				return err
			}
		}
	}
	_, err = d.Token() // the closing one
	return err
}

// decodeRules reads what a JSON text names into rules; names says which there are.
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

// Age is a length of time, written as a number of days, hours, minutes or seconds: "90d", "12h",
// "30m" or "10s". "never" is 0.
type Age time.Duration

// never is the Age of what never comes.
const never = "never"

var ageUnits = []struct {
	letter string
	length time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// maxAge keeps ages from being more than times can be apart.
const maxAge = 36500 // days

// UnmarshalText reads an age.
func (a *Age) UnmarshalText(text []byte) error {
	if string(text) == never {
		*a = 0
		return nil
	}
	for _, unit := range ageUnits {
		number, ok := strings.CutSuffix(string(text), unit.letter)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err == nil && n > 0 && n <= maxAge*int64(24*time.Hour/unit.length) {
			*a = Age(time.Duration(n) * unit.length)
			return nil
		}
	}
	return fmt.Errorf(`%.40q is no age; write "90d", "12h", "30m", "10s" or "never"`, text)
}

// MarshalText writes an age in its largest whole unit.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func (a Age) String() string {
	for _, unit := range ageUnits {
		if n := time.Duration(a) / unit.length; a > 0 && time.Duration(a)%unit.length == 0 {
			return strconv.FormatInt(int64(n), 10) + unit.letter
		}
	}
	return never
}
