package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// FuzzTable prints any answer of a server as a table: nothing in it commands the terminal.
func FuzzTable(f *testing.F) {
	for _, body := range []string{`[{"JobID":1,"JobName":"\u001b[2J"}]`, `[{"JobName":"a\tb\nc\u009b"}]`, `[{"JobName":{"a":[1e999]}}]`, `[null]`, `{`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var out bytes.Buffer
		table := &tableOutput{w: unpaged{&out}, columns: []string{"JobID", "JobName"}, width: 20}
		if rows, err := decodeRows(body); err == nil {
			_ = table.rows(rows)
		}
		_ = table.close(true)
		if at := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Fatalf("%q is printed as %q", body, out.String())
		}
	})
}

// FuzzSort reads any order.
func FuzzSort(f *testing.F) {
	for _, text := range []string{"Status:desc", "jobid", "JobID:up", ":", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parseSort(text)
		if err == nil && (key.Parameter == "" || key.Direction == "") {
			t.Fatalf("%q was taken as %+v", text, key)
		}
	})
}

// FuzzSettings reads any --config file.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{`{"listen": ":8000"}`, `{"max-body": 1e99}`, `[]`, `{"db": {"a": 1}}`, "null"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if settings, err := readSettings("settings.json", []byte(text)); err == nil && settings == nil {
			t.Fatal("no error and no settings")
		}
	})
}
