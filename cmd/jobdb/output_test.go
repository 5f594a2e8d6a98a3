package main

import (
	"bytes"
	"strings"
	"testing"
)

// Names that users chose stay in their cell: a terminal gets no commands, a CSV reader no more
// columns or rows.
func TestOutput(t *testing.T) {
	const rows = `[{"JobID":9007199254740993,"JobName":"a\tb\u001b[2J\u009b\u202e\n\"q\", x","EndExecTime":null,"VerifiedFlag":true}]`
	columns := []string{"JobID", "JobName", "EndExecTime", "VerifiedFlag"}
	for form, want := range map[string]string{
		"table": "JobID             JobName           EndExecTime  VerifiedFlag\n" +
			"9007199254740993  a\ufffdb\ufffd[2J\ufffd\ufffd\ufffd\"q\", x               true\n",
		"csv":  "JobID,JobName,EndExecTime,VerifiedFlag\n9007199254740993,\"a\tb\x1b[2J\u009b\u202e\n\"\"q\"\", x\",,true\n",
		"json": "[\n" + strings.Trim(rows, "[]") + "\n]\n",
	} {
		b := &bytes.Buffer{}
		out := newOutput(b, form, columns, columns)
		if err := out.rows([]byte(rows)); err != nil {
			t.Fatal(err)
		}
		if err := out.close(); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%q\n%q", form, err, b.String(), want)
		}
		if err := newOutput(b, form, columns, columns).rows([]byte(`{"detail":1}`)); err == nil {
			t.Errorf("%s: an answer that is no list", form)
		}
	}
}
