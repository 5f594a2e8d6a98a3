package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"jobdb"
)

// FuzzTable prints any answer of a server as a table: nothing in it commands the terminal.
func FuzzTable(f *testing.F) {
	for _, body := range []string{`[{"JobID":1,"JobName":"\u001b[2J"}]`, `[{"JobName":"a\tb\nc\u009b"}]`, `[{"JobName":{"a":[1e999]}}]`, `[null]`, `{`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var out bytes.Buffer
		table := newOutput(&out, "table", []string{"JobID", "JobName"}, nil)
		_ = table.rows(body)
		_ = table.close()
		if at := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Fatalf("%q is printed as %q", body, out.String())
		}
	})
}

// FuzzWhere reads any condition and order, and makes filters of them.
func FuzzWhere(f *testing.F) {
	for _, text := range []string{"Status=Running", "Status in Done, Failed", "JobID >= 5", "Site is null", "a.b(c) not like %", "Status:desc", "=", "JobName=a=b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseSort(text)
		spec, err := parseWhere(text)
		if err != nil {
			return
		}
		if spec.Parameter == "" || spec.Operator == "" {
			t.Fatalf("%q was taken as %+v", text, spec)
		}
		_, _ = jobdb.ParseFilters([]jobdb.FilterSpec{spec}, jobdb.Limits{})
	})
}

// FuzzSettings reads any --config file.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{`{"listen": ":8000"}`, `{"max-body": 1e99}`, `[]`, `{"db": {"a": 1}}`, "null"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if settings, err := readSettings(strings.NewReader(text)); err == nil && settings == nil {
			t.Fatal("no error and no settings")
		}
	})
}
