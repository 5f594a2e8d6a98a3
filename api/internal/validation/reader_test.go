package validation

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What DiracX's models (Pydantic 2) make of each of these was tried with them.
func TestReadTime(t *testing.T) {
	day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	ten := day.Add(10 * time.Hour)
	for text, want := range map[string]struct {
		time  time.Time
		zoned bool
	}{
		"2024-01-01":                      {day, false},
		"2024-01-01T10:00":                {ten, false},
		"2024-01-01T10:00Z":               {ten, true},
		"2024-01-01 10:00Z":               {ten, true},
		"2024-01-01_10:00Z":               {ten, true},
		"2024-01-01t10:00z":               {ten, true},
		"2024-01-01T10:00:00.1234567890Z": {ten.Add(123456 * time.Microsecond), true},
		"2024-01-01T10:00:00,5Z":          {ten.Add(500 * time.Millisecond), true},
		"2024-01-01T12:00:00+0200":        {ten, true},
		"2024-01-01T12:00:00+02:00":       {ten, true},
		"2023-12-31T10:01:00-23:59":       {ten, true},
		"0001-01-01T00:00:00Z":            {time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), true},
		"1700000000":                      {time.Unix(1700000000, 0), true},
		"1700000000.5":                    {time.Unix(1700000000, 5e8), true},
		"1700000000000":                   {time.Unix(1700000000, 0), true},
		"20000000001":                     {time.Unix(20000000, 1e6), true},
		"-1":                              {time.Unix(-1, 0), true},
		"+1":                              {time.Unix(1, 0), true},
	} {
		var in Reader
		got, zoned, ok := in.Time(text, Body)
		if !ok || !got.Equal(want.time) || zoned != want.zoned {
			t.Errorf("%s: %v, zoned %v, %v", text, got, zoned, in.Faults)
		}
	}
	for _, text := range []string{
		"", "bad", "2024-13-01T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T00:00:00ZZ", "2024-01-01T10", "2024-01-01T10Z",
		"2024-01-01T10:00:00+02", "2024-01-01T10:00:00 +02:00", "2024-01-01T10:00:00+24:00", "99999999999999999", " 2024-01-01T00:00:00Z",
		"20240101T000000Z", "2024-1-1T00:00:00Z", "10000-01-01T00:00:00Z", "2024-02-30", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z",
		"2024-01-01T10:00:00.Z", "1e3", "nan", "inf",
	} {
		var in Reader
		if got, _, ok := in.Time(text, Body); ok || len(in.Faults) != 1 || in.Faults[0].Type != "datetime_from_date_parsing" {
			t.Errorf("%s: %v, %v", text, got, in.Faults)
		}
	}
}

