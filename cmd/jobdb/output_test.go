package main

import (
	"bytes"
	"errors"
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
		out, err := outputFlags{Output: form}.open(&program{stdout: b}, columns)
		if err != nil {
			t.Fatal(err)
		}
		list, err := decodeRows([]byte(rows))
		if err := errors.Join(err, out.rows(list), out.close(true)); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%q\n%q", form, err, b.String(), want)
		}
	}
	if _, err := decodeRows([]byte(`{"detail":1}`)); err == nil {
		t.Error("an answer that is no list")
	}
}

// What programs read shows on a terminal nothing that could command it, also where a character comes
// in two parts.
func TestHarmlessOutput(t *testing.T) {
	b := &bytes.Buffer{}
	p := &program{stdout: b}
	screen := outputFlags{watched: true}.sanitized(p, unpaged{p.stdout})
	for _, part := range []string{"a\tb\x1b[2J\xc2", "\x9b\u202e\xff\nü\xe6\x97", "\xa5\n"} {
		if _, err := screen.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := screen.Close(); err != nil || b.String() != "a\tb\ufffd[2J\ufffd\ufffd\ufffd\nü日\n" {
		t.Errorf("%v %q", err, b)
	}
	row := []row{row(`{"JobID":1,"JobName":"\u001b[2J"}`)}
	for form, want := range map[outputFlags]string{
		{Output: "csv", watched: true}:             "JobName\n\ufffd[2J\n",
		{Output: "tsv", watched: true}:             "JobName\n\ufffd[2J\n",
		{JQ: ".[].JobName", watched: true}:         "\ufffd[2J\n",
		{JQ: ".[].JobName"}:                        "\x1b[2J\n",
		{Output: "table", Color: "always"}:         "JobName\n\ufffd[2J\n",
		{Output: "ids", watched: true, JQ: ".[0]"}: "{\"JobID\":1,\"JobName\":\"\\u001b[2J\"}\n",
	} {
		b := &bytes.Buffer{}
		out, err := form.open(&program{stdout: b}, []string{"JobName"})
		if err != nil {
			t.Fatal(err)
		}
		if err := finish(out, out.rows(row)); err != nil || b.String() != want {
			t.Errorf("%+v: %v %q", form, err, b)
		}
	}
}

// After an error no format prints what a program would take for an answer: neither a head alone, nor
// a list that ends.
func TestOutputAfterAnError(t *testing.T) {
	wrong := errors.New("the server has gone")
	for form, want := range map[outputFlags]string{
		{Output: "table"}: "", {Output: "wide"}: "", {Output: "csv"}: "", {Output: "tsv"}: "", {Output: "ids"}: "1\n",
		{Output: "ndjson"}: "{\"JobID\":1}\n", {Output: "json"}: "[\n{\"JobID\":1}", {JQ: "length"}: "",
	} {
		b := &bytes.Buffer{}
		out, err := form.open(&program{stdout: b}, []string{"JobID"})
		if err == nil && want != "" {
			err = out.rows([]row{row(`{"JobID":1}`)})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := finish(out, wrong); !errors.Is(err, wrong) || b.String() != want {
			t.Errorf("%+v: %v %q", form, err, b)
		}
	}
}

// Values that are lists or objects are JSON in each format, and never cut in machines' ones.
func TestNestedOutput(t *testing.T) {
	const rows = `[{"JobID":1,"Parameters":{"a":"<1>","b":[1.50,null]}},{"JobID":2,"Parameters":null}]`
	columns := []string{"JobID", "Parameters"}
	for form, want := range map[string]string{
		"table":  "JobID  Parameters\n1      {\"a\":\"<1>\",\"b\":[1.50,null]}\n2      \n",
		"csv":    "JobID,Parameters\n1,\"{\"\"a\"\":\"\"<1>\"\",\"\"b\"\":[1.50,null]}\"\n2,\n",
		"tsv":    "JobID\tParameters\n1\t{\"a\":\"<1>\",\"b\":[1.50,null]}\n2\t\n",
		"ndjson": `{"JobID":1,"Parameters":{"a":"<1>","b":[1.50,null]}}` + "\n" + `{"JobID":2,"Parameters":null}` + "\n",
		"ids":    "1\n2\n",
	} {
		if got := printed(t, outputFlags{Output: form}, columns, rows); got != want {
			t.Errorf("%s:\n%q\n%q", form, got, want)
		}
	}
	for _, jq := range []struct{ form, expression, want string }{
		{"json", "length", "2\n"},
		{"table", ".[].JobID", "1\n2\n"},
		{"ndjson", ".Parameters.a // \"none\"", "<1>\nnone\n"},
		{"json", ".[0].Parameters", `{"a":"<1>","b":[1.50,null]}` + "\n"},
	} {
		if got := printed(t, outputFlags{Output: jq.form, JQ: jq.expression}, columns, rows); got != jq.want {
			t.Errorf("--jq %s: got %q", jq.expression, got)
		}
	}
	if _, err := (outputFlags{JQ: ".["}).open(&program{}, nil); err == nil || !strings.Contains(err.Error(), "--jq") {
		t.Error(err)
	}
}

func printed(t *testing.T, flags outputFlags, columns []string, rows string) string {
	t.Helper()
	b := &bytes.Buffer{}
	out, err := flags.open(&program{stdout: b}, columns)
	if err != nil {
		t.Fatal(err)
	}
	list, err := decodeRows([]byte(rows))
	if err := errors.Join(err, out.rows(list), out.close(true)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A table on a terminal is as wide as it is; what people must see whole isn't cut.
func TestFitTable(t *testing.T) {
	b := &bytes.Buffer{}
	out := &tableOutput{w: unpaged{b}, columns: []string{"JobID", "Status", "Site", "JobName"}, width: 40, colours: true}
	list, err := decodeRows([]byte(`[{"JobID":123456,"Status":"Failed","Site":"LCG.CERN-and-more.cern","JobName":"日本語の名前です、長い"},{"JobID":1,"Status":"Odd"}]`))
	if err := errors.Join(err, out.rows(list), out.close(true)); err != nil {
		t.Fatal(err)
	}
	want := "JobID   Status  Site         JobName\n" +
		"123456  \x1b[31mFailed\x1b[0m  LCG.CERN-a…  日本語の名…\n1       Odd                  \n"
	if got := b.String(); got != want {
		t.Errorf("\n%q\n%q", got, want)
	}
}

// A JDL is printed as it is stored, but to a terminal it gives no commands.
func TestPrintJDL(t *testing.T) {
	const jdl = "[\n\tName = \"\x1b[2J\u009b\u202e\";\n]\n"
	for onTerminal, want := range map[bool]string{false: jdl, true: "[\n    Name = \"\ufffd[2J\ufffd\ufffd\";\n]\n"} {
		b := &bytes.Buffer{}
		if err := (&showCommand{JDL: true}).printJDL(b, details{JDL: jdl}, onTerminal); err != nil || b.String() != want {
			t.Errorf("on a terminal %v: %q, %v", onTerminal, b.String(), err)
		}
	}
}