// kinds reads JSON values, each with what becomes of it: a value in JSON, or the type of the fault.
func kinds[T any](t *testing.T, read func(*Reader, any) (T, bool), wants map[string]string) {
	t.Helper()
	for text, want := range wants {
		value, err := Decode([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		var in Reader
		got, ok := read(&in, value)
		answer, _ := json.Marshal(got)
		if !ok {
			answer = nil
			for _, f := range in.Faults {
				answer = append(answer, f.Type...)
			}
		}
		if string(answer) != want {
			t.Errorf("%.60s: %s, want %s", text, answer, want)
		}
	}
}

func TestReadInteger(t *testing.T) {
	kinds(t, func(r *Reader, v any) (int64, bool) { return r.Integer(v, Body) }, map[string]string{
		`"1"`: "1", `"+1"`: "1", `" 1 "`: "1", `"1_000"`: "1000", `"1.00"`: "1", `"-5.0"`: "-5", `true`: "1", `1.0`: "1", `1e2`: "100",
		`"1__0"`: "int_parsing", `"_1"`: "int_parsing", `"1_"`: "int_parsing", `"1."`: "int_parsing", `"1.5"`: "int_parsing",
		`".0"`: "int_parsing", `"1e3"`: "int_parsing", `"0x1"`: "int_parsing", `""`: "int_parsing", `"- 5"`: "int_parsing", `"١"`: "int_parsing",
		`1.5`: "int_from_float", `1e300`: "int_parsing_size", `Infinity`: "finite_number", `NaN`: "finite_number",
		`null`: "int_type", `[]`: "int_type", `{}`: "int_type", `"` + strings.Repeat("1", 30) + `"`: "int_parsing_size",
	})
}

func TestReadNumber(t *testing.T) {
	kinds(t, func(r *Reader, v any) (float64, bool) { return r.Number(v, Body) }, map[string]string{
		`"1"`: "1", `"2.5"`: "2.5", `" 2.5 "`: "2.5", `"1e5"`: "100000", `"1_0.5"`: "10.5", `true`: "1", `".5"`: "0.5", `"5."`: "5", `"+5"`: "5",
		`"inf"`: "finite_number", `"nan"`: "finite_number", `"-Infinity"`: "finite_number", `"1e999"`: "finite_number", `1e999`: "finite_number",
		`NaN`: "finite_number", `-Infinity`: "finite_number",
		`"x"`: "float_parsing", `""`: "float_parsing", `"0x1p3"`: "float_parsing", `"e5"`: "float_parsing", `null`: "float_type", `[]`: "float_type",
	})
}

func TestReadFlag(t *testing.T) {
	kinds(t, func(r *Reader, v any) (bool, bool) { return r.Bool(v, Body) }, map[string]string{
		`"1"`: "true", `"0"`: "false", `"on"`: "true", `"off"`: "false", `"t"`: "true", `"N"`: "false", `"TRUE"`: "true", `1`: "true", `0.0`: "false",
		`" true"`: "bool_parsing", `"2"`: "bool_parsing", `""`: "bool_parsing", `2`: "bool_parsing", `"1.0"`: "bool_parsing",
		`1.5`: "bool_type", `7e300`: "bool_type", `null`: "bool_type", `[]`: "bool_type",
	})
}

// A text may have in it what would be a number outside.
func TestNaNInTexts(t *testing.T) {
	for text, want := range map[string]string{
		`["NaN", "a\"NaN", "Infinity\\", -Infinity]`: `["NaN","a\"NaN","Infinity\\",-1e999]`,
		`{"NaN": [NaN, "\\\"NaN"]}`:                  `{"NaN":[1e999,"\\\"NaN"]}`,
	} {
		value, err := Decode([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		if got, err := json.Marshal(value); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// What is echoed keeps the order of its text; a key is as the server's other strings are.
func TestObjectMarshal(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: `{}`, `{"b":1,"a":{"c":[null]},"b":2}`: `{"b":2,"a":{"c":[null]}}`, `{"a\n\"\\\u0001é":"\n"}`: `{"a\u000a\"\\\u0001é":"\n"}`,
	} {
		value, err := Decode([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		if got, err := json.Marshal(value); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

func TestQueryCount(t *testing.T) {
	for text, want := range map[string]string{
		"": "7", "n=": "int_parsing", "n=x": "int_parsing", "n=1": "1", "n=2&n=3": "3", "n=+9": "9", "n=%2B9": "9", "n=1.5": "int_parsing", "n=10.0": "10",
		"n=0": "greater_than_equal", "n=-5": "greater_than_equal", "n=-99999999999999999999": "greater_than_equal",
		"n=11": "less_than_equal", "n=99999999999999999999": "less_than_equal",
	} {
		query, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		var in Reader
		got := strconv.Itoa(in.QueryCount(query, "n", 7, 10))
		for _, f := range in.Faults {
			got = f.Type
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	var in Reader
	if n := in.QueryCount(url.Values{"n": {"99999999999999999999"}}, "n", 1, MaxCount); n != MaxCount || in.Err() != nil {
		t.Errorf("%d, %v", n, in.Faults)
	}
}

// readAll reads a value, and all values in it, as everything that there is.
func readAll(in *Reader, value any, at Location) {
	in.Integer(value, at)
	in.Number(value, at)
	in.Bool(value, at)
	in.Time(value, at)
	in.OneOf(value, at, "asc", "desc")
	in.Texts(value, at)
	if list, ok := in.List(value, at); ok {
		for i, item := range list {
			readAll(in, item, at.At(i))
		}
	}
	if o, ok := in.Object(value, at); ok {
		for key, item := range o.All() {
			readAll(in, item, at.At(key))
		}
	}
}

// FuzzDecode reads any body without a panic and to an end.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"1":{"2024-01-01T00:00:00Z":{"Status":"Running"}}}`, `{"1":{"LoadAverage":NaN}}`, `{"job_ids":[1,"2"]}`, `[[[[`, `{"a":{"b":[1e999]}}`,
		`{"search":[{"parameter":"Status","operator":"in","values":["a",1]},{"or":[{"not":5}]}],"sort":[{}],"distinct":"x"}`, `{"grouping":5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := Decode(body)
		if err != nil {
			return
		}
		if _, err := json.Marshal(value); err != nil {
			t.Errorf("can't be written again: %v", err)
		}
		var in Reader
		readAll(&in, value, Body)
		if len(in.Faults) > maxFaults {
			t.Errorf("%d faults", len(in.Faults))
		}
		if _, err := json.Marshal(in.Faults); err != nil {
			t.Errorf("faults can't be written: %v", err)
		}
	})
}
